"""The layers, one file each, of the layer's name. A new file here with a ``Feature`` in it is a new layer.

A file is imported when its layer is asked for: all of them are long to import.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from sqlalchemy import MetaData

from layers.models.base import Base, Feature

_FILES = tuple(each.name for each in pkgutil.iter_modules(__path__))


def layer_model(name: str) -> type[Feature] | None:
    """Return the model of a layer of the platform, ``None`` where it has no layer of that name."""
    if name not in _FILES:
        return None
    importlib.import_module(f"{__name__}.{name}")
    return next((each for each in Feature.__subclasses__() if each.__tablename__ == name), None)


def all_models() -> Iterator[type[Feature]]:
    """Yield the models of all layers of the platform, in the order of their names."""
    return filter(None, map(layer_model, _FILES))


def metadata() -> MetaData:
    """Return what is known of all tables, those of the platform's own among them."""
    list(all_models())
    return Base.metadata
