"""The sections of an EPANET input file, line by line."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from layers.errors import SourceError

_LETTERS = 5
_UNREADABLE = "\ufffd"
_END = "[END]"
_LINE_END = re.compile(r"\r\n|\n|\r")
_FOREIGN = {"[SUBC": "a SWMM model", "[COND": "a SWMM model", "[OUTF": "a SWMM model"}
_NODES = ("[JUNC", "[RESE", "[TANK")


class Line(NamedTuple):
    """A line of a section: its number, its words and the comment after them."""

    number: int
    words: tuple[str, ...]
    comment: str


@dataclass
class InputFile:
    """An EPANET input file."""

    name: str
    sections: dict[str, list[Line]] = field(default_factory=dict)

    def __getitem__(self, section: str) -> list[Line]:
        """Return the lines of a section such as ``JUNCTIONS``; EPANET tells sections by their first letters."""
        return self.sections.get(f"[{section}"[:_LETTERS], [])

    def option(self, *words: str) -> str | None:
        """Return the value of an option, the last where it stands more than once."""
        wanted = tuple(word.upper() for word in words)
        found = [
            line.words[len(wanted)]
            for line in self["OPTIONS"]
            if len(line.words) > len(wanted) and tuple(word.upper() for word in line.words[: len(wanted)]) == wanted
        ]
        return found[-1] if found else None


def read_input_file(path: Path, *, encoding: str | None = None) -> InputFile:
    """Read an EPANET input file.

    Parameters
    ----------
    path
        The file.
    encoding
        Of its text; by default UTF-8, where what isn't UTF-8 may stand in comments only.

    Raises
    ------
    SourceError
        It can't be read, is cut off, or is none.
    """
    try:
        content = path.read_bytes().decode(encoding or "utf-8-sig", errors="strict" if encoding else "replace")
    except (OSError, UnicodeDecodeError, LookupError) as error:
        raise SourceError(f"{path.name} can't be read: {error}") from error
    sections: defaultdict[str, list[Line]] = defaultdict(list)
    section, ended = "", False
    for number, text in enumerate(_LINE_END.split(content), start=1):
        body, _, comment = text.partition(";")
        words = tuple(body.split())
        if words and words[0].startswith("["):
            section = words[0].upper()[:_LETTERS]
            ended = section == _END
            if ended:
                break
            _refuse_foreign(path, section)
            sections[section]
        elif words and section:
            sections[section].append(Line(number, words, comment.strip()))
    if not any(each in sections for each in _NODES):
        raise SourceError(f"{path.name} is no EPANET network: it has no [JUNCTIONS], [RESERVOIRS] or [TANKS].")
    if not ended:
        raise SourceError(f"{path.name} has no [END], so it seems to be cut off: if it is whole, add that line.")
    return InputFile(path.name, dict(sections))


def check_readable(file: InputFile, line: Line) -> None:
    """Refuse a line that isn't in the encoding in which the file is read.

    Raises
    ------
    SourceError
        It isn't.
    """
    if any(_UNREADABLE in word for word in line.words):
        raise SourceError(f"Line {line.number} of {file.name} isn't in UTF-8: name the encoding, such as cp1251.")


def _refuse_foreign(path: Path, section: str) -> None:
    if section in _FOREIGN:
        raise SourceError(f"{path.name} is no EPANET network but {_FOREIGN[section]}.")
