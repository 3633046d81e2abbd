"""Browsers sign in once, and show who they are by a cookie that nobody else can use."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import mapbox_vector_tile
import morecantile
import pytest
from patience import soon

from layers.settings import get_settings

KEPT = "horad_session"
NO_BODY = {"inputs": {"text": "hello"}}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def browser(server_url: str) -> httpx.Client:
    with httpx.Client(base_url=server_url, timeout=60) as connected:
        yield connected


def test_a_browser_signs_in_and_out(browser: httpx.Client, user: Callable[..., str], closed: str) -> None:
    path = f"/collections/facilities/items/{closed}"
    assert browser.get("/session").json() == {"user": None, "roles": {}, "writes": False}
    assert browser.get(path).status_code == 404
    answer = browser.post("/session", headers=bearer(user("viewer")))
    assert answer.json()["roles"] == {"helsinki": "viewer"}
    told = answer.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert "max-age" not in told
    assert "no-store" in answer.headers["cache-control"]
    assert browser.get("/session").json() == answer.json()
    seen = browser.get(path)
    assert seen.status_code == 200
    assert seen.headers["cache-control"] == "private"
    assert "Cookie" in seen.headers["vary"]
    assert browser.get(path, params={"f": "html"}).status_code == 200
    assert browser.delete("/session", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_over_https_the_cookie_is_for_https_only(browser: httpx.Client, user: Callable[..., str], scheme: str) -> None:
    headers = bearer(user(None)) | {"X-Forwarded-Proto": scheme}
    told = browser.post("/session", headers=headers).headers["set-cookie"].lower()
    assert ("secure" in told) == (scheme == "https")


def test_nobody_signs_in_with_nothing(browser: httpx.Client) -> None:
    answer = browser.post("/session")
    assert answer.status_code == 401
    assert "send Authorization" in answer.json()["detail"]
    assert "set-cookie" not in answer.headers


def test_tiles_kept_for_the_public_arent_those_of_a_session(
    browser: httpx.Client, user: Callable[..., str], closed: str
) -> None:
    tile = morecantile.tms.get("WebMercatorQuad").tile(24.945, 60.17, 15)
    path = f"/collections/facilities/tiles/WebMercatorQuad/15/{tile.y}/{tile.x}"

    def ids() -> set[int]:
        content = browser.get(path).content
        read = mapbox_vector_tile.decode(content) if content else {}
        return {each["id"] for each in read.get("facilities", {}).get("features", [])}

    public = ids()
    assert int(closed) not in public
    browser.post("/session", headers=bearer(user("viewer")))
    assert soon(lambda: ids() == public | {int(closed)})
    browser.cookies.clear()
    assert ids() == public


def test_a_header_counts_before_the_cookie(browser: httpx.Client, user: Callable[..., str], closed: str) -> None:
    browser.post("/session", headers=bearer(user("viewer")))
    assert browser.get(f"/collections/facilities/items/{closed}", headers=bearer(user(None))).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "{own}"}, 200),
    ],
)
def test_only_pages_of_the_service_change_anything_with_a_session(
    browser: httpx.Client, user: Callable[..., str], headers: dict[str, str], status: int
) -> None:
    browser.post("/session", headers=bearer(user("viewer")))
    own = f"http://{get_settings().host}:{browser.base_url.port}"
    sent = {name: value.format(own=own) for name, value in headers.items()}
    answer = browser.post("/processes/echo/execution", json=NO_BODY, headers=sent)
    assert answer.status_code == status
    if status == 403:
        assert "pages of this service" in answer.json()["detail"]


def test_a_cookie_that_holds_no_more_is_refused_and_forgotten(browser: httpx.Client) -> None:
    browser.cookies.set(KEPT, "horad_000000000000_" + "x" * 43)
    answer = browser.get("/collections")
    assert answer.status_code == 401
    assert "isn't known" in answer.json()["detail"]
    assert "max-age=0" in answer.headers["set-cookie"].lower()
