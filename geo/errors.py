"""The exceptions every floor shares: one base, so that one place can turn them into answers."""

from __future__ import annotations

from typing import Any


class HoradError(Exception):
    """Base of every error Horad raises on purpose; its text is fit to be shown to a user."""


class InvalidInputError(HoradError):
    """The caller's input is wrong: the text says what, where, and what would be right."""


def named(value: Any) -> str:
    """Return a label of an index, or a value, as it is written in an error: ``1`` and not ``np.int64(1)``."""
    return repr(value.item() if hasattr(value, "item") else value)
