"""The science: pure functions, GeoDataFrames and arrays in, GeoDataFrames out."""
