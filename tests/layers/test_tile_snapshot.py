"""Decoded tiles of a small town, as they were when last looked at: layers, ids, attributes, rounded places."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import shapely
from tiling import Address, decode
from town import LAT, LON, Town, record, school, street

from layers.tiles.tiles import tile

SNAPSHOT = Path(__file__).with_name("tile_snapshot.json")
LAYERS = ("buildings", "roads", "facilities")
STEP = 0.0004


def fill(town: Town) -> None:
    """Two streets that cross, houses along them, and two schools."""
    houses = [
        record(
            "buildings",
            f"house {x} {y}",
            shapely.box(LON + x * STEP, LAT + y * STEP, LON + (x + 0.6) * STEP, LAT + (y + 0.4) * STEP),
            use="residential",
            levels=float(x + 1),
        )
        for x in range(3)
        for y in range(2)
    ]
    town.ingest(
        *houses,
        street("main", (LON - STEP, LAT), (LON + 4 * STEP, LAT), road_class="primary", name="Галоўная"),
        street("side", (LON, LAT - STEP), (LON, LAT + 3 * STEP), road_class="residential"),
        school("one", LON + STEP, LAT + STEP, name="Школа"),
        school("two", LON + 1.01 * STEP, LAT + STEP),
        layers=LAYERS,
    )


def seen(town: Town, z: int) -> dict[str, Any]:
    names = {layer: {row["id"]: name for name, row in town.features(layer).items()} for layer in LAYERS}
    address = Address.at(z, LON + STEP / 2, LAT + STEP / 2)
    with town.engine.connect() as connection:
        content = tile(connection, LAYERS, z=z, row=address.row, col=address.col, territory=town.id)
    return {
        layer: sorted(
            (
                {
                    "feature": names[layer].get(each["id"]),
                    "properties": each["properties"],
                    "geometry": shapely.set_precision(each["geometry"], 8).normalize().wkt,
                }
                for each in features
            ),
            key=str,
        )
        for layer, features in decode(content).items()
    }


def test_tiles_are_as_they_were(town: Town) -> None:
    """After a change that is meant, HORAD_UPDATE_SNAPSHOTS=1 writes the snapshot anew, to be looked at."""
    fill(town)
    found = {str(z): seen(town, z) for z in (11, 12, 13, 14, 17)}
    if os.environ.get("HORAD_UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(SNAPSHOT.read_text())
