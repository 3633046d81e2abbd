"""ETags of features: marks of their states, by which clients tell what they have seen."""

from __future__ import annotations

import re

_TAG = re.compile(r'(W/)?"([^"]*)"')


def etag(state: str) -> str:
    """Return the ETag of a state."""
    return f'"{state}"'


def names(header: str, state: str, *, weakly: bool = False) -> bool:
    """Tell whether the header ``If-Match`` or ``If-None-Match`` names a state, or any by ``*``.

    Parameters
    ----------
    header
        Its value.
    state
        The state.
    weakly
        Whether weak tags count, as they do in ``If-None-Match`` only.
    """
    if header.strip() == "*":
        return True
    return any(tag == state and (weakly or not weak) for weak, tag in _TAG.findall(header))
