"""Servers that are measured: Horad, its peers and a route that does nothing but send bytes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL

from layers.settings import PROJECT

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "horad-benchmarks"
"""Where peers are installed, each in an environment of its own."""
MARTIN = "HORAD_BENCHMARK_MARTIN"
"""The variable that holds the path to Martin's program."""
PACKAGES = {
    "tipg": ("tipg==1.6.1", "uvicorn[standard]"),
    "pygeoapi": ("pygeoapi==0.21.0", "gunicorn", "psycopg2-binary", "sqlalchemy<2.1", "geoalchemy2"),
}
_START_WITHIN_S = 90.0
_processes: dict[str, int] = {}


def environment(name: str) -> Path:
    """Return the environment of a peer, made the first time."""
    folder = CACHE / name
    ready = folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", *PACKAGES[name]], check=True)
        ready.touch()
    return folder / "bin"


def martin() -> str | None:
    """Return the path to Martin's program, if there is one."""
    return os.environ.get(MARTIN) or shutil.which("martin")


@contextmanager
def running(
    command: Sequence[str | Path], path: str, *, port: int, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run a server until the end of the context, from when it answers at a path; its address."""
    told = {**os.environ, **(env or {})}
    process = subprocess.Popen(
        [str(each) for each in command],
        env=told,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=PROJECT,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _START_WITHIN_S
        while not _answers(url + path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} doesn't start")
            time.sleep(0.2)
        _processes[url] = process.pid
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def process_of(url: str) -> int:
    """Return the number of the process that was started to answer at an address."""
    return _processes[url]


def horad(database: URL, *, cached: bool, workers: int = 1) -> Iterator[str]:
    """Run Horad, with or without keeping tiles and pages."""
    port = free_port()
    env = {
        "HORAD_DATABASE_URL": plain(database),
        "HORAD_PORT": str(port),
        "HORAD_TILE_CACHE_MB": "256" if cached else "0",
        "HORAD_PAGE_CACHE_MB": "32" if cached else "0",
        "HORAD_RATE_LIMIT": "off",
        "HORAD_ACCESS_LOG": "false",
    }
    command = [sys.executable, "-m", "api.cli", "serve", "--workers", str(workers)]
    return running(command, "/health/live", port=port, env=env)


def tipg(database: URL, *, workers: int = 1) -> Iterator[str]:
    """Run TiPg."""
    port = free_port()
    host, port_of = (database.query.get(key) or getattr(database, key) for key in ("host", "port"))
    address = f"{quote(str(host), safe='')}:{port_of or 5432}/{database.database}"
    login = f"{database.username}:{database.password or 'none'}"
    env = {
        "DATABASE_URL": f"postgresql://{login}@{address}",
        "TIPG_DB_SCHEMAS": '["public"]',
        "TIPG_DB_SPATIAL_EXTENT": "false",
    }
    command = [environment("tipg") / "uvicorn", "tipg.main:app", "--no-access-log", "--workers", str(workers)]
    return running([*command, "--port", str(port)], "/healthz", port=port, env=env)


def martin_on(database: URL, program: str, columns: Mapping[str, Mapping[str, str]], folder: Path) -> Iterator[str]:
    """Run Martin without its cache, with the columns of each layer that Horad's tiles have."""
    port = free_port()
    tables = {
        layer: {
            "schema": "public",
            "table": layer,
            "srid": 4326,
            "geometry_column": "geom",
            "id_column": "id",
            "geometry_type": "GEOMETRY",
            "properties": dict(types),
        }
        for layer, types in columns.items()
    }
    config = {
        "listen_addresses": f"127.0.0.1:{port}",
        "cache_size_mb": 0,
        "postgres": {"connection_string": plain(database), "auto_publish": False, "tables": tables},
    }
    file = folder / "martin.yaml"
    file.write_text(json.dumps(config))
    return running([program, "--config", file], "/health", port=port)


def pygeoapi(database: URL, folder: Path) -> Iterator[str]:
    """Run pygeoapi with its provider of tiles from PostGIS."""
    port = free_port()
    data = {
        "host": database.query.get("host") or database.host,
        "port": int(str(database.query.get("port") or database.port or 5432)),
        "dbname": database.database,
        "user": database.username,
        "password": database.password or "",
        "search_path": ["public"],
    }
    provider = {"data": data, "id_field": "id", "table": "buildings", "geom_field": "geom"}
    mvt = {
        "type": "tile",
        "name": "MVT-postgresql",
        **provider,
        "options": {"zoom": {"min": 0, "max": 16}},
        "format": {"name": "pbf", "mimetype": "application/vnd.mapbox-vector-tile"},
        "storage_crs": "http://www.opengis.net/def/crs/EPSG/0/4326",
    }
    text = {"en": "Benchmark"}
    config = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 1000},
            "map": {"url": "https://localhost/{z}/{x}/{y}.png", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": text, "description": text, "keywords": ["x"], "keywords_type": "theme",
                "terms_of_service": "-", "url": "http://localhost",
            },
            "license": {"name": "-", "url": "http://localhost"},
            "provider": {"name": "-", "url": "http://localhost"},
            "contact": {"name": "-"},
        },
        "resources": {
            "buildings": {
                "type": "collection",
                "title": text,
                "description": text,
                "keywords": ["x"],
                "extents": {
                    "spatial": {"bbox": [-180, -90, 180, 90], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
                },
                "providers": [{"type": "feature", "name": "PostgreSQL", **provider}, mvt],
            }
        },
    }  # fmt: skip
    file, described = folder / "pygeoapi.yml", folder / "pygeoapi-openapi.yml"
    file.write_text(json.dumps(config))
    env = {"PYGEOAPI_CONFIG": str(file), "PYGEOAPI_OPENAPI": str(described)}
    made = [environment("pygeoapi") / "pygeoapi", "openapi", "generate", file, "--output-file", described]
    subprocess.run(made, check=True, env={**os.environ, **env}, capture_output=True)
    command = [environment("pygeoapi") / "gunicorn", "-w", "2", "--threads", "4", "-t", "120", "pygeoapi.flask_app:APP"]
    return running([*command, "-b", f"127.0.0.1:{port}"], "/conformance", port=port, env=env)


def bare(body: Path) -> Iterator[str]:
    """Run one Starlette route that sends the bytes of a file."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--app-dir", Path(__file__).parent, "--no-access-log"]
    return running([*command, "--port", str(port)], "/tiles/0/0/0", port=port, env={"BODY": str(body)})


def titiler() -> Iterator[str]:
    """Run titiler's routes, of the version that we use."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "plain_titiler:app", "--app-dir", Path(__file__).parent]
    return running([*command, "--no-access-log", "--port", str(port)], "/openapi.json", port=port)


def plain(database: URL) -> str:
    """Return an address as PostgreSQL's own programs take it."""
    return database.set(drivername="postgresql").render_as_string(hide_password=False)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def process_at(url: str) -> int:
    """Return the number of the process that listens at an address of this machine."""
    port = int(url.rpartition(":")[2])
    found = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], check=True, capture_output=True, text=True).stdout
    return int(re.search(r"pid=(\d+)", found)[1])


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).read()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
