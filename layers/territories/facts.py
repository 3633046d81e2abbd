"""What everybody may know of a territory's file, and which of all layers or analyses it names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from geo.language import LANGUAGES

FACTS: Mapping[str, Any] = MappingProxyType(
    {"kind": "city", "timezone": None, "languages": list(LANGUAGES), "norms": {}, "layers": {}, "analyses": {}}
)
"""What everybody may know of a territory's description, and what it is where nothing is said."""


class Selection(BaseModel):
    """Some of all that there is: only those named, or all without those named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    only: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Selection:
        if self.only is not None and self.without:
            raise ValueError("needs either only or without")
        return self

    @property
    def names(self) -> set[str]:
        """The names in it."""
        return {*(self.only or ()), *self.without}

    def __contains__(self, name: str) -> bool:
        return name not in self.without and (self.only is None or name in self.only)
