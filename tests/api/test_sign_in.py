"""Signing in on the page of an issuer: a browser is led there, comes back, and has a session that ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from issuing import AUDIENCE, CLIENT, SECRET, Issuer
from patience import PATIENCE_S
from serving import Server, serving
from sqlalchemy import Engine, text

from layers.access import keys, roles, users

OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.close()


@pytest.fixture(scope="module")
def served(helsinki: Engine, issuer: Issuer) -> Iterator[Server]:
    settings = {
        "oidc_issuer": issuer.url,
        "oidc_audience": AUDIENCE,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_write_scope": "horad:write",
    }
    with helsinki.begin() as connection:
        roles.grant(connection, "olga", "editor", "helsinki")
    with serving(**settings) as server:
        yield server
    with helsinki.begin() as connection:
        users.remove(connection, "olga")


@pytest.fixture
def browser(served: Server, issuer: Issuer) -> Iterator[httpx.Client]:
    issuer.refuses, issuer.identity, issuer.granted, issuer.away = None, {}, None, False
    with httpx.Client(base_url=served.url, timeout=60) as connected:
        yield connected


def sign_in(browser: httpx.Client) -> httpx.Response:
    """Go to the issuer's page and back; the answer is that of the way back."""
    there = browser.get("/session/sign-in")
    assert there.status_code == 303, there.text
    back = httpx.get(there.headers["location"], timeout=PATIENCE_S)
    return browser.get(back.headers["location"])


def test_whoever_signs_in_with_the_issuer_has_a_session_until_they_sign_out(
    browser: httpx.Client, served: Server, helsinki: Engine
) -> None:
    offered = browser.get("/session").json()
    assert (offered["user"], offered["signIn"]) == (None, f"{served.url}/session/sign-in")
    answer = sign_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{served.url}/")
    cookies = answer.headers.get_list("set-cookie")
    kept = next(each.lower() for each in cookies if each.startswith("horad_session"))
    assert "httponly" in kept
    assert "samesite=strict" in kept
    session = browser.get("/session").json()
    assert (session["user"], session["roles"], session["writes"]) == ("olga", {"helsinki": "editor"}, True)
    key = browser.cookies["horad_session"]
    with helsinki.connect() as connection:
        [known] = [each for each in keys.list_keys(connection, "olga") if each.prefix == keys.prefix_of(key)]
        done = connection.execute(text("SELECT actor, subject FROM audit WHERE action = 'signed in'")).all()
    assert known.title == keys.SESSION
    assert (known.expires_at - known.created_at).total_seconds() == 8 * 3600
    assert ("olga", f"key {known.prefix}") in done
    assert browser.delete("/session", headers=OWN).status_code == 204
    time.sleep(0.6)
    assert browser.get("/session", headers={"Authorization": f"Bearer {key}"}).status_code == 401, "it has ended"


def test_a_key_made_by_hand_outlives_the_session(browser: httpx.Client, helsinki: Engine) -> None:
    with helsinki.begin() as connection:
        users.ensure(connection, "olga")
        key = keys.create(connection, "olga", title="a notebook")
    signed = {"Authorization": f"Bearer {key}"}
    assert browser.post("/session", headers=signed).status_code == 200
    assert browser.delete("/session", headers=OWN).status_code == 204
    time.sleep(0.6)
    assert browser.get("/session", headers=signed).json()["user"] == "olga"


def test_without_the_scope_nothing_can_be_changed(browser: httpx.Client, issuer: Issuer) -> None:
    issuer.granted = "openid"
    sign_in(browser)
    assert browser.get("/session").json()["writes"] is False


def test_only_the_browser_that_left_comes_back(browser: httpx.Client, served: Server) -> None:
    there = browser.get("/session/sign-in").headers["location"]
    asked = parse_qs(urlsplit(there).query)
    assert asked["scope"] == ["openid horad:write"]
    back = httpx.get(there, timeout=PATIENCE_S).headers["location"]
    with httpx.Client(base_url=served.url, timeout=PATIENCE_S) as other:
        refused = other.get(back)
        assert (refused.status_code, "begin it again" in refused.json()["detail"]) == (401, True)
        other.get("/session/sign-in")
        assert other.get(back).status_code == 401
        assert "horad_session" not in other.cookies
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 401, "a way back is gone once"


def test_what_the_issuer_refuses_or_signs_wrongly_opens_no_session(
    browser: httpx.Client, issuer: Issuer, helsinki: Engine
) -> None:
    for changed, why in (
        ({"nonce": "another"}, "claim nonce is wrong"),
        ({"nonce": None}, "no claim nonce"),
        ({"aud": AUDIENCE}, "claim aud is wrong"),
        ({"exp": int(time.time()) - 100}, "expired"),
        ({"iss": "https://elsewhere"}, "claim iss is wrong"),
        ({"sub": "horad"}, "can't be a user's name"),
    ):
        issuer.identity = changed
        answer = sign_in(browser)
        assert (answer.status_code, why in answer.json()["detail"]) == (401, True), (why, answer.text)
    issuer.identity = {}
    there = browser.get("/session/sign-in").headers["location"]
    state = parse_qs(urlsplit(there).query)["state"][0]
    made_up = browser.get("/session/callback", params={"state": state, "code": "made-up"})
    assert (made_up.status_code, "invalid_grant" in made_up.json()["detail"]) == (401, True)
    issuer.refuses = "access_denied"
    answer = sign_in(browser)
    assert (answer.status_code, "access_denied" in answer.json()["detail"]) == (401, True)
    issuer.refuses, issuer.away = None, True
    assert browser.get("/session/sign-in").status_code == 503
    issuer.away = False
    with helsinki.begin() as connection:
        users.set_disabled(connection, "olga", True)
    try:
        assert sign_in(browser).status_code == 401
    finally:
        with helsinki.begin() as connection:
            users.set_disabled(connection, "olga", False)
    assert "horad_session" not in browser.cookies


def test_sessions_that_are_over_are_forgotten(browser: httpx.Client, helsinki: Engine) -> None:
    with helsinki.begin() as connection:
        ended = text("UPDATE api_keys SET expires_at = now() WHERE principal = 'olga' AND title = :title")
        connection.execute(ended, {"title": keys.SESSION})
    sign_in(browser)
    with helsinki.connect() as connection:
        sessions = [each for each in keys.list_keys(connection, "olga") if each.title == keys.SESSION]
    assert len(sessions) == 1


def test_without_a_client_there_is_no_such_page(client: httpx.Client) -> None:
    assert "signIn" not in client.get("/session").json()
    for path in ("/session/sign-in", "/session/callback?state=1&code=2"):
        answer = client.get(path)
        assert (answer.status_code, "no issuer" in answer.json()["detail"]) == (404, True)
