"""Loads: what sources have, brought into the layers in one transaction."""
