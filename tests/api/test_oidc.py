"""Tokens of an OpenID Connect issuer: a real one on this machine, with keys that it changes."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterator

import httpx
import pytest
from issuing import AUDIENCE, Issuer
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from patience import wait_until
from serving import serving
from sqlalchemy import Engine, text

from layers.access import roles, users


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.close()


@pytest.fixture(scope="module")
def trusting(helsinki: Engine, issuer: Issuer) -> Iterator[httpx.Client]:
    settings = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_write_scope": "horad:write"}
    with serving(**settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture
def closed(helsinki: Engine) -> Iterator[str]:
    """A feature that only viewers of Helsinki see, of whom Olga is one; its path."""
    values = "('helsinki', 'by hand', 'oidc', 'school', true, ST_Point(24.945, 60.17, 4326))"
    insert = (
        f"INSERT INTO facilities (territory, source, source_id, kind, restricted, geom) VALUES {values} RETURNING id"
    )
    with helsinki.begin() as connection:
        made = connection.execute(text(insert)).scalar_one()
        roles.grant(connection, "olga", "viewer", "helsinki")
    yield f"/collections/facilities/items/{made}"
    with helsinki.begin() as connection:
        roles.revoke(connection, "olga", "helsinki")
        connection.execute(text("DELETE FROM facilities WHERE source_id = 'oidc'"))


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def status(client: httpx.Client, path: str, token: str) -> int:
    return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_gives_the_rights_of_whom_it_names(trusting: httpx.Client, issuer: Issuer, closed: str) -> None:
    assert trusting.get(closed).status_code == 404
    assert status(trusting, closed, issuer.token()) == 200
    assert status(trusting, closed, issuer.token(aud=["another", AUDIENCE])) == 200
    assert status(trusting, closed, issuer.token(sub="ivan")) == 404
    assert status(trusting, closed, issuer.token(exp=int(time.time()) - 10)) == 200, "clocks differ a little"


def test_what_is_not_the_issuers_or_not_for_us_is_refused(trusting: httpx.Client, issuer: Issuer, closed: str) -> None:
    other = RSAKey.generate_key(2048)
    public = issuer.keys["first"].as_pem(private=False)
    parts = issuer.token().split(".")
    rs512 = jwt.encode({"alg": "RS512", "kid": "first"}, issuer.claims(), issuer.keys["first"], ["RS512"])
    unsigned, mixed_up = packed(b'{"alg":"none"}'), packed(b'{"alg":"HS256","kid":"first"}')
    forged = hmac.digest(public, f"{mixed_up}.{parts[1]}".encode(), "sha256")
    now = int(time.time())
    for token, why in (
        (issuer.token(exp=now - 100), "expired"),
        (issuer.token(nbf=now + 100), "isn't valid yet"),
        (issuer.token(exp=None), "no claim exp"),
        (issuer.token(aud="another"), "claim aud is wrong"),
        (issuer.token(aud=None), "no claim aud"),
        (issuer.token(iss="https://elsewhere"), "claim iss is wrong"),
        (issuer.token(sub=None), "no claim sub"),
        (issuer.token(sub="horad"), "can't be a user's name"),
        (issuer.token(sub="Olga'; --"), "can't be a user's name"),
        (jwt.encode({"alg": "RS256", "kid": "first"}, issuer.claims(), other), "signature is wrong"),
        (f"{mixed_up}.{parts[1]}.{packed(forged)}", "isn't allowed"),
        (rs512, "isn't allowed"),
        (f"{unsigned}.{parts[1]}.", "isn't allowed"),
        (f"{parts[0]}.{parts[1]}.{parts[2][:-4]}AAAA", "signature is wrong"),
        ("a.b.c", "no signed token"),
        ("x" * 20_000, "too long"),
    ):
        answer = trusting.get(closed, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, why in answer.json()["detail"]) == (401, True), (why, answer.text)
        assert token not in answer.text


def test_a_new_key_of_the_issuer_counts_at_once_and_it_is_not_asked_all_the_time(
    trusting: httpx.Client, issuer: Issuer, closed: str
) -> None:
    assert status(trusting, closed, issuer.token()) == 200
    issuer.add("second", ECKey.generate_key("P-256", {"kid": "second", "use": "sig"}))
    # An unknown key is looked for again after ten seconds; who asks too often with a wrong one is kept out.
    wait_until(lambda: status(trusting, closed, issuer.token("second", "ES256")) == 200, every_s=0.5)
    before = issuer.asked
    unknown = jwt.encode({"alg": "RS256", "kid": "never"}, issuer.claims(), issuer.keys["first"])
    assert {status(trusting, closed, unknown) for _ in range(5)} == {401}
    assert issuer.asked == before
    issuer.away = True
    assert status(trusting, closed, issuer.token()) == 200, "keys that are known go on to count"
    issuer.away = False


def test_whoever_was_disabled_is_kept_out(
    trusting: httpx.Client, issuer: Issuer, closed: str, helsinki: Engine
) -> None:
    token = issuer.token()
    with helsinki.begin() as connection:
        users.add(connection, "olga")
        users.set_disabled(connection, "olga", True)
    try:
        time.sleep(0.6)
        assert status(trusting, closed, token) == 401
    finally:
        with helsinki.begin() as connection:
            connection.execute(text("DELETE FROM users WHERE principal = 'olga'"))
