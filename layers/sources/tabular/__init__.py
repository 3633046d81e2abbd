"""Tables of text and workbooks, whose places stand in columns."""
