"""Vector tiles: the short way to them, kept ones, and archives."""
