"""State and development of infrastructure: the analyses, and the methods that only they use."""
