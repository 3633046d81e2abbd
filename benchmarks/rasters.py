"""Raster tiles: Horad beside titiler, whose routes it uses, on the same file, one process each.

Prints the ratio of the times of random tiles, the median of alternating rounds. What Horad does besides is to find out
who asks, to look the raster up in the catalogue, and to colour it.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import morecantile
import rasterio
from peers import servers
from rasterio.warp import transform_bounds
from serving import database_called

from layers.rasters.catalogue import add_raster
from layers.rasters.description import RasterDescription
from layers.settings import get_settings
from layers.territories.packs import around
from layers.territories.territory import register

DATABASE = "horad_rasters"
ROUNDS, TILES, CLIENTS, ZOOMS = 7, 120, 4, (9, 10, 11, 12)


def main() -> None:
    file = get_settings().data / "rasters" / "srtm90_deflate.tif"
    with rasterio.open(file) as opened:
        box = transform_bounds(opened.crs, 4326, *opened.bounds)
    engine, where, _ = database_called(DATABASE)
    with engine.begin() as connection:
        register(connection, around("bench", box))
    words = {"collection": "srtm", "content": "elevation", "source": "srtm"}
    raster, _ = add_raster(engine, file, territory="bench", description=RasterDescription.model_validate(words))
    low, high = raster.bands[0]["min"], raster.bands[0]["max"]
    drawn = f"colormap_name=terrain&rescale={low},{high}"
    tiles = [tile(box) for _ in range(ROUNDS * TILES)]
    with servers.titiler() as peer, servers.horad(where, cached=True) as served:
        ours = f"{served}/rasters/bench.srtm/tiles/WebMercatorQuad/{{}}.png"
        theirs = f"{peer}/tiles/WebMercatorQuad/{{}}.png?url={raster.path}&{drawn}"
        pids = servers.process_at(served), servers.process_at(peer)
        before = [cpu_s(each) for each in pids]
        measure(ours, theirs, tiles)
        used, theirs_used = (cpu_s(pid) - was for pid, was in zip(pids, before, strict=True))
        print(f"processor time: {theirs_used / used:.2f} x titiler")


def measure(ours: str, theirs: str, tiles: list[str]) -> None:
    fetch([ours.format(each) for each in tiles[:TILES]])
    fetch([theirs.format(each) for each in tiles[:TILES]])
    ratios = []
    for turn in range(ROUNDS):
        part = tiles[turn * TILES : (turn + 1) * TILES]
        mine, other = (fetch([form.format(each) for each in part]) for form in (ours, theirs))
        ratios.append(other / mine)
        rates = f"Horad {TILES / mine:6.1f} tiles/s, titiler {TILES / other:6.1f}"
        print(f"round {turn + 1}: {rates}, ratio {other / mine:.2f}")
    print(f"raster tile: {statistics.median(ratios):.2f} x titiler (median of {ROUNDS})")


def fetch(urls: list[str]) -> float:
    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(CLIENTS) as pool:
        started = time.perf_counter()
        for answer in pool.map(client.get, urls):
            answer.raise_for_status()
        return time.perf_counter() - started


def tile(box: tuple[float, float, float, float]) -> str:
    west, south, east, north = box
    zoom = random.choice(ZOOMS)
    place = morecantile.tms.get("WebMercatorQuad").tile(
        random.uniform(west + 0.01, east - 0.01), random.uniform(south + 0.01, north - 0.01), zoom
    )
    return f"{place.z}/{place.x}/{place.y}"


def cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
