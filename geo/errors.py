"""The exceptions every floor shares: one base, so that one place can turn them into answers."""

from __future__ import annotations


class HoradError(Exception):
    """Base of every error Horad raises on purpose; its text is fit to be shown to a user."""


class InvalidInputError(HoradError):
    """The caller's input is wrong: the text says what, where, and what would be right."""
