"""The layers, one file each. A new file here with a ``Feature`` in it is a new layer."""

from __future__ import annotations

import importlib
import pkgutil

from layers.models.base import Base, Feature

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["Base", "Feature"]
