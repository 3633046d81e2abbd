"""Many clients at once while the private database is stopped and started again: nobody may get a wrong answer.

Every client asks for random resources whose answers are known from before. Allowed is the same answer, or 503 with
Retry-After, which the client keeps to. Usage, with a service that `horad up` started:

    python -m benchmarks.restart --clients 200 --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from api.serving import service
from layers.postgres.cluster import Cluster
from layers.settings import get_settings

_CHANGES = re.compile(rb'"timeStamp": ?"[^"]*"')
_MOST_WAIT_S = 5.0
_TIMEOUT_S = 60.0


@dataclass
class Crowd:
    """What the clients have seen."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    last_503_at: float = 0.0


def main() -> int:
    """Run, print what came of it, and return 0 where every answer was right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of the service; by default that of the service in the background")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    running = service.running()
    url = options.url or (running.url if running else None)
    if url is None:
        parser.error("no service runs: start one with horad up, or name one with --url")
    return asyncio.run(_run(url, options.clients, options.seconds))


async def _run(url: str, clients: int, seconds: float) -> int:
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, limits=limits) as client:
        expected = await _known(client)
        crowd, began = Crowd(), time.monotonic()
        asking = [asyncio.create_task(_ask(client, expected, crowd, began + seconds)) for _ in range(clients)]
        await asyncio.sleep(seconds / 3)
        down_s = await asyncio.to_thread(_restart)
        up_at = time.monotonic()
        await asyncio.gather(*asking)
        after = {path: (await client.get(path)).status_code for path in expected}
    took = sorted(crowd.took_s)
    print(f"{clients} clients, {seconds:g} s, {len(took):,} answers, {len(took) / seconds:,.0f} a second")
    print(f"statuses: {dict(sorted(crowd.statuses.items()))}")
    print(f"median {took[len(took) // 2] * 1000:.0f} ms, 99 % below {took[int(len(took) * 0.99)] * 1000:.0f} ms")
    print(f"the database was away for {down_s:.1f} s; last 503 {crowd.last_503_at - up_at:+.1f} s after its return")
    for each in crowd.wrong[:10]:
        print(f"wrong: {each}")
    well = not crowd.wrong and crowd.statuses[200] > 0 and set(after.values()) == {200}
    print("every answer was right" if well else f"{len(crowd.wrong)} answers were wrong; afterwards {after}")
    return 0 if well else 1


async def _known(client: httpx.AsyncClient) -> dict[str, bytes]:
    """Return resources of all kinds with their answers."""
    first = (await client.get("/collections/buildings/items", params={"limit": 20, "f": "geojson"})).json()
    west, south, east, north = (await client.get("/collections/buildings")).json()["extent"]["spatial"]["bbox"][0]
    step_x, step_y = (east - west) / 4, (north - south) / 4
    boxes = [
        f"{west + column * step_x},{south + row * step_y},{west + (column + 1) * step_x},{south + (row + 1) * step_y}"
        for column in range(4)
        for row in range(4)
    ]
    paths = [f"/collections/buildings/items/{each['id']}" for each in first["features"]]
    paths += [f"/collections/roads/items?limit=50&bbox={box}&f=geojson" for box in boxes]
    paths += [f"/collections/facilities/items?limit=10&bbox={box}&f=geojson" for box in boxes]
    paths += ["/collections/roads", "/collections/buildings/schema", "/processes?limit=5", "/styles/roads"]
    tileset = (await client.get("/tiles/WebMercatorQuad", params={"f": "tilejson"})).json()
    template = tileset["tiles"][0].removeprefix(str(client.base_url).rstrip("/"))
    paths += [
        template.replace("{z}", "16").replace("{x}", str(37302 + x)).replace("{y}", str(18966 + y))
        for x in range(4)
        for y in range(4)
    ]
    found = {path: await client.get(path) for path in paths}
    assert {each.status_code for each in found.values()} <= {200, 204}
    return {path: _plain(answer) for path, answer in found.items() if answer.status_code == 200}


def _plain(answer: httpx.Response) -> bytes:
    return _CHANGES.sub(b"", answer.content)


async def _ask(client: httpx.AsyncClient, expected: dict[str, bytes], crowd: Crowd, until: float) -> None:
    paths = list(expected)
    while time.monotonic() < until:
        path, began = random.choice(paths), time.monotonic()
        try:
            answer = await client.get(path)
        except httpx.HTTPError as error:
            crowd.wrong.append(f"{path}: {type(error).__name__} {error}")
            continue
        crowd.took_s.append(time.monotonic() - began)
        crowd.statuses[answer.status_code] += 1
        if answer.status_code == 503 and "retry-after" in answer.headers:
            crowd.last_503_at = time.monotonic()
            await asyncio.sleep(min(_MOST_WAIT_S, float(answer.headers["retry-after"])) * random.uniform(0.5, 1))
        elif answer.status_code != 200 or _plain(answer) != expected[path]:
            crowd.wrong.append(f"{path}: {answer.status_code} {answer.text[:120]!r}")


def _restart() -> float:
    """Stop the private database and start it again; return for how long it was away, in seconds."""
    cluster, began = Cluster(get_settings().home), time.monotonic()
    cluster.stop()
    cluster.start()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
