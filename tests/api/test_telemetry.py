"""Every request leaves a trace, if traces are wanted: also those that are answered before the routes otherwise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from patience import PATIENCE_S, wait_until
from serving import serving

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra telemetry isn't installed")

TILE = "/collections/facilities/tiles/WebMercatorQuad/14/4741/9327"
SPANS = (
    b"GET /collections/{collection}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    b"GET /collections/{collection}/items",
    b"GET /conformance",
)


class Collector(ThreadingHTTPServer):
    """Takes traces as a collector of OpenTelemetry does, and keeps them as they came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.got: list[bytes] = []


class Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        self.server.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_told: object) -> None:
        """Keep quiet."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("helsinki")
def test_tiles_pages_and_all_else_are_traced(collector: Collector) -> None:
    with serving(telemetry=True) as server, httpx.Client(base_url=server.url, timeout=PATIENCE_S) as client:
        for path in (TILE, "/collections/facilities/items?limit=2", "/conformance"):
            assert client.get(path).status_code == 200
        wait_until(lambda: all(any(name in told for told in collector.got) for name in SPANS))
