"""Geometries and coordinates on their way."""
