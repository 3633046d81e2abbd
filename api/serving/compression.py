"""Answers compressed by gzip: for whom, and without holding up others."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from functools import lru_cache

from api.serving.at_once import Making, Raw

_LEVEL = 5
_THREAD_FROM_BYTES = 50_000


@lru_cache(maxsize=256)
def accepts_gzip(accepted: str) -> bool:
    """Whether a header ``Accept-Encoding`` allows for gzip."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def packing(plain: bytes, then: Callable[[bytes], Raw]) -> Raw | Making:
    """Return what is made of something compressed, or what to wait for where it is large, which a thread does."""
    if len(plain) < _THREAD_FROM_BYTES:
        return then(compress(plain))
    task = asyncio.ensure_future(asyncio.to_thread(compress, plain))
    return Making(task, lambda: then(task.result()), task.cancel)


def compress(plain: bytes) -> bytes:
    """Compress something; nothing stays nothing."""
    return gzip.compress(plain, _LEVEL, mtime=0) if plain else b""
