"""Checks of numbers that several analyses share."""

from __future__ import annotations

from typing import Any

import numpy as np

from geo.errors import InvalidInputError
from geo.networks.topology import Floats


def as_numbers(name: str, values: Any) -> Floats:
    """Return numbers as an array; that they are none is an error, of which `name` tells the subject."""
    try:
        given: Floats = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must be numbers ({error})") from error
    return given


def amounts(name: str, values: Any, *, count: int | None = None, positive: bool = False) -> Floats:
    """Return numbers as an array, checked to be finite and not negative.

    Parameters
    ----------
    name
        What they are, for the error message.
    values
        Numbers.
    count
        How many there must be; any number of them, of any shape, where not given.
    positive
        Whether 0 is wrong too.

    Raises
    ------
    InvalidInputError
        If they are not.
    """
    given = as_numbers(name, values)
    if count is not None and given.shape != (count,):
        raise InvalidInputError(f"{name} must be {count} numbers, not of shape {given.shape}")
    if not np.isfinite(given).all() or (given < 0).any() or (positive and (given == 0).any()):
        raise InvalidInputError(f"{name} must be finite and {'positive' if positive else 'not negative'}")
    return given


def same_length(**given: Floats) -> tuple[Floats, ...]:
    """Return arrays by name as long as one another, those of one number repeated; that they can't be is an error."""
    try:
        return tuple(np.broadcast_arrays(*given.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in given.items())
        raise InvalidInputError(f"there must be as many of each, or one for all: {shapes}") from error
