"""Editing: documents checked against their layer, and changes that overwrite nobody's."""
