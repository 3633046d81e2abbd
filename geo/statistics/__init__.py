"""Statistics of places, events and times."""
