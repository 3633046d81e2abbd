"""In which encoding a text is written, found from its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from geo.errors import InvalidInputError
from layers.errors import SourceError

_CHUNK_BYTES = 1024 * 1024
_SAMPLE_BYTES = 256 * 1024
_ENOUGH_STRAYS = 2_000
_STRAYS_OF_VALID = 0.1
_TELLING_BYTES = 64
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CYRILLIC = ("windows-1251", "cp866", "koi8-u")
_LATIN = "windows-1252"
_BY_FREQUENCY = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфіўъёєї"
"""Letters of Russian, Belarusian and Ukrainian, the most frequent first."""

_STRAY = re.compile("[\udc80-\udcff]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{3,}")
_WRONG_CASE = re.compile("[а-яёіў][А-ЯЁІЎ]")


def detect(path: Path) -> str:
    """Return the encoding of a text file, as :func:`detect_in`; a mark at its beginning goes before all."""
    with path.open("rb") as stream:
        head = stream.read(_TELLING_BYTES)
    return unicode_of(head) or detect_in(_chunks(path))


def unicode_of(head: bytes) -> str | None:
    """Return the encoding of a text with a mark at its beginning, or in UTF-16; ``None`` where it has no such sign."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    begin = head[:_TELLING_BYTES]
    zeros = [begin[start::2].count(0) for start in (0, 1)]
    if max(zeros) > len(begin) / 4 and min(zeros) == 0:
        return "utf-16-be" if zeros[0] else "utf-16-le"
    return None


def recode(path: Path, encoding: str, target: Path) -> None:
    """Write a text file anew in UTF-8, without a mark at its beginning.

    Raises
    ------
    SourceError
        It isn't written in that encoding, or is cut off.
    """
    try:
        with path.open(encoding=encoding, newline="") as stream, target.open("w", encoding="utf-8", newline="") as out:
            while text := stream.read(_CHUNK_BYTES):
                out.write(text)
    except UnicodeError as error:
        raise SourceError(f"{path.name} is cut off or damaged: it begins as {encoding}, but isn't that.") from error


def detect_in(chunks: Iterable[bytes]) -> str:
    """Return the encoding of a text: UTF-8, windows-1251, CP 866, KOI8-U or windows-1252.

    UTF-8 is what is valid as it, but for a few bytes. In other texts, letters beyond ASCII that stand in runs are
    Cyrillic, in the code page that gives the more frequent letters in the more usual case; those that stand alone are
    Latin.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    strays = valid = 0
    sample = b""
    for chunk in chunks:
        text = decoder.decode(chunk)
        if text.isascii():
            continue
        if len(sample) < _SAMPLE_BYTES:
            sample += chunk[:_SAMPLE_BYTES]
        found = len(_STRAY.findall(text))
        strays += found
        valid += len(_NOT_ASCII.findall(text)) - found
        if strays > _ENOUGH_STRAYS and strays > valid:
            break
    strays += len(decoder.decode(b"", final=True))
    return "utf-8" if strays <= valid * _STRAYS_OF_VALID else _code_page(sample)


def checked(encoding: str) -> str:
    """Return an encoding's name if there is such an encoding of text.

    Raises
    ------
    InvalidInputError
        There is none.
    """
    try:
        "".encode(encoding)
    except (LookupError, ValueError) as error:
        raise InvalidInputError(
            f"{encoding} is no encoding: write it like UTF-8, windows-1251, cp866 or windows-1252."
        ) from error
    return encoding


def _code_page(sample: bytes) -> str:
    in_runs = sum(map(len, _HIGH_RUN.findall(sample)))
    if in_runs * 2 < len(_HIGH.findall(sample)):
        return _LATIN
    return max(_CYRILLIC, key=lambda encoding: _likelihood(sample.decode(encoding, "replace")))


def _likelihood(text: str) -> float:
    ranks = {letter: len(_BY_FREQUENCY) - rank for rank, letter in enumerate(_BY_FREQUENCY)}
    letters = _NOT_ASCII.findall(text)
    score = sum(ranks.get(letter.lower(), -len(ranks)) for letter in letters)
    return score - len(ranks) * len(_WRONG_CASE.findall(text))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
