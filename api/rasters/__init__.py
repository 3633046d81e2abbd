"""Rasters, on titiler's routes."""
