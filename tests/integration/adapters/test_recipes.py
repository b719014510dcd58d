"""Every recipe of docs/mapping.md: its tables are made, read, edited, added to and deleted from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.adapters.support import change
from integration.adapters.test_mapped_columns import opened
from syncd.model import BOX, Action

PAGE = Path(__file__).parents[3] / "docs" / "mapping.md"
OTHER = {"fish": "crab", "Aurelia aurita": "Praya dubia", "COP": "CIL"}


def recipes() -> Iterator[Any]:
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        blocks = dict(re.findall(r"```(sql|yaml)\n(.*?)```", section, flags=re.DOTALL))
        if {"sql", "yaml"} <= blocks.keys():
            yield pytest.param(blocks["sql"], blocks["yaml"], id=section.splitlines()[0])


@pytest.mark.parametrize(("statements", "text"), list(recipes()))
def test_a_recipe_does_what_it_says(database_url: str, statements: str, text: str) -> None:
    with opened(database_url, statements, **yaml.safe_load(text)) as table:
        rows = table.rows()
        assert rows
        assert not [row["problems"] for row in rows.values() if row["problems"]]
        identifier, row = min(rows.items())
        assert identifier is not None
        old = row["label"]
        new = OTHER.get(old, "Diatom")
        result = table.update(identifier, "label", old, new)
        assert (result.matched, result.refused, result.after) == (True, None, new)
        assert not table.update(identifier, "label", old, new).matched, "it holds something else by now"
        boxed = {BOX: [0.5, 0.5, 0.25, 0.25]} if BOX in table.mapping.names else {}
        given = table.info.owner is not None and (table.info.owner.tells or table.info.owner.expression)
        own = None if given else "drawn"
        content = dict.fromkeys(table.mapping.names) | {"label": new} | boxed
        [drawn] = table.write(change(Action.INSERT, own, new=content, media="a.png"))
        assert drawn.refused is None
        added = table.rows()[drawn.annotation_id or own]
        assert (added["label"], added["media"]) == (new, "a.png")
        assert boxed.get(BOX) == added.get(BOX)
        deleted = table.delete(identifier)
        assert (deleted.matched, deleted.refused) == (True, None)
        assert identifier not in table.rows()
        assert table.insert(identifier, media="a.png", label=old, **boxed).refused is None
        assert table.rows()[identifier]["label"] == old


def test_the_page_has_recipes() -> None:
    assert len(list(recipes())) == 10
