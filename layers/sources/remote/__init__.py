"""Services on the web as sources: one file a protocol. What they hold is written to a file first, then loaded."""
