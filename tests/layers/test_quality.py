"""Quality: every rule finds what breaks it, and nothing else; findings are kept as a layer."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest
from shapely import Point, Polygon, box
from sqlalchemy import text
from town import LAT, LON, Town, record, school, street

from layers import quality, rules
from layers.catalog import LayerTable, find
from layers.errors import NotFoundError
from layers.quality import check, keep

STEP = 0.001


@pytest.fixture
def roads_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(
        monkeypatch,
        "roads",
        rules.Met(tolerance_m=5),
        rules.Connected(),
        rules.NoDeadEnd(),
        rules.Filled(columns=("name",)),
        rules.Plausible(column="lanes", maximum=8),
    )


def with_rules(monkeypatch: pytest.MonkeyPatch, layer: str, *stated: rules.Rule) -> None:
    real = find(layer)
    changed: LayerTable = replace(real, layer=replace(real.layer, rules=stated))
    monkeypatch.setattr(quality, "find", lambda name: changed if name == layer else find(name))


def found(town: Town, layer: str) -> dict[str, list[str]]:
    """The source ids of features that break a rule, by rule."""
    names = {row["id"]: source_id for source_id, row in town.features(layer).items()}
    findings = check(town.engine, town.id, [layer]).findings
    result: dict[str, list[str]] = {}
    for row in findings.itertuples():
        result.setdefault(row.rule, []).append(names.get(row.feature, row.detail))
    return {rule: sorted(ids) for rule, ids in result.items()}


def at(x: float, y: float) -> tuple[float, float]:
    return (LON + x * STEP, LAT + y * STEP)


def test_topology_of_lines(town: Town, roads_rules: None) -> None:
    town.ingest(
        street("main", at(0, 0), at(1, 0), at(2, 0), name="Main"),
        street("side", at(1, 0), at(1, 1), name="Side", lanes=12),
        street("short", at(1.5, 1), at(1.5, 0.02), name="Short"),
        street("island", at(5, 5), at(6, 5)),
        layers=("roads",),
    )
    assert found(town, "roads") == {
        "undershoot": ["short"],
        "unconnected": ["island", "short"],
        "dangling": ["island", "island", "main", "main", "short", "short", "side"],
        "missing": ["island"],
        "implausible": ["side"],
    }


def test_the_score_counts_features_with_errors_and_warnings_once(town: Town, roads_rules: None) -> None:
    town.ingest(
        street("a", at(0, 0), at(1, 0), name="A", lanes=20),
        street("b", at(1, 0), at(2, 0)),
        layers=("roads",),
    )
    report = check(town.engine, town.id, ["roads"]).layers["roads"]
    assert (report.features, report.faulty, report.score) == (2, 1, 0.5)
    assert report.found == {"dangling": 2, "missing": 1, "implausible": 1}


def test_rules_of_every_layer(town: Town) -> None:
    town.ingest(
        school("a", name="One"),
        school("same", name="One"),
        school("far", lon=LON + 20, name="Far"),
        school("ok", name="Two"),
    )
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE facilities SET capacity = -5 WHERE source_id = 'ok' AND territory = 'town'"))
    result = found(town, "facilities")
    assert result["duplicate"] == ["same"]
    assert result.get("outside", ["far"]) == ["far"]
    assert result["out-of-range"] == ["ok"]


def test_invalid_geometry_is_placed_where_it_is_invalid(town: Town) -> None:
    bow = Polygon([at(0, 0), at(2, 2), at(2, 0), at(0, 2)])
    town.ingest(record("buildings", "bow", box(*at(0, 0), *at(1, 1))), layers=("buildings",))
    with town.engine.begin() as connection:
        wkt = {"wkt": f"SRID=4326;{bow.wkt}"}
        connection.execute(text("UPDATE buildings SET geom = ST_GeomFromEWKT(:wkt) WHERE territory = 'town'"), wkt)
    findings = check(town.engine, town.id, ["buildings"]).findings
    invalid = findings[findings["rule"] == "invalid"].iloc[0]
    assert invalid["detail"].startswith("Self-intersection")
    assert invalid["severity"] == "error"


def test_polygons_overlap_only_within_their_level(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(monkeypatch, "districts", rules.Disjoint(apart_by="admin_level"))
    squares = {"a": (0, 0, 2, 2, 9), "b": (1, 0, 3, 2, 9), "all": (0, 0, 3, 2, 8)}
    town.ingest(
        *(
            record("districts", name, box(*at(x0, y0), *at(x1, y1)), name=name, admin_level=level)
            for name, (x0, y0, x1, y1, level) in squares.items()
        ),
        layers=("districts",),
    )
    assert found(town, "districts") in ({"overlap": ["a"]}, {"overlap": ["b"]})


def test_links_lead_somewhere(town: Town) -> None:
    town.ingest(record("organisations", "7", Point(LON, LAT), name="Housing service"), layers=("organisations",))
    reports = (
        record("reports", str(number), Point(LON, LAT), category="lights", organisation=organisation)
        for number, organisation in enumerate(("7", "8", None))
    )
    town.ingest(*reports, layers=("reports",), source="reports")
    findings = check(town.engine, town.id, ["reports"]).findings
    assert findings.loc[findings["rule"] == "orphan", "detail"].tolist() == ["organisation = 8 → organisations"]


def test_times_are_in_order_and_not_in_the_future(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(
        monkeypatch,
        "reports",
        rules.InOrder(before="opened_at", after="closed_at"),
        rules.NotInFuture(column="opened_at"),
    )
    old, new = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 2, tzinfo=dt.UTC)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
    spans = {"fine": (old, new), "backwards": (new, old), "open": (old, None), "tomorrow": (later, None)}
    town.ingest(
        *(
            record("reports", name, Point(LON, LAT), category="lights", opened_at=opened, closed_at=closed)
            for name, (opened, closed) in spans.items()
        ),
        layers=("reports",),
    )
    assert found(town, "reports") == {"wrong-order": ["backwards"], "in-the-future": ["tomorrow"]}


def test_sources_that_are_late_are_found(town: Town) -> None:
    pack = {
        "id": "osm", "kind": "osm", "attribution": "x", "title": dict.fromkeys(("en", "ru", "be"), "OSM"),
        "schedule": "0 0 1 1 *", "places": [{"url": "https://example.org/a.osm.pbf"}], "layers": ["facilities"],
    }  # fmt: skip
    with town.engine.begin() as connection:
        described = connection.execute(text("SELECT pack FROM territories WHERE id = 'town'")).scalar_one()
        value = {"pack": json.dumps(described | {"sources": [pack]})}
        connection.execute(text("UPDATE territories SET pack = CAST(:pack AS jsonb) WHERE id = 'town'"), value)
    assert found(town, "facilities") == {"stale": ["town/osm: –"]}
    town.ingest(school("a"), source="osm")
    assert "stale" not in found(town, "facilities")
    with town.engine.begin() as connection:
        late = text("UPDATE ingest_runs SET finished_at = now() - interval '2 years' WHERE territory = 'town'")
        connection.execute(late)
    assert "stale" in found(town, "facilities")


def test_findings_are_kept_as_a_layer_and_go_when_mended(town: Town) -> None:
    town.ingest(school("a", name="One"), school("same", name="One"))
    keep(town.engine, check(town.engine, town.id))
    kept = town.features("findings")
    warnings = [(row["layer_name"], row["rule"]) for row in kept.values() if row["severity"] == "warning"]
    assert warnings == [("facilities", "duplicate")]
    keep(town.engine, check(town.engine, town.id))
    assert {name: row["row_version"] for name, row in town.features("findings").items()} == {
        name: row["row_version"] for name, row in kept.items()
    }
    town.ingest(school("a", name="One"), school("same", name="Other"))
    keep(town.engine, check(town.engine, town.id))
    assert {row["severity"] for row in town.features("findings").values()} == {"note"}


def test_nothing_is_checked_without_complaint(town: Town) -> None:
    report = check(town.engine, town.id)
    assert report.layers == {}
    assert report.findings.empty
    with pytest.raises(NotFoundError, match="no layer 'rivers'"):
        check(town.engine, town.id, ["rivers"])
    with pytest.raises(NotFoundError, match="no territory 'nowhere'"):
        check(town.engine, "nowhere")
