"""Heights from the rasters of the catalogue, and analyses on slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_rasters import write
from town import LAT, LON, Town, street

from geo.errors import InvalidInputError
from layers.processes import runner
from layers.rasters import relief
from layers.rasters.catalogue import add_raster
from layers.rasters.description import RasterDescription

if TYPE_CHECKING:
    from pathlib import Path

SRID = 32635


def test_slopes_come_from_the_elevation_of_the_territory(town: Town, tmp_path: Path) -> None:
    """Streets over ground that rises 1 m in 10 m to the east, as far as it is known."""
    ends = [(LON + 0.001, LAT - 0.01), (LON + 0.02, LAT - 0.01)]
    town.ingest(street("1", *ends), layers=("roads",))
    stops = {"stops": ends}
    with pytest.raises(InvalidInputError, match="no heights are known"):
        runner.run(town.engine, "route", stops | {"slopes": True}, territory=town.id)
    metres_a_pixel = 111_320 * np.cos(np.radians(LAT)) * 0.001
    rising = np.tile(np.arange(40, dtype="float32") * metres_a_pixel / 10, (30, 1))
    described = RasterDescription(collection="elevation", content="elevation", source="survey", nodata=-9999)
    add_raster(town.engine, write(tmp_path / "dem.tif", rising), territory=town.id, description=described)
    heights = relief.heights(town.engine, town.id, kind="elevation", srid=SRID)
    assert heights is not None
    assert np.isnan(heights(np.array([[0.0, 0.0]])))
    flat, up = (
        runner.run(town.engine, "route", stops | each, territory=town.id).travel_s.sum()
        for each in ({}, {"slopes": True})
    )
    assert up / flat == pytest.approx(np.exp(3.5 * 0.1), rel=0.03)
