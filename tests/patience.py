"""Waiting for what must come to pass, on a machine of any speed."""

from __future__ import annotations

import time
from collections.abc import Callable

SOON_S = 4.0
"""What the base announces is heard within milliseconds. This is less than the five seconds after which whoever listens
looks of himself, so that nobody who has to look passes for one who has heard."""
PATIENCE_S = 60.0
"""What hasn't come by then doesn't come at all."""


def soon(condition: Callable[[], object]) -> bool:
    """Tell whether something becomes true because it was announced."""
    return _comes_true(condition, SOON_S)


def wait_until(condition: Callable[[], object], timeout_s: float = PATIENCE_S, *, every_s: float = 0.005) -> None:
    """Wait for something, however long it takes."""
    assert _comes_true(condition, timeout_s, every_s), "waited in vain"


def _comes_true(condition: Callable[[], object], timeout_s: float, every_s: float = 0.005) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
