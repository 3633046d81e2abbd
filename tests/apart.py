"""Event loops of tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def apart(task: Coroutine[Any, Any, Any]) -> Any:
    """Run a task on an event loop of its own; the main thread has one already where tests drive a browser."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, task).result()
