"""Statements on the event loop: their values, their rights, their end, and connections that are lost."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from apart import apart
from patience import wait_until
from sqlalchemy import Engine, text

from layers.postgres import statements
from layers.postgres.event_loop import Connections, rows_of

pytestmark = pytest.mark.usefixtures("engine")
MINE = "usename = session_user AND query LIKE '%pg_sleep(%' AND state = 'active' AND pid <> pg_backend_pid()"


def asleep(engine: Engine) -> set[int]:
    """The connections on which statements of these tests sleep."""
    with engine.connect() as connection:
        return set(connection.execute(text(f"SELECT pid FROM pg_stat_activity WHERE {MINE}")).scalars())


async def fallen_asleep(engine: Engine, number: int = 1, *, but: int = 0) -> set[int]:
    """Wait until as many statements sleep, on other connections than one."""
    await asyncio.to_thread(wait_until, lambda: len(asleep(engine) - {but}) == number)
    return asleep(engine) - {but}


async def row(connections: Connections, statement: str, settings: dict[str, str] | None = None, **values: Any) -> Any:
    [found] = rows_of(await connections.run(statement, values, settings))
    return found


async def pid(connections: Connections) -> int:
    return (await row(connections, "SELECT pg_backend_pid()"))[0]


def test_values_go_and_come_as_they_are() -> None:
    async def asked() -> None:
        connections = Connections(1, patience_s=5)
        statement = "SELECT %(a)s::float8, %(b)s::bigint, %(c)s::text, %(a)s::float8 + 1, '100%%', %(d)s::text"
        for number in (1.5, -2e300):
            found = await row(connections, statement, a=number, b=2**40, c="го'рад %s", d=None)
            assert found == (number, 2**40, "го'рад %s".encode(), number + 1, b"100%", None)
        assert rows_of(await connections.run("SELECT '100%'", None)) == [(b"100%",)]
        await connections.close()

    apart(asked())


def test_they_have_the_rights_of_the_public_and_settings_hold_for_one_statement() -> None:
    async def asked() -> None:
        connections = Connections(1, patience_s=5)
        statement = "SELECT current_user::text, current_setting('horad.rights', true)"
        assert await row(connections, statement, {"horad.rights": '{"viewer": ["town"]}'}) == (
            b"horad_public",
            b'{"viewer": ["town"]}',
        )
        assert (await row(connections, statement))[1] in (b"", None)
        await connections.close()

    apart(asked())


def test_after_an_error_the_connection_serves_on() -> None:
    async def asked() -> None:
        connections = Connections(1, patience_s=5)
        first = await pid(connections)
        for settings in (None, {"horad.rights": "{}"}):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await row(connections, "SELECT 1 / %(a)s::int", settings, a=0)
            with pytest.raises(psycopg.errors.UndefinedTable):
                await row(connections, "SELECT * FROM nowhere", settings)
        assert await pid(connections) == first
        await connections.close()

    apart(asked())


def test_who_leaves_while_a_statement_is_prepared_hinders_nobody() -> None:
    async def asked() -> None:
        connections = Connections(1, patience_s=5)
        await pid(connections)
        for number in range(20):
            statement = f"SELECT %(a)s::int + {number}"
            leaving = asyncio.create_task(row(connections, statement, a=1))
            for _ in range(2):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait([leaving])
            assert await row(connections, statement, a=1) == (number + 1,)
        await connections.close()

    apart(asked())


def test_more_statements_than_are_kept_prepared_all_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "_PREPARED_AT_MOST", 3)

    async def asked() -> None:
        connections = Connections(1, patience_s=5)
        for number in [*range(8), *range(8)]:
            assert await row(connections, f"SELECT {number} + %(a)s::int", a=1) == (number + 1,)
        await connections.close()

    apart(asked())


def test_who_is_cancelled_has_the_statement_stopped(engine: Engine) -> None:
    async def asked() -> None:
        connections = Connections(1, patience_s=5)
        first = await pid(connections)
        task = asyncio.create_task(row(connections, "SELECT pg_sleep(%(s)s)::text", s=60.0))
        await fallen_asleep(engine)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await pid(connections) == first
        await connections.close()

    apart(asked())
    assert asleep(engine) == set()


def test_a_connection_that_is_lost_is_replaced_and_a_new_one_that_is_lost_is_told(engine: Engine) -> None:
    async def asked() -> None:
        connections = Connections(1, patience_s=5)
        first = await pid(connections)
        await asyncio.to_thread(end, engine, first)
        second = await pid(connections)
        assert second != first
        task = asyncio.create_task(row(connections, "SELECT pg_sleep(60)::text"))
        await fallen_asleep(engine)
        await asyncio.to_thread(end, engine, second)
        [third] = await fallen_asleep(engine, but=second)
        await asyncio.to_thread(end, engine, third)
        with pytest.raises(statements.LOST, match="terminating connection"):
            await task
        assert await pid(connections) not in (first, second, third)
        await connections.close()

    apart(asked())


def end(engine: Engine, backend: int) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})


def test_so_many_at_once_and_no_more(engine: Engine) -> None:
    async def asked() -> None:
        connections = Connections(2, patience_s=0.2)
        both = [asyncio.create_task(row(connections, "SELECT pg_sleep(60)::text")) for _ in range(2)]
        await fallen_asleep(engine, 2)
        with pytest.raises(TimeoutError):
            await pid(connections)
        for each in both:
            each.cancel()
        await asyncio.wait(both)
        assert await pid(connections)
        await connections.close()

    apart(asked())
