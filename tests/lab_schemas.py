"""Schemas of laboratories, each with its facts and with the proposal that is expected of them (``tests/schemas/``)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from syncd.propose import Facts, Proposal

FOLDER = Path(__file__).parent / "schemas"
PLANKTON = Path(__file__).parents[2] / "shared" / "plankton"
"""The plankton test pack, where there is one beside the project."""


@dataclass(frozen=True)
class Schema:
    """The table that is proposed, and which of its questions are left open: by name."""

    name: str
    table: str
    questions: tuple[str, ...] = ()
    file: str = ""

    @property
    def statements(self) -> str:
        """What makes the schema, with some rows."""
        return (FOLDER / f"{self.file or self.name}.sql").read_text(encoding="utf-8")

    @property
    def facts_file(self) -> Path:
        """The facts that PostgreSQL tells of it."""
        return FOLDER / f"{self.name}.facts.json"

    @property
    def expected_file(self) -> Path:
        """The proposal that is expected."""
        return FOLDER / f"{self.name}.yaml"

    @property
    def facts(self) -> Facts:
        """The facts as they were told once."""
        return Facts.from_json(self.facts_file.read_text(encoding="utf-8"))


ROOT = ("media_root",)
SCHEMAS = (
    Schema("annosaurus", "observations"),
    Schema("biigle", "image_annotation_labels", ROOT),
    Schema("biigle-images", "image_labels", ROOT, file="biigle"),
    Schema("coco", "annotations", ROOT),
    Schema("darwincore", "occurrence"),
    Schema("ecotaxa", "obj_head", ROOT),
    Schema("history", "label_event"),
    Schema("inaturalist", "observations"),
    Schema("newcomer", "Lab.Annotation"),
    Schema("plankton", "annotation", ROOT),
)


def section(proposal: Proposal, key: str) -> dict[str, Any]:
    """A section of the binding that is proposed; empty where there is none."""
    found = proposal.binding.get(key, {})
    assert isinstance(found, dict)
    return found


def make(url: str, statements: str) -> None:
    """Makes a schema in an empty database."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execution_options(no_parameters=True).exec_driver_sql(statements)


def load_pack(url: str) -> None:
    """Puts the rows of the plankton pack into its tables, in place of those that are there."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for table, file in (("annotation", "annotations.csv"), ("vocabulary", "vocabulary.csv")):
            connection.exec_driver_sql(f"TRUNCATE {table}")
            with (PLANKTON / file).open(encoding="utf-8", newline="") as stream:
                rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(stream)]
            held = sa.Table(table, sa.MetaData(), autoload_with=connection)
            casts = {each.name: sa.cast(sa.bindparam(each.name, type_=sa.Text), each.type) for each in held.c}
            connection.execute(sa.insert(held).values(casts), rows)
