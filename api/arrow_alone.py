"""Arrow and GDAL without pandas, which they would import to see whether it is there, and which is long to import."""

from __future__ import annotations

import dis
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType

_IMPORT = dis.opmap["IMPORT_NAME"]
_MACHINERY = (__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
_KEPT_OUT = ("pandas", "geopandas")


def keep_pandas_out(*unheard: str) -> None:
    """Let pandas and GeoPandas be imported only where a statement of Python says so.

    Arrow asks for pandas from within calls: while it isn't there, no value can be of it.

    Parameters
    ----------
    unheard
        Modules whose statements don't count, such as ``pyogrio._compat``. They do without, for as long as the process
        runs.
    """
    sys.meta_path.insert(0, _WhereSaid(unheard))


class _WhereSaid(MetaPathFinder):
    """Finds nothing, and keeps others from finding pandas for those that aren't to have it."""

    def __init__(self, unheard: Sequence[str]) -> None:
        self._unheard = unheard

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname in _KEPT_OUT and not self._is_said():
            raise ModuleNotFoundError(f"{fullname} is imported where it is said to be", name=fullname)
        return None

    def _is_said(self) -> bool:
        """Tell whether an ``import`` statement, or ``importlib``, asks, and not a library from within a call."""
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_filename in _MACHINERY:
            frame = frame.f_back
        if frame is None or frame.f_code.co_filename == importlib.__file__:
            return True
        return _instruction(frame) == _IMPORT and frame.f_globals.get("__name__") not in self._unheard


def _instruction(frame: FrameType) -> int:
    return frame.f_code.co_code[frame.f_lasti]
