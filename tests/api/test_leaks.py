"""No route tells anybody of what is restricted, but those who may see it: every route there is, with every parameter.

The answers to the public, and to an editor of another territory, are the same to the byte before something secret is
in the base and afterwards, when one who may see it has just asked for all of it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import rasterio
import shapely
from patience import wait_until
from probing import Probe, ask, paths, routes, with_parameters
from sqlalchemy import Engine, text

from api.app import create_app
from layers.access import keys, roles, users
from layers.custom import custom
from layers.custom.files import load_custom
from layers.rasters.catalogue import add_raster, list_rasters, remove_raster
from layers.rasters.description import RasterDescription

SECRET = "hush-4711"
LON, LAT = 10.12345, 50.43215
BOX = f"{LON - 0.01},{LAT - 0.01},{LON + 0.01},{LAT + 0.01}"
ZOOM = 15
COL = int((LON + 180) / 360 * 2**ZOOM)
ROW = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * 2**ZOOM)
LAYERS = ("facilities", "roads", "custom_hush")
MARKS = (SECRET.encode(), b"custom_hush", b"hush-raster", b"hush_column", b"10.123", b"50.432")

ALWAYS_GIVEN = {"since": "2020-01-01", "territory": "hidden"}
TRIED = {
    "f": ("html", "tilejson", "csv"),
    "bbox": (BOX,),
    "datetime": ("../2100-01-01T00:00:00Z",),
    "as_of": ("2100-01-01",),
    "limit": ("1000",),
    "offset": ("0",),
    "after": ("0",),
    "q": (SECRET,),
    "filter": (f"name = '{SECRET}'",),
    "sortby": ("-id",),
    "properties": ("name",),
    "collections": ("facilities,roads", "custom_hush"),
    "count": ("exact",),
}
POINT = f"[[{LON}, {LAT}]]"
WEB_MERCATOR = {"tileMatrixSetId": "WebMercatorQuad", "tileMatrix": str(ZOOM), "tileRow": str(ROW), "tileCol": str(COL)}
RASTER = "hidden.hush-raster"
OTHER_VALUES = {
    "archive": ("hush",),
    "name": ("name", "kind"),
    "sprite": ("horad.json",),
    "raster": (RASTER,),
    "z": (str(ZOOM),),
    "x": (str(COL),),
    "y": (str(ROW),),
    "format": ("png",),
    "lon": (str(LON),),
    "lat": (str(LAT),),
    "width": ("16",),
    "height": ("16",),
    "minx": (str(LON - 0.01),),
    "miny": (str(LAT - 0.01),),
    "maxx": (str(LON + 0.01),),
    "maxy": (str(LAT + 0.01),),
}
"""Of what a path names beside layers."""
UNDESCRIBED = {"/favicon.ico", "/static", "/fonts", "/territories/{territory}"}
"""What isn't in the description of the API: files that are for everybody, and the same routes for one territory."""
NOISE = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[\d.]+)?(\+00:00|Z)?|[?&](amp;)?v=[\w.%-]+|[0-9a-f]{32}|after=[\w%-]+"
)
"""What differs from answer to answer: times, versions in addresses, names of elements of Folium pages."""


@dataclass(frozen=True)
class Told:
    status: int
    body: bytes


@pytest.fixture(scope="module")
def hidden(helsinki: Engine, client: httpx.Client) -> Iterator[Engine]:
    """A territory of which nothing is public; there is nothing in it yet."""
    with helsinki.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO territories (id, title, metric_srid, view, boundary, restricted, pack) VALUES"
                " ('hidden', CAST(:title AS jsonb), 25832, '[10, 50, 11, 51]',"
                " ST_MakeEnvelope(10, 50, 11, 51, 4326), '{*}', '{}')"
            ),
            {"title": json.dumps(dict.fromkeys(("be", "ru", "en"), "Hidden"))},
        )
    yield helsinki
    if "custom_hush" in custom.custom_layers():
        custom.drop_layer(helsinki, "hush")
    with helsinki.begin() as connection:
        for layer in ("facilities", "roads"):
            connection.execute(text(f"DELETE FROM {layer} WHERE territory = 'hidden'"))
        rasters = list_rasters(connection, territory="hidden")
    for raster in rasters:
        remove_raster(helsinki, raster)
    with helsinki.begin() as connection:
        connection.execute(text("DELETE FROM territories WHERE id = 'hidden'"))
        for name in ("insider", "outsider", "nobody"):
            users.remove(connection, name)


@pytest.fixture(scope="module")
def callers(hidden: Engine) -> dict[str, dict[str, str]]:
    """The headers of one who may see all, of an admin of another territory, of one without roles, of an ended key."""
    with hidden.begin() as connection:
        made = {}
        for name, territory in (("insider", "hidden"), ("outsider", "helsinki"), ("nobody", None)):
            users.add(connection, name)
            if territory is not None:
                roles.grant(connection, name, "admin", territory)
            made[name] = keys.create(connection, name, writes=True)
        made["late"] = keys.create(connection, "insider", lasts=dt.timedelta(days=1))
        over = text("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE prefix = :prefix")
        connection.execute(over, {"prefix": keys.prefix_of(made["late"])})
    return {"public": {}} | {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}


def probes(secret_ids: dict[str, str], job: str) -> list[Probe]:
    """Every operation on every layer of the secret, each parameter on its own; the territory's own API too."""
    values = {
        "collection": LAYERS,
        "style": LAYERS,
        "process": ("service-areas", "network-inventory", "facility-access"),
        "jobId": (job,),
        **{name: (value,) for name, value in WEB_MERCATOR.items()},
        **OTHER_VALUES,
    }
    found = []
    for method, path, parameters in paths():
        unknown = set(re.findall(r"{(\w+)}", path)) - {*values, "feature"}
        assert not unknown, f"{path}: say in OTHER_VALUES what of the secret {unknown} names"
        names = [name for name in re.findall(r"{(\w+)}", path) if name != "feature"]
        for chosen in itertools.product(*(values[name] for name in names)):
            given = dict(zip(names, chosen, strict=True))
            given["feature"] = secret_ids.get(given.get("collection", ""), "1")
            urls = list(with_parameters(path.format(**given), parameters, tried=TRIED, always=ALWAYS_GIVEN))
            if given.get("collection", LAYERS[0]) != LAYERS[0]:
                urls = urls[:1]
            if "/maps/processes/" not in path:
                urls.append(f"/territories/hidden{urls[0]}")
            found += [Probe(method.upper(), url, _body(method, path)) for url in urls]
    return list(dict.fromkeys(found))


def _body(method: str, path: str) -> str | None:
    if path.endswith("/execution"):
        return json.dumps({"inputs": {"territory": "hidden", "origins": [[LON, LAT]], "kind": "school"}})
    area = shapely.geometry.mapping(shapely.box(*map(float, BOX.split(","))))
    return json.dumps({"type": "Feature", "geometry": area, "properties": {}}) if method != "get" else None


def told(answer: httpx.Response) -> Told:
    return Told(answer.status_code, NOISE.sub(b"", answer.content))


@pytest.fixture(scope="module")
def before(client: httpx.Client, callers: dict[str, dict[str, str]]) -> dict[str, dict[str, Told]]:
    """What those who may not see the secret were told of the base without it, by caller and address."""
    nothing = dict.fromkeys(LAYERS, "999999999")
    wanted = [each for each in probes(nothing, "none") if each.method == "GET"]
    found = {"public": {each.url: told(ask(client, each, callers["public"])) for each in wanted}}
    plain = [each for each in wanted if "?" not in each.url]
    return found | {"outsider": {each.url: told(ask(client, each, callers["outsider"])) for each in plain}}


@pytest.fixture(scope="module")
def secret(hidden: Engine, before: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Something secret in the base, of now and of the past; the ids of its features by layer."""
    file: Path = tmp_path_factory.mktemp("hush") / "hush.csv"
    file.write_text(f"lon,lat,hush column\n{LON},{LAT},{SECRET}\n")
    load_custom(hidden, file, name="hush", territory="hidden")
    raster = tmp_path_factory.mktemp("hush") / "hush.tif"
    place = rasterio.Affine(0.001, 0, LON - 0.032, 0, -0.001, LAT + 0.032)
    profile = {"driver": "GTiff", "dtype": "uint8", "crs": "EPSG:4326", "transform": place, "count": 1}
    with rasterio.open(raster, "w", width=64, height=64, **profile) as written:
        written.write(np.full((64, 64), 7, dtype="uint8"), 1)
    words = {"source": SECRET, "attribution": SECRET, "collection": "hush-raster", "content": "land_cover"}
    add_raster(hidden, raster, territory="hidden", description=RasterDescription.model_validate(words))
    with hidden.begin() as connection:
        school = text(_insert("facilities", "kind", f"'school', ST_Point({LON}, {LAT}, 4326)"))
        made = {"facilities": connection.execute(school, {"id": "a", "name": SECRET}).scalar_one()}
        line = f"ST_SetSRID(ST_MakeLine(ST_Point({LON - 0.002}, {LAT}), ST_Point({LON + 0.002}, {LAT})), 4326)"
        road = text(_insert("roads", "road_class", f"'residential', {line}"))
        made["roads"] = connection.execute(road, {"id": "a", "name": SECRET}).scalar_one()
        made["custom_hush"] = connection.execute(text("SELECT id FROM custom_hush")).scalar_one()
    with hidden.begin() as connection:
        connection.execute(text("UPDATE facilities SET name = name || '!' WHERE territory = 'hidden'"))
    return {name: str(number) for name, number in made.items()}


def _insert(layer: str, kind: str, values: str) -> str:
    columns = f"territory, source, source_id, name, {kind}, geom"
    return f"INSERT INTO {layer} ({columns}) VALUES ('hidden', 's', :id, :name, {values}) RETURNING id"


@pytest.fixture(scope="module")
def seen(
    client: httpx.Client, callers: dict[str, dict[str, str]], secret: dict[str, str]
) -> dict[Probe, httpx.Response]:
    """What the one who may see the secret is told of it by every route; a job of theirs is among it."""
    execution = "/processes/network-inventory/execution"
    wanted = {"content": json.dumps({"inputs": {"territory": "hidden"}})}
    headers = callers["insider"] | {"Prefer": "respond-async", "Content-Type": "application/json"}
    job = client.post(execution, headers=headers, **wanted).json()["jobID"]
    wait_until(
        lambda: client.get(f"/jobs/{job}", headers=callers["insider"]).json()["status"] not in ("accepted", "running")
    )
    readable = [each for each in probes(secret, job) if each.method == "GET" or not each.url.endswith("/items")]
    readable = [each for each in readable if each.method in ("GET", "POST")]
    return {each: ask(client, each, callers["insider"]) for each in readable}


def test_every_route_is_among_those_that_are_driven() -> None:
    driven = {(path, method.upper()) for method, path, _ in paths()}
    for path, methods in routes(create_app()):
        for method in methods - {"HEAD", "OPTIONS"} or {"GET"}:
            assert (path, method) in driven or path in UNDESCRIBED, f"{method} {path} is driven by no test"


def test_the_one_who_may_see_it_is_told_by_many_routes(seen: dict[Probe, httpx.Response]) -> None:
    telling = {each.url.split("?")[0] for each, answer in seen.items() if any(mark in answer.content for mark in MARKS)}
    for kind in (
        "/items",
        "/schema",
        "/changes",
        "/history",
        "/styles/custom_hush",
        "/maps/custom_hush",
        "/results",
        "/rasters/",
    ):
        assert any(kind in url for url in telling), kind
    tile = f"/collections/facilities/tiles/WebMercatorQuad/{ZOOM}/{ROW}/{COL}"
    assert tile in telling
    assert [answer.status_code for answer in seen.values() if answer.status_code >= 500] == []


def test_what_is_theirs_is_kept_by_no_shared_cache(seen: dict[Probe, httpx.Response]) -> None:
    for probe, answer in seen.items():
        rules = answer.headers["cache-control"]
        assert "private" in rules, probe
        assert "public" not in rules, probe
        assert "authorization" in answer.headers["vary"].lower(), probe


@pytest.mark.parametrize("who", ["public", "outsider"])
def test_nobody_else_is_told_anything_by_any_route(
    who: str,
    client: httpx.Client,
    callers: dict[str, dict[str, str]],
    before: dict[str, dict[str, Told]],
    seen: dict[Probe, httpx.Response],
) -> None:
    for probe, theirs in seen.items():
        if who == "outsider" and "?" in probe.url:
            continue
        held = {"If-None-Match": theirs.headers["etag"]} if "etag" in theirs.headers else {}
        answer = ask(client, probe, callers[who] | held)
        assert answer.status_code != 304, f"{probe} as one who sees other rows"
        path = probe.url.encode()
        leaked = [mark for mark in MARKS if mark in answer.content and mark not in path]
        asked = probe.body is not None or b"10.12" in path or b"filter" in path
        assert asked or not leaked, f"{probe.url} tells {who} {leaked}"
        if probe.method == "GET" and probe.url in before[who]:
            assert told(answer) == before[who][probe.url], f"{probe.url} tells {who} that something is there"


def test_who_may_not_can_change_nothing(
    client: httpx.Client, callers: dict[str, dict[str, str]], secret: dict[str, str], hidden: Engine
) -> None:
    changing = [each for each in probes(secret, "none") if each.method not in ("GET", "POST")]
    changing = [each for each in changing if not each.url.endswith("/session")]
    changing += [each for each in probes(secret, "none") if each.method == "POST" and each.url.endswith("/items")]
    count = text(
        "SELECT (SELECT count(*) FROM facilities WHERE territory = 'hidden'), (SELECT max(updated_at) FROM facilities)"
    )
    with hidden.connect() as connection:
        was = connection.execute(count).one()
    for who, refused in (("public", {401, 404}), ("nobody", {403, 404}), ("outsider", {403, 404, 412, 428})):
        for probe in changing:
            assert ask(client, probe, callers[who]).status_code in refused | {400, 405, 415, 422}, (who, probe)
    with hidden.connect() as connection:
        assert connection.execute(count).one() == was


def test_an_ended_key_opens_no_route_and_is_never_the_public(
    client: httpx.Client, callers: dict[str, dict[str, str]], secret: dict[str, str]
) -> None:
    one_each = {each.url.split("?")[0]: each for each in probes(secret, "none") if "/territories/" not in each.url}
    for probe in one_each.values():
        assert ask(client, probe, callers["late"]).status_code == 401, probe
    assert client.get("/static/css/page.css", headers=callers["late"]).status_code == 401
