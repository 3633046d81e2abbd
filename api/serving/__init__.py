"""The server: its processes, its HTTP, limits, logs and health."""
