"""The media types of answers that are no file."""

JSON = "application/json"
GEOJSON = "application/geo+json"
