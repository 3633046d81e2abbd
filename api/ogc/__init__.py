"""The OGC APIs, one module a standard."""
