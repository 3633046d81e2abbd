"""Raster tiles: Horad beside titiler, whose routes it uses, on the same file, one process each.

Prints the ratio of the times of random tiles, the median of alternating rounds. What Horad does besides is to find out
who asks, to look the raster up in the catalogue, and to colour it.
"""

from __future__ import annotations

import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import rasterio
from rasterio.warp import transform_bounds

from api import service
from layers.packs import around
from layers.raster_description import RasterDescription
from layers.rasters import add_raster
from layers.settings import get_settings
from layers.startup import ready_engine
from layers.territory import register

ROUNDS, TILES, CLIENTS, ZOOMS = 7, 120, 4, (9, 10, 11, 12)
PEER = """
from fastapi import FastAPI
from titiler.core.factory import TilerFactory
app = FastAPI()
app.include_router(TilerFactory().router)
"""


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="horad-bench-"))
    home.chmod(0o755)
    os.environ |= {"HORAD_HOME": str(home), "HORAD_PORT": str(free_port()), "HORAD_RATE_LIMIT": "off"}
    get_settings.cache_clear()
    file = get_settings().data / "rasters" / "srtm90_deflate.tif"
    with rasterio.open(file) as opened:
        box = transform_bounds(opened.crs, 4326, *opened.bounds)
    engine = ready_engine()
    with engine.begin() as connection:
        register(connection, around("bench", box))
    words = {"collection": "srtm", "content": "elevation", "source": "srtm"}
    raster, _ = add_raster(engine, file, territory="bench", description=RasterDescription.model_validate(words))
    low, high = raster.bands[0]["min"], raster.bands[0]["max"]
    drawn = f"colormap_name=terrain&rescale={low},{high}"
    tiles = [tile(box) for _ in range(ROUNDS * TILES)]
    try:
        with peer(home) as (url, peers_pid):
            served = service.start()
            ours = f"{served.url}/rasters/bench.srtm/tiles/WebMercatorQuad/{{}}.png"
            theirs = f"{url}/tiles/WebMercatorQuad/{{}}.png?url={raster.path}&{drawn}"
            before = cpu_s(served.pid), cpu_s(peers_pid)
            measure(ours, theirs, tiles)
            used, theirs_used = cpu_s(served.pid) - before[0], cpu_s(peers_pid) - before[1]
            print(f"processor time: {theirs_used / used:.2f} x titiler")
    finally:
        service.stop()


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
    import morecantile

    west, south, east, north = box
    zoom = random.choice(ZOOMS)
    place = morecantile.tms.get("WebMercatorQuad").tile(
        random.uniform(west + 0.01, east - 0.01), random.uniform(south + 0.01, north - 0.01), zoom
    )
    return f"{place.z}/{place.x}/{place.y}"


@contextmanager
def peer(home: Path) -> Iterator[tuple[str, int]]:
    (home / "peer.py").write_text(PEER)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "peer:app", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=home)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(f"{url}/openapi.json", timeout=2)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
