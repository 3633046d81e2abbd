"""The service: HTTP, formats, the web map and the command line."""
