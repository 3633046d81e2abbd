"""Vector tiles: what is asked for, the SQL that makes it, and files of whole pyramids."""
