"""Files of features, whatever their format."""
