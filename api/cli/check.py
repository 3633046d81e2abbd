"""``horad check``: how well the layers keep their rules of quality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyogrio
import typer
from rich.table import Table

from api.cli.console import print_json, stdout_console
from geo.analysis import ColourClass, Column, View
from geo.errors import InvalidInputError
from geo.maps import PAGE_BYTES, PAGE_FEATURES, frame_map
from layers import quality
from layers.catalog import find
from layers.description import text
from layers.export import FORMATS
from layers.postgres.startup import ready_engine
from layers.rules import Rule, Severity
from layers.territories.territory import only_territory

out = stdout_console()

_VIEW = View(
    geometry="point",
    columns={
        "layer": Column(title=text("Layer", "Слой", "Слой")),
        "rule": Column(title=text("Rule", "Правило", "Правіла")),
        "feature": Column(title=text("Id of the feature", "Номер объекта", "Нумар аб'екта")),
        "detail": Column(title=text("Detail", "Подробность", "Падрабязнасць")),
        "severity": Column(title=text("Severity", "Серьёзность", "Сур'ёзнасць")),
    },
    colour_by="severity",
    classes=(
        ColourClass(title=text("Error", "Ошибка", "Памылка"), values=("error",), colour="#c4122f"),
        ColourClass(title=text("Warning", "Предупреждение", "Папярэджанне"), values=("warning",), colour="#e08a00"),
        ColourClass(title=text("Note", "Примечание", "Нататка"), values=("note",), colour="#8a8a8a"),
    ),
)


def check(
    layer: Annotated[list[str] | None, typer.Argument(help="Names of layers; by default all.")] = None,
    territory: Annotated[
        str | None, typer.Option("--territory", "-t", help="Whose layers; may be left out where there is only one.")
    ] = None,
    keep: Annotated[bool, typer.Option(help="Keep the findings as a layer, to see them on the map.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"Write the findings: {', '.join(FORMATS)} or a map, .html.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of titles: en, ru or be.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Check layers by their rules: geometry, topology, values, links, duplicates, freshness.

    The exit code is 1 where there are errors.
    """
    engine = ready_engine()
    with engine.connect() as connection:
        chosen = territory or only_territory(connection)
    report = quality.check(engine, chosen, layer or None)
    if keep:
        quality.keep(engine, report)
    if output is not None:
        _write(report, output, lang)
    if as_json:
        print_json(_as_json(report))
    else:
        _print(report, lang)
    if (report.findings["severity"] == Severity.ERROR).any():
        raise typer.Exit(1)


def _print(report: quality.QualityReport, lang: str) -> None:
    table = Table("layer", "rule", box=None, padding=(0, 2), pad_edge=False)
    for name in ("found", "features", "score"):
        table.add_column(name, justify="right")
    for layer, checked in report.layers.items():
        score = "–" if checked.score is None else f"{checked.score:.1%}"
        table.add_row(find(layer).layer.title[lang], "", "", f"{checked.features:,}", score)
        for rule, number in checked.found.items():
            table.add_row("", _titles()[rule][lang], f"{number:,}", "", "")
    out.print(table)


def _titles() -> dict[str, Any]:
    return {kind.name: kind.title for kind in Rule.__subclasses__()}


def _as_json(report: quality.QualityReport) -> dict[str, Any]:
    rows = report.findings.drop(columns="geometry").to_dict("records")
    places = [None if each is None else [each.x, each.y] for each in report.findings.geometry]
    layers = {
        name: {"features": each.features, "faulty": each.faulty, "score": each.score, "found": each.found}
        for name, each in report.layers.items()
    }
    findings = [row | {"place": place} for row, place in zip(rows, places, strict=True)]
    return {"territory": report.territory, "layers": layers, "findings": findings}


def _write(report: quality.QualityReport, output: Path, lang: str) -> None:
    if output.suffix == ".html":
        title = text("Findings of checks", "Замечания проверок", "Заўвагі праверак")[lang]
        frame_map(
            report.findings, _VIEW, lang=lang, title=title, max_features=PAGE_FEATURES, max_bytes=PAGE_BYTES
        ).save(output)
    elif output.suffix in FORMATS:
        frame = report.findings.assign(feature=report.findings["feature"].astype("string"))
        pyogrio.write_dataframe(frame, output, driver=FORMATS[output.suffix])
    else:
        raise InvalidInputError(f"{output.name}: the suffix must be .html or one of {', '.join(FORMATS)}.")
