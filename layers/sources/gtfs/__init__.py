"""Feeds of public transport."""
