"""The city itself: PostGIS layers, territories, sources, tiles and the runner of analyses."""
