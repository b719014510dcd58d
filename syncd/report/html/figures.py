"""The plots for plotly. Colours are names such as ``@ink``: the page replaces them by those of its current theme.

Everything that people wrote goes through :func:`syncd.report.text.plotted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from syncd.ingest.evaluation import Cell
from syncd.model.result import Status
from syncd.printable import visible
from syncd.report.html.data import LONGEST as SHOWN
from syncd.report.html.data import ordered
from syncd.report.labels import Net, Transition
from syncd.report.text import LONGEST, plotted

Json = dict[str, Any]

MATRIX = 24
"""Labels on an axis of a matrix; a reader loses their way in more, and the table has all."""

FLOWS = 30
CLASSES = 20
SERIES = 7
"""Actors or reasons with a colour of their own; the others share one."""

OTHERS = "others"


@dataclass(frozen=True)
class Figure:
    """A plot: ``name`` is its element in the page, ``says`` what it shows, for who cannot see it.

    ``height`` in pixels; ``least`` is the width below which it is scrolled rather than squeezed. ``pairs`` are, for a
    matrix of transitions, the labels behind rows and columns, so that a click can select changes.
    """

    name: str
    says: str
    data: list[Json]
    layout: Json
    height: int
    least: int = 0
    pairs: Json = field(default_factory=dict)

    def as_json(self) -> Json:
        """As the page's script reads it."""
        return {"data": self.data, "layout": self.layout | {"height": self.height}, "pairs": self.pairs}


def over_time(changes: pl.DataFrame) -> Figure | None:
    """Applied changes per hour, day, week or month, stacked by actor; nothing to show where there is one moment."""
    applied = changes.filter(pl.col("status") == Status.APPLIED, pl.col("applied_at").is_not_null())
    if applied.is_empty():
        return None
    first, last = applied.select(first=pl.col("applied_at").min(), last=pl.col("applied_at").max()).row(0)
    every, unit = _bucket(last - first)
    counted = (
        applied.select(at=pl.col("applied_at").dt.truncate(every), who=_series(applied, "actor"))
        .group_by("at", "who")
        .agg(n=pl.len())
        .sort("at")
    )
    if counted["at"].n_unique() < 2:
        return None
    data = [
        {
            "type": "bar",
            "name": plotted(name, longest=LONGEST, none="unknown"),
            "x": rows["at"].dt.strftime("%Y-%m-%dT%H:%M:%S").to_list(),
            "y": rows["n"].to_list(),
            "width": _width(every),
            "marker": {"color": f"@c{number}"},
            "hovertemplate": "%{x}<br>%{y:,} by %{fullData.name}<extra></extra>",
        }
        for number, (name, rows) in enumerate(_parts(counted, "who"))
    ]
    layout: Json = {
        "barmode": "stack",
        "xaxis": {"type": "date"},
        "yaxis": {"title": {"text": f"changes per {unit}"}, "rangemode": "tozero"},
        "legend": {"orientation": "h", "y": -0.18, "x": 0, "traceorder": "normal"},
        "showlegend": len(data) > 1,
    }
    return Figure("over-time", f"Bars: changes per {unit}, coloured by who made them.", data, layout, height=320)


def by_actor(changes: pl.DataFrame) -> Figure | None:
    """Applied changes of each actor, stacked by reason."""
    applied = changes.filter(pl.col("status") == Status.APPLIED)
    if applied["actor"].n_unique() * applied["reason"].n_unique() < 2:
        return None
    counted = (
        applied.select(who=_series(applied, "actor", 12), why=_series(applied, "reason"))
        .group_by("who", "why")
        .agg(n=pl.len())
        .sort("n", descending=True)
    )
    people = counted.group_by("who").agg(pl.col("n").sum()).sort("n", "who")["who"].to_list()
    place = {who: position for position, who in enumerate(people)}
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": plotted(why, longest=LONGEST, none="no reason"),
            "y": [place[who] for who in rows["who"].to_list()],
            "x": rows["n"].to_list(),
            "marker": {"color": f"@c{number}"},
            "customdata": [plotted(who, none="unknown") for who in rows["who"].to_list()],
            "hovertemplate": "%{customdata}: %{x:,} %{fullData.name}<extra></extra>",
        }
        for number, (why, rows) in enumerate(_parts(counted, "why"))
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": "changes"}, "rangemode": "tozero"},
        "yaxis": _names([plotted(who, none="unknown", longest=LONGEST) for who in people]),
        "legend": {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom", "traceorder": "normal"},
        "showlegend": True,
    }
    height = 150 + 34 * len(people)
    return Figure("by-actor", "Bars: changes of each person or program, coloured by reason.", data, layout, height)


def matrix(moved: Sequence[Transition], order: Sequence[str]) -> Figure | None:
    """From which label (row) to which (column), the labels in the order of the taxonomy."""
    counts = {(each.old, each.new): each.count for each in moved}
    if not counts:
        return None
    rows, columns = (_axis([(pair[end], n) for pair, n in counts.items()], order) for end in (0, 1))
    return _heat(
        Figure(
            "matrix",
            "A matrix of counts: rows are the labels as they were, columns what they became.",
            [],
            {},
            height=0,
            pairs={"from": [_cut(each) for each in rows], "to": [_cut(each) for each in columns]},
        ),
        (rows, columns),
        [[counts.get((old, new), 0) for new in columns] for old in rows],
        ("from", "to"),
    )


def confusion(name: str, found: Sequence[Cell], order: Sequence[str]) -> Figure | None:
    """Labels (rows) against predictions (columns), over the same classes both ways."""
    if not found:
        return None
    counts = {(each.truth, each.predicted): each.count for each in found}
    labels = _axis([(label, n) for pair, n in counts.items() for label in pair], order)
    says = "A matrix of counts: rows are the labels, columns what the model predicted."
    cells = [[counts.get((true or "", predicted or ""), 0) for predicted in labels] for true in labels]
    return _heat(Figure(name, says, [], {}, height=0), (labels, labels), cells, ("label", "predicted"))


def flow(moved: Sequence[Transition], order: Sequence[str]) -> Figure | None:
    """The most frequent transitions as bands from the labels as they were to those that they became."""
    most = [each for each in moved if each.old != each.new][:FLOWS]
    if not most:
        return None
    left, right = (_in_order([getattr(each, end) for each in most], order) for end in ("old", "new"))
    colours = {label: number % SERIES for number, label in enumerate(_in_order([*left, *right], order))}
    data: Json = {
        "type": "sankey",
        "arrangement": "fixed",
        "textfont": {"color": "@ink", "size": 12},
        "node": {
            "label": [plotted(label, longest=LONGEST) for label in (*left, *right)],
            "color": [f"@c{colours[label]}" for label in (*left, *right)],
            "pad": 12,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}: %{value:,}<extra></extra>",
        },
        "link": {
            "source": [left.index(each.old) for each in most],
            "target": [len(left) + right.index(each.new) for each in most],
            "value": [each.count for each in most],
            "color": [f"@band{colours[each.old]}" for each in most],
            "hovertemplate": "%{source.label} → %{target.label}: %{value:,}<extra></extra>",
        },
    }
    height = 120 + 30 * max(len(left), len(right))
    return Figure("flow", "Bands from labels as they were to what they became.", [data], {}, height, least=520)


def gains(classes: Sequence[Net]) -> Figure | None:
    """What the most changed classes gained (to the right) and lost (to the left)."""
    most = list(reversed(classes[:CLASSES]))
    if not most:
        return None
    names = [plotted(each.label) for each in most]
    places = list(range(len(most)))
    sides = (("gained", [each.gained for each in most], "@gain"), ("lost", [-each.lost for each in most], "@loss"))
    data: list[Json] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": places,
            "x": values,
            "marker": {"color": colour},
            "customdata": [[label, abs(value)] for label, value in zip(names, values, strict=True)],
            "hovertemplate": f"%{{customdata[0]}} {name} %{{customdata[1]:,}}<extra></extra>",
        }
        for name, values, colour in sides
    ]
    net = [each.gained - each.lost for each in most]
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "net",
            "y": places,
            "x": net,
            "marker": {"color": "@ink", "size": 8, "symbol": "diamond", "line": {"color": "@card", "width": 1}},
            "customdata": [[label, f"{value:+,}"] for label, value in zip(names, net, strict=True)],
            "hovertemplate": "%{customdata[0]} net %{customdata[1]}<extra></extra>",
        }
    )
    layout = {
        "barmode": "relative",
        "xaxis": {"title": {"text": "annotations"}, "zeroline": True},
        "yaxis": _names([plotted(each.label, longest=LONGEST) for each in most]),
        "legend": {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    }
    says = "Bars: annotations that each class gained and lost, with the net."
    return Figure("gains", says, data, layout, height=130 + 26 * len(most))


def _heat(
    figure: Figure,
    axes: tuple[Sequence[str | None], Sequence[str | None]],
    counts: list[list[int]],
    names: tuple[str, str],
) -> Figure:
    rows, columns = axes
    between = " → " if names[0] == "from" else ", predicted as "
    width = len(columns)
    data = {
        "type": "heatmap",
        "z": [[count**0.5 if count else None for count in row] for row in counts],
        "text": [[f"{count:,}" if count else "" for count in row] for row in counts],
        "customdata": [[plotted(row) + between + plotted(column) for column in columns] for row in rows],
        "texttemplate": "%{text}",
        "colorscale": [[0, "@heat0"], [1, "@heat1"]],
        "zmin": 0,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
        "hovertemplate": "%{customdata}: %{text}<extra></extra>",
    }
    layout = {
        "xaxis": _names([plotted(each, longest=LONGEST) for each in columns])
        | {"range": [-0.5, width - 0.5]}
        | {"side": "top", "tickangle": -60 if width > 5 else 0, "title": {"text": names[1], "standoff": 6}},
        "yaxis": _names([plotted(each, longest=LONGEST) for each in rows])
        | {"range": [len(rows) - 0.5, -0.5], "title": {"text": names[0], "standoff": 6}},
        "dragmode": False,
    }
    height = 190 + 30 * len(rows)
    return Figure(figure.name, figure.says, [data], layout, height, least=200 + 34 * width, pairs=figure.pairs)


def _cut(label: str | None) -> str | None:
    """The label as the list of changes has it."""
    return None if label is None else visible(label[:SHOWN])


def _axis(weighted: Sequence[tuple[str | None, int]], order: Sequence[str]) -> list[str | None]:
    """The labels that weigh most, as many as a reader can take in, in order."""
    weights: dict[str | None, int] = {}
    for label, weight in weighted:
        weights[label] = weights.get(label, 0) + weight
    most = sorted(weights, key=lambda label: -weights[label])[:MATRIX]
    return _in_order(most, order)


def _in_order(labels: Sequence[str | None], order: Sequence[str]) -> list[str | None]:
    """The different labels in order; that there was none comes last."""
    named = ordered([label for label in labels if label is not None], order)
    return [*named, None] if None in labels else [*named]


def _names(names: Sequence[str]) -> Json:
    """An axis of names: by position, since two long names may look alike."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
    }


def _series(frame: pl.DataFrame, column: str, most: int = SERIES) -> pl.Expr:
    """The column with its rarer values taken together."""
    counts = frame[column].drop_nulls().value_counts().sort("count", column, descending=[True, False])
    if counts.height <= most:
        return pl.col(column)
    kept = counts[column].head(most - 1).to_list()
    value = pl.col(column)
    return pl.when(value.is_null() | value.is_in(kept)).then(value).otherwise(pl.lit(OTHERS))


def _parts(counted: pl.DataFrame, column: str) -> list[tuple[str | None, pl.DataFrame]]:
    """The rows of each value, the most frequent first; those without one last."""
    sums = counted.group_by(column).agg(pl.col("n").sum())
    values = sums.sort(pl.col(column).is_null(), "n", column, descending=[False, True, False])[column].to_list()
    return [(value, counted.filter(pl.col(column).eq_missing(pl.lit(value, pl.String)))) for value in values]


def _bucket(span: timedelta) -> tuple[str, str]:
    for limit, every, unit in ((2, "1h", "hour"), (120, "1d", "day"), (730, "1w", "week")):
        if span <= timedelta(days=limit):
            return every, unit
    return "1mo", "month"


def _width(every: str) -> float | None:
    """Milliseconds that a bar is wide; ``None``: as it comes out."""
    hours = {"1h": 1, "1d": 24, "1w": 24 * 7}.get(every)
    return None if hours is None else hours * 3_600_000 * 0.8
