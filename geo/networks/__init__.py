"""Networks of streets and pipes: from lines to graphs, and every search on them."""
