"""The short way of pages of features, and kept ones."""
