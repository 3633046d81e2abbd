"""Reading features: which, in what order, and as what."""
