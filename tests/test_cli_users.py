"""Users, keys and the audit from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from api.cli.main import main
from layers.access import keys

Run = Callable[..., str]


@pytest.fixture
def horad(helsinki: Engine, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return captured.out if ended.value.code in (0, None) else captured.err

    return run


def test_a_user_gets_a_key_that_is_told_once_and_can_be_ended(horad: Run, helsinki: Engine) -> None:
    assert "no user nina" in horad("key", "create", "nina")
    assert "can have keys" in horad("user", "add", "nina")
    assert "already" in horad("user", "add", "nina")
    assert "viewer of helsinki" in horad("role", "grant", "nina", "viewer", "helsinki")
    key = horad("key", "create", "nina", "--days", "3", "--title", "maps").strip()
    prefix = key.split("_")[1]
    with helsinki.begin() as connection:
        assert keys.verify(connection, key).principal == "nina"
    listed = horad("key", "list", "nina", "--json")
    assert key not in listed
    assert [(each["prefix"], each["title"], each["writes"]) for each in json.loads(listed)] == [(prefix, "maps", False)]
    assert json.loads(horad("user", "list", "--json")) == [
        {"principal": "nina", "disabled": False, "roles": {"helsinki": "viewer"}}
    ]
    horad("key", "revoke", prefix)
    with helsinki.begin() as connection, pytest.raises(keys.SignInError, match="revoked"):
        keys.verify(connection, key)
    assert "no key" in horad("key", "revoke", prefix)
    horad("user", "disable", "nina")
    horad("user", "enable", "nina")
    assert "removed" in horad("user", "remove", "nina")
    assert "no user nina" in horad("user", "remove", "nina")
    told = horad("audit", "nina", "--json")
    done = [each["action"] for each in json.loads(told)]
    assert done[-1] == "users insert"
    assert set(done) == {f"users {how}" for how in ("insert", "update", "delete")} | {
        *("api_keys insert", "api_keys update", "api_keys delete", "memberships insert", "memberships delete")
    }
    assert key.split("_", 2)[2] not in told
