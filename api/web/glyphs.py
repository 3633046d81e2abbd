"""Label glyphs for vector maps: signed distance fields of a font, in the glyph format MapLibre reads.

A glyph's bitmap holds, for every pixel, how far it lies from the outline, so that a label stays sharp at any size.
The numbers are those of the glyph format that MapLibre reads: 24 pixels an em, a border of 3 pixels, distances of up to
8 pixels, the outline at 3/4 of the scale.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt

EM_PX = 24
BORDER_PX = 3
RADIUS_PX = 8
CUTOFF = 0.25
OVERSAMPLING = 6
RANGE_SIZE = 256
LAST_RANGE_START = 0xFF00
DRAWN_RANGES = {
    0: "Latin",
    256: "Latin of Central Europe",
    512: "Latin of other languages, phonetic letters",
    768: "Greek",
    1024: "Cyrillic",
    1280: "Cyrillic of minority languages",
    7680: "Latin of Vietnamese and Welsh",
    8192: "punctuation and currencies",
    8448: "№, ™ and fractions",
}


class GlyphFont:
    """One font file, read once, that draws its glyphs as distance fields.

    Parameters
    ----------
    path : Path
        A TrueType or OpenType file.
    """

    def __init__(self, path: Path) -> None:
        self._font = ImageFont.truetype(path, EM_PX * OVERSAMPLING, layout_engine=ImageFont.Layout.BASIC)
        self._ascender_px = round(self._font.getmetrics()[0] / OVERSAMPLING)
        self.codepoints = frozenset(FT2Font(str(path)).get_charmap())

    def glyph(self, codepoint: int) -> bytes:
        """Encode one character as a ``glyph`` message.

        Parameters
        ----------
        codepoint : int
            A Unicode code point that the font has.

        Returns
        -------
        bytes
            The protobuf message: id, bitmap, width, height, left, top, advance, all in pixels of a 24-pixel em.
        """
        character = chr(codepoint)
        x0, y0, x1, y1 = self._font.getbbox(character, anchor="ls")
        left, top = int(x0 // OVERSAMPLING), int(y0 // OVERSAMPLING)
        width, height = int(-(-x1 // OVERSAMPLING)) - left, int(-(-y1 // OVERSAMPLING)) - top
        advance = round(self._font.getlength(character) / OVERSAMPLING)
        bearing = (_zigzag(left), _zigzag(-top - self._ascender_px))
        if x0 >= x1 or y0 >= y1:
            size, bitmap = (0, 0), b""
        else:
            size = (width, height)
            bitmap = _bytes_field(2, self._distance_field(character, left, top, width, height).tobytes())
        metrics = enumerate((*size, *bearing, advance), start=3)
        return bitmap + _varint_fields([(1, codepoint), *metrics])

    def _distance_field(self, character: str, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
        """Draw a character large, measure the distance to its outline, sample it at the centres of the final pixels."""
        size = ((width + 2 * BORDER_PX) * OVERSAMPLING, (height + 2 * BORDER_PX) * OVERSAMPLING)
        canvas = Image.new("L", size)
        origin = ((BORDER_PX - left) * OVERSAMPLING, (BORDER_PX - top) * OVERSAMPLING)
        ImageDraw.Draw(canvas).text(origin, character, font=self._font, fill=255, anchor="ls")
        inside = np.asarray(canvas) >= 128
        outwards = np.where(inside, 0.5 - distance_transform_edt(inside), distance_transform_edt(~inside) - 0.5)
        outwards_px = outwards / OVERSAMPLING
        middle = OVERSAMPLING // 2
        corners = [
            outwards_px[middle - dy :: OVERSAMPLING, middle - dx :: OVERSAMPLING] for dy in (0, 1) for dx in (0, 1)
        ]
        scaled = 255 * (1 - CUTOFF - np.mean(corners, axis=0) / RADIUS_PX)
        field: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        return field


def glyph_ranges(fontstack: str, font: GlyphFont) -> Iterator[tuple[str, bytes]]:
    """Every range file of a fontstack, so that no request of a map finds nothing.

    Parameters
    ----------
    fontstack : str
        The name that styles use in ``text-font``.
    font : GlyphFont
        The font to draw.

    Yields
    ------
    tuple of str and bytes
        The range, such as ``"1024-1279"``, and its ``glyphs`` message; ranges not in `DRAWN_RANGES` hold no glyph.
    """
    for start in range(0, LAST_RANGE_START + 1, RANGE_SIZE):
        name = f"{start}-{start + RANGE_SIZE - 1}"
        wanted = range(start, start + RANGE_SIZE) if start in DRAWN_RANGES else range(0)
        yield name, _encode_range(fontstack, name, (font.glyph(code) for code in wanted if code in font.codepoints))


def _encode_range(fontstack: str, name: str, glyphs: Iterable[bytes]) -> bytes:
    stack = _bytes_field(1, fontstack.encode()) + _bytes_field(2, name.encode())
    return _bytes_field(1, stack + b"".join(_bytes_field(3, glyph) for glyph in glyphs))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint_fields(fields: Iterable[tuple[int, int]]) -> bytes:
    return b"".join(_varint(number << 3) + _varint(value) for number, value in fields)


def _bytes_field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload
