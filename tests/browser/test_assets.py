"""The page's texts and label glyphs, read without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from api.web.build import FONTSTACKS, MANIFEST, VENDOR, WEB, is_current

LANGUAGES = ("be", "ru", "en")
ALPHABETS = (
    "АБВГДЕЁЖЗІЙКЛМНОПРСТУЎФХЦЧШЫЬЭЮЯабвгдеёжзійклмнопрстуўфхцчшыьэюя"
    "ЩЪИщъиҐґЄєЇї0123456789 .,:;-–—«»„“”()/№’"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzÅÄÖåäöŁłŠšČčŽžĄąĘęĖėŲųŪūÀÉÈÇÑÜß"
)


def messages(language: str) -> dict[str, str | dict[str, str]]:
    return json.loads((WEB / "i18n" / f"{language}.json").read_text())


def used_keys() -> set[str]:
    sources = [*(WEB / "js").glob("*.mjs"), WEB / "index.html"]
    text = "\n".join(source.read_text() for source in sources)
    return set(re.findall(r'(?<!\w)t\("([\w.]+)"', text)) | set(re.findall(r'data-i18n(?:-label)?="([\w.]+)"', text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_the_page_uses_is_there(language):
    assert used_keys() <= set(messages(language))


def test_the_languages_say_the_same_and_nothing_is_left_over():
    keys = [set(messages(language)) for language in LANGUAGES]
    assert keys[0] == keys[1] == keys[2]
    looked_up = ("column.", "unit.", "value.", "role.", "maplibre.")
    assert {key for key in keys[0] if not key.startswith(looked_up)} <= used_keys() | {"feature.yes", "feature.no"}


def test_plurals_have_every_form_of_their_language():
    forms = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}, "be": {"one", "few", "many", "other"}}
    for language in LANGUAGES:
        plurals = [each for each in messages(language).values() if isinstance(each, dict)]
        assert plurals
        assert all(set(each) == forms[language] for each in plurals)


def test_the_built_assets_are_current_and_licensed():
    assert is_current()
    packages = json.loads(MANIFEST.read_text())["packages"]
    lock = json.loads((WEB / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        assert package["version"] == lock[f"node_modules/{name}"]["version"]
        assert package["licence"]


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read a protobuf message field by field."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while position < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            assert key & 7 == 2
            length = varint()
            yield key >> 3, message[position : position + length]
            position += length


def read_glyphs(fontstack: str, start: int) -> dict[int, dict[int, int | bytes]]:
    name = f"{start}-{start + 255}"
    ((number, stack),) = fields((VENDOR / "fonts" / fontstack / f"{name}.pbf").read_bytes())
    assert number == 1
    parts = list(fields(stack))
    assert parts[:2] == [(1, fontstack.encode()), (2, name.encode())]
    return {glyph[1]: glyph for glyph in (dict(fields(part)) for number, part in parts[2:])}


@pytest.mark.parametrize("fontstack", FONTSTACKS)
def test_fonts_have_the_letters_of_our_languages(fontstack):
    glyphs = {}
    for start in {ord(letter) // 256 * 256 for letter in ALPHABETS}:
        glyphs |= read_glyphs(fontstack, start)
    assert {ord(letter) for letter in ALPHABETS} <= set(glyphs)
    for letter in ALPHABETS.replace(" ", ""):
        glyph = glyphs[ord(letter)]
        assert len(glyph[2]) == (glyph[3] + 6) * (glyph[4] + 6)
        assert max(glyph[2]) > 192 > min(glyph[2])
    assert 2 not in glyphs[ord(" ")]
    assert glyphs[ord(" ")][7] > 0


def test_a_range_no_font_has_is_empty_and_not_missing():
    assert read_glyphs("Noto Sans Regular", 19968) == {}
