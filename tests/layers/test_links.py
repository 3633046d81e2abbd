"""Links between layers, followed by analyses: titles for ids, scores of inspections for what was inspected."""

from __future__ import annotations

import pytest
from town import LAT, LON, Town, record, street

from layers.city import City

ORGANISATIONS = {"o1": "Roads", "o2": "Water", "o3": "Water", "o4": None}


@pytest.fixture
def served(town: Town) -> Town:
    """The town with reports, of which each organisation has one, and two organisations of one name."""
    named = [
        record("organisations", key, f"POINT ({LON} {LAT})", name=name) for key, name in ORGANISATIONS.items() if name
    ]
    town.ingest(*named, layers=("organisations",), source="organisations")
    times = {"opened_at": "2024-01-01T00:00:00Z", "closed_at": "2024-01-03T00:00:00Z"}
    reports = [
        record("reports", key, f"POINT ({LON} {LAT})", category="c", organisation=key, **times) for key in ORGANISATIONS
    ]
    town.ingest(*reports, layers=("reports",), source="reports")
    return town


def test_an_analysis_names_organisations(served: Town) -> None:
    found = City(served.id, engine=served.engine).run("time-to-close", by="organisation", least_reports=1)
    assert set(found["name"]) == {"Roads", "Water (o2)", "Water (o3)", "o4"}


def test_a_notebook_joins_what_is_linked(served: Town) -> None:
    city = City(served.id, engine=served.engine)
    reports, organisations = city.reports.read(), city.organisations.read(only=["source_id", "name"])
    joined = reports.merge(organisations, left_on="organisation", right_on="source_id", how="left")
    assert joined.set_index("organisation")["name"].fillna("").to_dict() == {
        key: name or "" for key, name in ORGANISATIONS.items()
    }


def test_the_newest_inspection_tells_the_condition_of_a_road(town: Town) -> None:
    own = {"seen": None, "seen twice": 90, "never seen": 80}
    line = (LON, LAT), (LON + 0.01, LAT)
    roads = [street(key, *line, condition_index=index) for key, index in own.items()]
    town.ingest(*roads, layers=("roads",), source="roads")
    seen = [
        ("seen", "2024-05-01", "PCI", 70, "roads"),
        ("seen twice", "2024-05-01", "pci", 40, "roads"),
        ("seen twice", "2023-05-01", "PCI", 60, "roads"),
        ("seen twice", "2024-06-01", "IRI", 3, "roads"),
        ("never seen", "2024-06-01", "PCI", 10, "bridges"),
    ]
    inspections = [
        record(
            "inspections",
            str(nth),
            f"POINT ({LON} {LAT})",
            asset=asset,
            asset_layer=layer,
            inspected_at=f"{day}T00:00:00Z",
            score_type=kind,
            score=score,
        )
        for nth, (asset, day, kind, score, layer) in enumerate(seen)
    ]
    town.ingest(*inspections, layers=("inspections",), source="inspections")
    found = City(town.id, engine=town.engine).run("pavement-life")
    assert sorted(found["condition_index"]) == [40, 70, 80]
