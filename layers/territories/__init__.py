"""Territories: their files, checked and put into the base."""
