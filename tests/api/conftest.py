"""What the tests of the service share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from layers import keys, roles, users


@pytest.fixture
def user(helsinki: Engine) -> Iterator[Callable[..., str]]:
    """Makes users with a role, and returns keys of theirs."""
    made: list[str] = []

    def make(role: str | None, territory: str = "helsinki", **options: object) -> str:
        name = f"user{uuid4().hex[:8]}"
        with helsinki.begin() as connection:
            users.add(connection, name)
            if role is not None:
                roles.grant(connection, name, role, territory)
            made.append(name)
            return keys.create(connection, name, **options)

    yield make
    with helsinki.begin() as connection:
        for name in made:
            users.remove(connection, name)
