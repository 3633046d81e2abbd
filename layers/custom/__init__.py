"""Layers of one's own: made from any file, described in the base."""
