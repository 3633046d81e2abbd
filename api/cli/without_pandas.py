"""Arrow and GDAL without pandas: they look once whether it is there, and it is long to import."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_NAMES = ("pandas", "geopandas")


def import_without_pandas() -> None:
    """Import Arrow and GDAL so that they make no frames of pandas in this process, if nobody has imported it yet."""
    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        import pyarrow as pa
        import pyogrio  # noqa: F401

        pa.array([None])
    finally:
        sys.meta_path.remove(hidden)


class _Hidden(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname in _NAMES:
            raise ModuleNotFoundError(f"{fullname} is not looked for", name=fullname)
        return None
