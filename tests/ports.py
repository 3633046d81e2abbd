"""Ports for servers of tests."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

KNOWN_TO_NOBODY = range(10_000, 32_768)
"""The kernel gives ports from 32768 on to whoever asks for any, and so between their choice and their use."""


def free_port() -> int:
    """Return a port on which nobody listens, and that nobody is given meanwhile."""
    for port in random.SystemRandom().sample(KNOWN_TO_NOBODY, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
