"""What is too much is turned away at once and in clear words, and what was begun is finished."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import httpx
import pytest
from patience import PATIENCE_S, wait_until
from ports import free_port
from serving import Server, serving
from sqlalchemy import Engine, text

ITEMS = "/collections/facilities/items?limit=1&sortby=name"
STATEMENT_S = 5
"""A statement may take; who waits for a connection is told sooner."""

ask = partial(httpx.request, timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def tight(helsinki: Engine, metrics_port: int) -> Iterator[Server]:
    settings = {
        "max_body_mb": 0.01,
        "connections": 2,
        "wait_s": 0.3,
        "statement_timeout_s": STATEMENT_S,
        "metrics_port": metrics_port,
        "cors_origins": "https://map.example",
        "frame_ancestors": "https://portal.example",
    }
    with serving("--workers", "2", **settings) as server:
        yield server


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Keep everybody from reading the facilities."""
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE facilities"))
        yield


def waiting(engine: Engine) -> int:
    question = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%facilities%'"
    with engine.connect() as connection:
        return int(connection.execute(text(question)).scalar_one())


def test_who_asks_too_often_is_told_when_to_ask_again(helsinki: Engine) -> None:
    with (
        serving(rate_limit="10/2 seconds") as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_S) as client,
    ):
        refused = [each for each in (client.get("/conformance") for _ in range(100)) if each.status_code != 200]
        assert refused
        for each in refused:
            assert each.status_code == 429
            assert int(each.headers["retry-after"]) >= 1
            assert "10 per 2 second" in each.json()["detail"]
        wait_until(lambda: client.get("/conformance").status_code == 200)


def test_a_body_or_headers_that_are_too_large_are_refused(tight: Server) -> None:
    url = f"{tight.url}/processes/service-areas/execution"
    big = json.dumps({"inputs": {"origins": [[24.9, 60.1]] * 5_000}}).encode()
    headers = {"Content-Type": "application/json"}

    def in_pieces() -> Iterator[bytes]:
        yield from (big[start : start + 1000] for start in range(0, len(big), 1000))

    for content in (big, in_pieces()):
        answer = ask("POST", url, content=content, headers=headers)
        assert answer.status_code == 413
        assert "0.01 MB" in answer.json()["detail"]
    assert ask("GET", f"{tight.url}/conformance", headers={"X-Much": "x" * 40_000}).status_code in (400, 431)


def test_who_waits_for_a_connection_for_longer_than_is_said_is_told_to_come_again(
    tight: Server, helsinki: Engine
) -> None:
    path = f"{tight.url}/collections/facilities/items?limit="
    with ThreadPoolExecutor(16) as pool, locked(helsinki):
        asked = [pool.submit(ask, "GET", f"{path}{limit}") for limit in range(1, 17)]
        refused = [each.result() for each in asked]
    assert {each.status_code for each in refused} == {503, 504}
    for each in refused:
        if each.status_code == 503:
            assert each.elapsed.total_seconds() < STATEMENT_S
            assert each.headers["retry-after"] == "2"
            assert "connections to the database are in use" in each.json()["detail"]


def test_a_statement_that_takes_too_long_is_stopped_and_others_are_not_kept_waiting(
    tight: Server, helsinki: Engine
) -> None:
    with (
        locked(helsinki),
        ThreadPoolExecutor(12) as pool,
        httpx.Client(base_url=tight.url, timeout=PATIENCE_S) as client,
    ):
        found = list(pool.map(lambda _: client.get(ITEMS), range(12)))
    assert {answer.status_code for answer in found} == {503, 504}
    for answer in found:
        if answer.status_code == 503:
            assert answer.headers["retry-after"]
            assert "in use" in answer.json()["detail"]
            assert answer.elapsed.total_seconds() < STATEMENT_S, "it does not wait for those who have a connection"
        else:
            assert "took too long" in answer.json()["detail"]
    assert ask("GET", tight.url + ITEMS).status_code == 200


def test_other_sites_may_use_it_as_far_as_the_settings_say(tight: Server) -> None:
    asked = {"Origin": "https://map.example", "Access-Control-Request-Method": "GET"}
    allowed = ask(
        "OPTIONS",
        f"{tight.url}/collections",
        headers=asked | {"Access-Control-Request-Headers": "authorization, prefer, range, if-match"},
    )
    assert allowed.status_code == 200, allowed.text
    assert allowed.headers["access-control-allow-origin"] == "https://map.example"
    assert (
        "access-control-allow-origin"
        not in ask(
            "OPTIONS", f"{tight.url}/collections", headers=asked | {"Origin": "https://elsewhere.example"}
        ).headers
    )
    page = ask("GET", f"{tight.url}/", headers={"Accept": "text/html"})
    assert "frame-ancestors https://portal.example" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "referrer-policy" in page.headers


def test_all_processes_count_together_and_the_log_tells_no_secrets(tight: Server, metrics_port: int) -> None:
    for _ in range(8):
        ask("GET", f"{tight.url}/collections/facilities/items?filter=name='whisper'", headers={"Connection": "close"})
        ask("GET", f"{tight.url}/collections", headers={"Authorization": "Bearer horad_000000000000_" + "s" * 43})
    counted = 'horad_request_seconds_count{method="GET",route="/collections/{collection}/items",status="200"}'

    def count() -> float:
        metrics = ask("GET", f"http://127.0.0.1:{metrics_port}/metrics").text
        return sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith(counted))

    wait_until(lambda: count() >= 8)
    assert ask("GET", f"{tight.url}/metrics").status_code == 404
    told = tight.log.read_text()
    lines = [json.loads(line) for line in told.splitlines() if '"message":"request"' in line]
    assert {"method", "route", "status", "ms", "bytes", "time", "level"} <= set(lines[-1])
    for secret in ("whisper", "ssss", '127.0.0.1"'):
        assert secret not in told


def test_what_was_begun_is_finished_before_the_server_ends(helsinki: Engine) -> None:
    with serving() as server, ThreadPoolExecutor(1) as pool:
        with locked(helsinki):
            answer = pool.submit(ask, "GET", server.url + ITEMS)
            wait_until(lambda: waiting(helsinki))
            server.ask_to_end()
            time.sleep(0.3)
        assert answer.result().status_code == 200
        assert server.process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
