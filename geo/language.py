"""The languages of the platform, and a text in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

LANGUAGES = ("be", "ru", "en")

Text: TypeAlias = Mapping[str, str]
