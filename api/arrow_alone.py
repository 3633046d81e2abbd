"""Arrow without pandas, which it would import to see whether values are of it, and which is long to import."""

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


def keep_pandas_out() -> None:
    """Let pandas be imported only where a statement of Python says so: while it isn't, no value can be of it."""
    sys.meta_path.insert(0, _WhereSaid())


class _WhereSaid(MetaPathFinder):
    """Finds nothing, and keeps others from finding pandas for what isn't Python."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname == "pandas" and not _is_said():
            raise ModuleNotFoundError("pandas is imported where it is said to be", name=fullname)
        return None


def _is_said() -> bool:
    """Tell whether an ``import`` statement, or ``importlib``, asks, and not a library from within a call."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename in _MACHINERY:
        frame = frame.f_back
    return frame is None or frame.f_code.co_filename == importlib.__file__ or _instruction(frame) == _IMPORT


def _instruction(frame: FrameType) -> int:
    return frame.f_code.co_code[frame.f_lasti]
