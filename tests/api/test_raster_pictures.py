import io

import numpy as np
import pytest
from PIL import Image
from rio_tiler.models import ImageData
from titiler.core.resources.enums import ImageType
from titiler.core.utils import render_image

from api.rasters.pictures import picture

FEW = {value: (value, 255 - value, value // 2, 255) for value in range(0, 200, 3)}
ALL = {value: (value, 255 - value, value // 2, 200 + value % 56) for value in range(256)}


def read(kind: str, dtype: str = "uint8") -> ImageData:
    values = np.arange(256 * 256, dtype="int64").reshape(1, 256, 256) % (256 if dtype == "uint8" else 3000)
    if kind == "some":
        values %= 100
    hidden = np.zeros(values.shape, dtype=bool)
    if kind != "whole":
        hidden[0, :100, 20:90] = True
    return ImageData(np.ma.MaskedArray(values.astype(dtype), mask=hidden))


def pixels(drawn: tuple[bytes, str]) -> np.ndarray:
    content, media_type = drawn
    assert media_type == "image/png"
    found = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).copy()
    found[found[..., 3] == 0] = 0
    return found


@pytest.mark.parametrize("colours", [FEW, ALL], ids=["few", "all"])
@pytest.mark.parametrize("kind", ["whole", "some", "all values, some unknown"])
def test_a_picture_with_a_palette_has_the_pixels_of_one_without(kind: str, colours: dict[int, tuple[int, ...]]) -> None:
    ours = picture(read(kind), colormap=colours, output_format=ImageType.png)
    theirs = render_image(read(kind), colormap=colours, output_format=ImageType.png)
    assert np.array_equal(pixels(ours), pixels(theirs))
    if kind != "all values, some unknown":
        assert Image.open(io.BytesIO(ours[0])).mode == "P"


def test_values_are_rescaled_before_they_get_their_colours() -> None:
    asked = {"colormap": ALL, "output_format": ImageType.png, "rescale": [(0.0, 2999.0)]}
    ours, theirs = (draw(read("some", "int16"), **asked) for draw in (picture, render_image))
    assert np.array_equal(pixels(ours), pixels(theirs))
