"""Moments as text."""

from __future__ import annotations

import datetime as dt


def rfc3339(moment: dt.datetime, timespec: str = "auto") -> str:
    """Return a moment with a time zone as RFC 3339 writes it: in UTC, with a Z; `timespec` as `datetime.isoformat`."""
    return moment.astimezone(dt.UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
