"""Pictures of rasters: values in colours as PNG with a palette, which is small and soon made; all others by titiler."""

from __future__ import annotations

import io
from typing import Any

import attr
import numpy as np
from PIL import Image
from rio_tiler.colormap import make_lut
from rio_tiler.models import ImageData
from titiler.core.resources.enums import ImageType
from titiler.core.utils import render_image

from layers.rasters.series import Colours

_COMPRESSION = 3
_COLOURS = 256
_DRAWN_BANDS = (1, 3, 4)
_PICTURES = (None, ImageType.png, ImageType.jpeg, ImageType.jpg, ImageType.webp, ImageType.pngraw)


def picture(
    image: ImageData,
    *,
    colormap: Colours | None = None,
    output_format: ImageType | None = None,
    rescale: list[tuple[float, float]] | None = None,
    **options: Any,
) -> tuple[bytes, str]:
    """Return a picture of what was read, and its media type; of bands that are no colours the first is drawn.

    Parameters
    ----------
    image
        What was read.
    colormap
        The colours of its values, once they are rescaled.
    output_format
        In which it is wanted.
    rescale
        The values that become 0 and 255, a pair a band.
    options
        What `titiler.core.utils.render_image` takes beside.
    """
    if image.count not in _DRAWN_BANDS and output_format in _PICTURES:
        image = _first_band(image)
    plain = options.get("add_mask", True) and not options.get("color_formula")
    if output_format is ImageType.png and colormap and isinstance(colormap, dict) and image.count == 1 and plain:
        if rescale is not None:
            image.rescale(rescale)
            rescale = None
        drawn = _with_palette(image, colormap) if image.data.dtype == np.uint8 else None
        if drawn is not None:
            return drawn, output_format.mediatype
    found: tuple[bytes, str] = render_image(
        image, colormap=colormap, output_format=output_format, rescale=rescale, **options
    )
    return found


def _first_band(image: ImageData) -> ImageData:
    lists = ("scales", "offsets", "band_names", "band_descriptions", "dataset_statistics")
    firsts = {name: found[:1] for name in lists if (found := getattr(image, name)) is not None}
    return attr.evolve(image, array=image.array[:1], **firsts)


def _with_palette(image: ImageData, colours: dict[int, Any]) -> bytes | None:
    """Return a PNG, or ``None`` where all values are needed, so that none can stand for what isn't known."""
    values, known = image.data[0], image.mask != 0
    palette = make_lut({value: colour for value, colour in colours.items() if 0 <= value < _COLOURS})
    if not known.all():
        free = np.flatnonzero(np.bincount(values[known], minlength=_COLOURS) == 0)
        if not len(free):
            return None
        values = np.where(known, values, free[0]).astype(np.uint8)
        palette[free[0]] = 0
    drawn, file = Image.fromarray(values), io.BytesIO()
    drawn.putpalette(palette.tobytes(), "RGBA")
    drawn.save(file, "PNG", compress_level=_COMPRESSION)
    return file.getvalue()
