"""Who asks, and with whose rights their request is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends


@dataclass(frozen=True)
class Caller:
    """Who asks; without a principal, the public."""

    principal: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether the answer may be kept for everybody."""
        return self.principal is None


def caller() -> Caller:
    """Return who asks: so far nobody can sign in, and all are the public."""
    return Caller()


CallerOf = Annotated[Caller, Depends(caller)]
