"""Writes the page: numbers and sentences as HTML; plots and the list of changes as data for its scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any, BinaryIO

import jinja2
import polars as pl
from markupsafe import Markup

from syncd.model.result import Status
from syncd.report.content import Report
from syncd.report.html import figures, words
from syncd.report.html.data import columns, script_json
from syncd.report.html.figures import Figure
from syncd.report.links import in_the_app
from syncd.report.models import Model
from syncd.report.pictures import Pictures
from syncd.report.text import lasted, moment

SCRIPTS = ("table.js", "plots.js")
LISTED = 15
"""Rows of a section's table before the rest is folded away."""

WAYS = {"to_database": "FiftyOne → database", "to_fiftyone": "database → FiftyOne"}
FOLDED = 200
"""Rows that are folded away at most: the list of changes has them all."""


def write_html(report: Report, file: BinaryIO, pictures: Pictures | None, app_url: str | None) -> None:
    """Writes the report as one page in UTF-8 that asks nothing of any network.

    ``app_url`` is where the FiftyOne App answers, such as ``http://localhost:5151``; without it samples are not linked.
    """
    drawn = [each for each in _figures(report) if each is not None]
    scripts = [_trusted(text) for text in _scripts(drawn=bool(drawn))]
    shown = () if pictures is None else tuple(pictures.shown)
    places = {(each.binding, each.annotation_id): number for number, each in enumerate(shown)}
    data = columns(report.changes, places) | {"apps": _apps(report, app_url), "missing": _missing(pictures)}
    template = _environment().get_template("page.html.j2")
    page = template.stream(
        report=report,
        about=words.about(report),
        summary=words.summary(report),
        attention=words.attention(report),
        figures={each.name: each for each in drawn},
        directions=[replace(each, value=WAYS.get(each.value or "", each.value)) for each in report.totals.by_direction],
        runs=_runs(report.changes),
        models=[_model(each, number) for number, each in enumerate(report.models)],
        pictures=pictures,
        shown=shown,
        style=_trusted(_asset("style.css")),
        scripts=scripts,
        policy=_policy(scripts),
        plots=_trusted(script_json({each.name: each.as_json() for each in drawn})),
        changes=_trusted(script_json(data)),
        LISTED=LISTED,
        FOLDED=FOLDED,
    )
    page.enable_buffering(50)
    page.dump(file, encoding="utf-8")


def _figures(report: Report) -> Iterator[Figure | None]:
    yield figures.over_time(report.changes)
    yield figures.by_actor(report.changes)
    yield figures.matrix(report.transitions, report.order)
    yield figures.flow(report.transitions, report.order)
    yield figures.gains(report.classes)
    for number, each in enumerate(report.models):
        for name, evaluation in (("before", each.before), ("after", each.after)):
            yield figures.confusion(f"model-{number}-{name}", evaluation.cells, report.order)


def _scripts(*, drawn: bool) -> list[str]:
    """The page's own scripts, and plotly's before them where there is a plot."""
    from plotly.offline import get_plotlyjs

    return [*([get_plotlyjs()] if drawn else []), *map(_asset, SCRIPTS)]


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: nothing is fetched, and no script runs but these."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _apps(report: Report, app_url: str | None) -> dict[str, str]:
    """By binding, what a sample's address in the App begins with."""
    if app_url is None or not app_url.startswith(("http://", "https://")):
        return {}
    return {name: in_the_app(app_url, dataset, "") or "" for name, dataset in report.datasets.items()}


def _missing(pictures: Pictures | None) -> list[list[str]]:
    return [] if pictures is None else [list(each) for each in pictures.missing]


def _runs(changes: pl.DataFrame) -> list[dict[str, Any]]:
    """Runs with applied changes, the latest first."""
    applied = changes.filter(pl.col("status") == Status.APPLIED)
    found = applied.group_by("run_id", "binding").agg(
        at=pl.col("applied_at").min(),
        changes=pl.len(),
        annotations=pl.col("annotation_id").n_unique(),
        people=pl.col("actor").drop_nulls().unique().sort(),
        reasons=pl.col("reason").drop_nulls().unique().sort(),
    )
    return found.sort("at", "run_id", descending=True, nulls_last=True).to_dicts()


def _model(model: Model, number: int) -> dict[str, Any]:
    """Scores per class before and after, the classes that moved most first."""
    before = {each.label: each for each in model.before.classes}
    after = {each.label: each for each in model.after.classes}
    rows = [
        {"label": label, "before": before.get(label), "after": after.get(label)}
        for label in dict.fromkeys([*after, *before])
    ]
    rows.sort(key=lambda row: -abs(_f1(row["after"]) - _f1(row["before"])))
    return {"of": model, "number": number, "rows": rows}


def _f1(scores: Any) -> float:
    return 0.0 if scores is None else float(scores.f1)


def _trusted(text: str) -> Markup:
    """Text of our own making that goes into the page as it is: scripts, style, and JSON with its signs escaped."""
    return Markup(text)  # noqa: S704


def _asset(name: str) -> str:
    return (files("syncd.report.html") / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda value: f"{value:,}",
        "signed": lambda value: f"{value:+,}".replace("-", "−"),
        "percent": lambda value: f"{value:.1%}",
        "moment": moment,
        "lasted": lasted,
        "bdi": words.bdi,
    }
    return environment
