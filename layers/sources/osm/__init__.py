"""OpenStreetMap files."""
