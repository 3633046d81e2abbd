"""What was: the life of features, changes between moments, and what has changed of late."""
