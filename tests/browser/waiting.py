"""Waiting for a page."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

TIMEOUT_S = 60


def eventually(page: Page, condition: str, argument: Any = None) -> None:
    """Wait until a JavaScript expression holds, without `eval`, which the page's content security policy forbids."""
    deadline = time.monotonic() + TIMEOUT_S
    while not page.evaluate(condition, argument):
        assert time.monotonic() < deadline, f"never came true: {condition}"
        page.wait_for_timeout(50)
