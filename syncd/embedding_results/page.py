"""A list with pictures, as one HTML file that asks nothing of any network and runs no script."""

from __future__ import annotations

from importlib.resources import files
from typing import BinaryIO

import jinja2

from syncd.config import Config
from syncd.embedding_results.listing import AlikeList, Pair, Shown, SuspectList, pictures
from syncd.printable import visible


def write_page(config: Config, found: SuspectList | AlikeList, file: BinaryIO) -> None:
    """Writes the page in UTF-8."""
    pairs: tuple[Pair, ...] = ()
    rows: tuple[Shown, ...] = found.rows
    if isinstance(found, SuspectList):
        pairs = found.duplicates
        title = f"Suspect labels: {visible(found.binding)}"
        about = (
            f"The {len(found):,} most suspect of {found.judged:,} labels, to {visible(found.model)}; "
            f"{found.suspects:,} disagree clearly with what looks alike. What a label is → what its neighbours are."
        )
    else:
        title = f"What looks like {visible(found.asked)}"
        about = f"{visible(found.binding)}, to {visible(found.model)}; 1 is the same, 0 unlike."
    wanted = [*rows, *(each for pair in pairs for each in (pair.first, pair.second))]
    template = _environment().from_string(
        (files("syncd.embedding_results") / "page.html.j2").read_text(encoding="utf-8")
    )
    stream = template.stream(
        title=title, about=about, rows=rows, pairs=pairs, pictures=pictures(config, found.binding, wanted)
    )
    stream.dump(file, encoding="utf-8")


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["visible"] = visible
    return made
