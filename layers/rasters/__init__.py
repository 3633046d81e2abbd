"""Rasters: the catalogue, their files, and series in time."""
