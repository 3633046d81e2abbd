"""Who asks sees what they may, and nobody else does, by whatever route."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import httpx
from patience import soon
from sqlalchemy import Engine, text

from layers.access import keys, roles, users

SECRET = "behind closed doors"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_opens_what_its_user_may_see(client: httpx.Client, closed: str, user: Callable[..., str]) -> None:
    path = f"/collections/facilities/items/{closed}"
    assert client.get(path).status_code == 404
    assert client.get(path, headers=bearer(user(None))).status_code == 404
    seen = client.get(path, headers=bearer(user("viewer")))
    assert seen.json()["properties"]["name"] == SECRET
    assert seen.headers["cache-control"] == "private"
    for answer in (seen, client.get("/collections")):
        assert "Authorization" in answer.headers["vary"]


def test_what_is_no_good_to_sign_in_is_never_taken_for_the_public(
    client: httpx.Client, helsinki: Engine, user: Callable[..., str]
) -> None:
    ended = user("viewer", lasts=dt.timedelta(days=1))
    revoked = user("viewer")
    disabled = user("viewer")
    prefix = {each: each.split("_")[1] for each in (ended, revoked, disabled)}
    with helsinki.begin() as connection:
        over = text("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE prefix = :prefix")
        connection.execute(over, {"prefix": prefix[ended]})
        keys.revoke(connection, prefix[revoked])
        whose = {each.prefix: each.principal for each in keys.list_keys(connection)}
        users.set_disabled(connection, whose[prefix[disabled]], True)
    for token, why in (
        (f"Bearer {ended}", "expired"),
        (f"Bearer {revoked}", "revoked"),
        (f"Bearer {disabled}", "disabled"),
        (f"Bearer {ended[:-1]}x", "isn't known"),
        ("Bearer horad_000000000000_" + "x" * 43, "isn't known"),
        ("Bearer nonsense", "no API key"),
        ("Basic YTpi", "must be Bearer"),
        ("", "must be Bearer"),
    ):
        answer = client.get("/collections", headers={"Authorization": token})
        assert answer.status_code == 401, token
        assert why in answer.json()["detail"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_change_of_rights_counts_soon(
    client: httpx.Client, closed: str, helsinki: Engine, user: Callable[..., str]
) -> None:
    key, path = user(None), f"/collections/facilities/items/{closed}"
    with helsinki.connect() as connection:
        name = next(each.principal for each in keys.list_keys(connection) if each.prefix == key.split("_")[1])

    def soon_answered(wanted: int) -> bool:
        return soon(lambda: client.get(path, headers=bearer(key)).status_code == wanted)

    assert soon_answered(404)
    with helsinki.begin() as connection:
        roles.grant(connection, name, "viewer", "helsinki")
    assert soon_answered(200)
    with helsinki.begin() as connection:
        roles.revoke(connection, name, "helsinki")
    assert soon_answered(404)
    with helsinki.begin() as connection:
        users.set_disabled(connection, name, True)
    assert soon_answered(401)
