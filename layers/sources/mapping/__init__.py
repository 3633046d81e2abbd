"""The words in which fields of a source become columns of a layer, and what applies them."""
