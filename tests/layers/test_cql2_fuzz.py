"""Filters made at random: each gives the rows that a plain reading of it gives, or a clear word."""

from __future__ import annotations

import datetime as dt
import json
import operator
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import DataError
from town import PLACE, Town, forget, record

from geo.errors import InvalidInputError
from layers.catalog import find
from layers.cql2 import parse_filter
from layers.reading.query import Query, matching
from layers.territories.territory import register

ROWS: dict[str, dict[str, Any]] = {
    f"{nth}": {"deaths": deaths, "response_min": minutes, "category": category, "address": address,
               "occurred_at": at, "lon": 27.5 + nth / 100}
    for nth, (deaths, minutes, category, address, at) in enumerate([
        (0, 0.5, "fire", None, "2020-01-01T00:00:00Z"), (1, None, "Fire", "A%", "2020-01-01T12:00:00Z"),
        (2, 2.0, "FIRE", "a_b", None), (None, 1.5, "Пажар", "a\\b", "2020-01-02T00:00:00Z"),
        (3, 10.0, "пажар", "O'Brien", "2021-06-01T00:00:00Z"), (7, 1e6, "z%", "é", "1999-12-31T23:59:59Z"),
        (None, None, "x y", "z", "2020-12-31T00:00:00Z"), (1, 1.0, "a", "a", "2020-01-01T00:00:00Z"),
    ])
}  # fmt: skip
TEXTS = [
    "fire",
    "Fire",
    "пажар",
    "ПАЖАР",
    "",
    "a",
    "a%",
    "%",
    "_",
    "a\\_b",
    "O'Brien",
    "x y",
    "'; DROP TABLE x; --",
    "1",
    "é",
]
TIMES = ["2020-01-01T00:00:00Z", "2020-01-01T12:00:00Z", "2021-06-01T00:00:00Z"]
DATES = ["2020-01-01", "2020-01-02", "1999-12-31"]
COMPARED = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
KEPT = ("deaths", "response_min", "category", "address")
RELATIONS = ["t_after", "t_before", "t_during", "t_intersects", "t_equals", "t_disjoint"]
DAY = dt.timedelta(days=1) - dt.timedelta(microseconds=1)


@pytest.fixture(scope="module")
def place(engine: Engine) -> Iterator[Town]:
    with engine.begin() as connection:
        register(connection, PLACE)
    town = Town(engine, PLACE.id)
    rows = {name: dict(values) for name, values in ROWS.items()}
    items = [record("incidents", name, f"POINT({row.pop('lon')} 53.9)", **row) for name, row in rows.items()]
    town.ingest(*items, layers=("incidents",))
    kept = town.features("incidents")
    assert {name: [kept[name][each] for each in KEPT] for name in kept} == {
        name: [row[each] for each in KEPT] for name, row in ROWS.items()
    }
    yield town
    forget(engine, PLACE.id)


def op(name: str, *args: Any) -> dict[str, Any]:
    return {"op": name, "args": list(args)}


def named(name: str) -> dict[str, str]:
    return {"property": name}


numbers = st.recursive(
    st.sampled_from([named("deaths"), named("response_min"), 0.5, -1.5, 2.5, 1e6]) | st.integers(-3, 8),
    lambda inner: st.builds(op, st.sampled_from(["+", "-", "*", "/"]), inner, inner),
    max_leaves=4,
)  # fmt: skip
plain_texts = st.sampled_from([named("category"), named("address")]) | st.sampled_from(TEXTS)
texts = plain_texts | st.builds(lambda each: op("casei", each), plain_texts)
moments = st.just(named("occurred_at")) | st.sampled_from([{"timestamp": each} for each in TIMES])
spans = moments | st.sampled_from(
    [{"date": each} for each in DATES] + [{"interval": [DATES[2], DATES[0]]}, {"interval": ["..", TIMES[1]]}]
)
boxes = st.builds(lambda west, east: {"bbox": [min(west, east), 53.8, max(west, east), 54]},
                  st.floats(27.4, 27.6), st.floats(27.4, 27.6))  # fmt: skip
anything = numbers | texts | spans | st.booleans() | st.none() | boxes | st.just(named("password"))
conditions = st.recursive(
    st.one_of(
        *(st.builds(op, st.sampled_from(sorted(COMPARED)), kind, kind) for kind in (numbers, texts, moments)),
        st.builds(op, st.just("between"), numbers, numbers, numbers),
        st.builds(lambda text, listed: op("in", text, listed), texts, st.lists(texts, min_size=1, max_size=3)),
        st.builds(lambda text, pattern: op("like", text, pattern), texts, st.sampled_from(TEXTS)),
        st.builds(lambda name: op("isNull", named(name)), st.sampled_from(["deaths", "address", "occurred_at"])),
        st.builds(op, st.sampled_from(RELATIONS), spans, spans),
        st.builds(lambda box: op("s_intersects", named("geometry"), box), boxes),
        st.booleans(),
    ),
    lambda inner: st.builds(op, st.sampled_from(["and", "or"]), inner, inner)
    | st.builds(lambda each: op("not", each), inner),
    max_leaves=6,
)  # fmt: skip
ill = st.builds(
    op,
    st.sampled_from([*COMPARED, "and", "like", "in", "t_after", "s_within", "casei", "pg_sleep"]),
    anything,
    anything,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tree=conditions)
def test_a_filter_gives_the_rows_that_a_plain_reading_gives(place: Town, tree: Any) -> None:
    expected = {name for name, row in ROWS.items() if holds(tree, row) is True}
    assert found(place, json.dumps(tree), "cql2-json") == expected
    assert found(place, written(tree), "cql2-text") == expected


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=ill)
def test_any_tree_gives_rows_or_a_clear_word(place: Town, tree: Any) -> None:
    try:
        assert found(place, json.dumps(tree), "cql2-json") <= set(ROWS)
    except InvalidInputError as error:
        assert str(error).startswith("filter: ")  # noqa: PT017


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="ab1 '\"()=<>,.%+-*/^NOTANDRIKELUSBW\\;:\0é", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_filter(text)
    except InvalidInputError as error:
        assert str(error).startswith("filter: ")  # noqa: PT017


def found(place: Town, text: str, language: Any) -> set[str]:
    model = find("incidents")
    query = Query(territory=place.id, filter=parse_filter(text, language=language))
    with place.engine.connect() as connection:
        try:
            return set(connection.execute(matching(model, query, [model.table.c.source_id])).scalars())
        except DataError as error:
            raise InvalidInputError("filter: " + str(error)) from error


def holds(tree: Any, row: dict[str, Any]) -> bool | None:
    if isinstance(tree, bool):
        return tree
    name, args = tree["op"], tree["args"]
    if name in ("and", "or"):
        known = [holds(each, row) for each in args]
        decisive = name == "or"
        return decisive if decisive in known else None if None in known else not decisive
    if name == "not":
        return None if (inner := holds(args[0], row)) is None else not inner
    if name == "isNull":
        return value(args[0], row) is None
    if name == "s_intersects":
        west, _, east, _ = args[1]["bbox"]
        return west <= row["lon"] <= east
    if name.startswith("t_"):
        return related(name, *(ends(each, row) for each in args))
    if name == "between":
        return holds(op("and", op(">=", args[0], args[1]), op("<=", args[0], args[2])), row)
    if name == "in":
        return holds({"op": "or", "args": [op("=", args[0], each) for each in args[1]]}, row)
    left, right = (value(each, row) for each in args)
    if left is None or right is None:
        return None
    return like(left, right) if name == "like" else COMPARED[name](left, right)


def value(tree: Any, row: dict[str, Any]) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "property" in tree:
        given_value = row[tree["property"]]
        return moment(given_value) if tree["property"] == "occurred_at" and given_value else given_value
    if "timestamp" in tree:
        return moment(tree["timestamp"])
    args = [value(each, row) for each in tree["args"]]
    if None in args:
        return None
    if tree["op"] == "casei":
        return args[0].lower()
    if tree["op"] == "/":
        return args[0] / args[1] if args[1] else None
    return {"+": operator.add, "-": operator.sub, "*": operator.mul}[tree["op"]](*map(float, args))


def like(text: str, pattern: str) -> bool:
    parts = re.findall(r"\\.|%|_|.", pattern, re.DOTALL)
    meant = {"%": ".*", "_": "."}
    return re.fullmatch("".join(meant.get(each) or re.escape(each[-1]) for each in parts), text, re.DOTALL) is not None


def ends(tree: Any, row: dict[str, Any]) -> tuple[Any, Any] | None:
    if "interval" in tree:
        first, last = tree["interval"]
        start = dt.datetime.min.replace(tzinfo=dt.UTC) if first == ".." else moment(first)
        return start, moment(last) + (DAY if len(last) == 10 else dt.timedelta())
    if "date" in tree:
        return moment(tree["date"]), moment(tree["date"]) + DAY
    at = value(tree, row)
    return None if at is None else (at, at)


def related(name: str, one: tuple[Any, Any] | None, other: tuple[Any, Any] | None) -> bool | None:
    if one is None or other is None:
        return None
    (a, b), (c, d) = one, other
    meant = {
        "t_after": a > d, "t_before": b < c, "t_during": a > c and b < d, "t_intersects": a <= d and b >= c,
        "t_equals": a == c and b == d, "t_disjoint": not (a <= d and b >= c),
    }  # fmt: skip
    return meant[name]


def moment(text: str) -> dt.datetime:
    found_time = dt.datetime.fromisoformat(text)
    return found_time if found_time.tzinfo else found_time.replace(tzinfo=dt.UTC)


def written(tree: Any) -> str:
    """Write a tree as CQL2 text, in brackets throughout."""
    if isinstance(tree, bool):
        return str(tree).upper()
    if isinstance(tree, str):
        return "'" + tree.replace("'", "''") + "'"
    if not isinstance(tree, dict):
        return repr(tree)
    for kind in ("property", "date", "timestamp", "interval", "bbox"):
        if kind in tree:
            return tree[kind] if kind == "property" else f"{kind}({', '.join(map(written, listed(tree[kind])))})"
    name, args = tree["op"], tree["args"]
    if name == "in":
        return f"({written(args[0])} IN ({', '.join(map(written, args[1]))}))"
    texts_of = [written(each) for each in args]
    if name == "between":
        return f"({texts_of[0]} BETWEEN {texts_of[1]} AND {texts_of[2]})"
    if name == "isNull":
        return f"({texts_of[0]} IS NULL)"
    if name in ("not", "casei") or name.startswith(("t_", "s_")):
        return f"{name}({', '.join(texts_of)})"
    return f"({f' {name} '.join(texts_of)})"


def listed(given_value: Any) -> list[Any]:
    return given_value if isinstance(given_value, list) else [given_value]
