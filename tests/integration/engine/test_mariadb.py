"""A lab whose table is in MariaDB, syncd's own tables beside it in SQLite: the guarantees through two databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from children import kill_at
from integration.apply.portable import plain
from integration.apply.story import OVERRIDES, expected_differences, finish, outcome, play
from syncd.adapters.connect import open_database
from syncd.doctor import diagnose
from syncd.engine.steps import Step
from syncd.store.changes import verify
from syncd.store.migrate import migrate
from syncd.store.tables import tables_for
from worlds import BINDING, Template, World

TABLE = """
CREATE TABLE annotation (
    annotation_id CHAR(36) PRIMARY KEY, media_uri TEXT NOT NULL, label VARCHAR(200) NOT NULL,
    x DOUBLE NOT NULL, y DOUBLE NOT NULL, w DOUBLE NOT NULL, h DOUBLE NOT NULL, depth_m DECIMAL(8, 2),
    verified BOOLEAN, updated_by VARCHAR(80),
    updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), INDEX (updated_at))
"""


@dataclass(frozen=True)
class MariaWorld(World):
    """The same people; what is said to syncd's own tables goes to ``state``."""

    state: str = ""

    def document(self, **overrides: Any) -> dict[str, Any]:
        """The configuration, with syncd's own tables elsewhere."""
        return super().document(table="annotation", state={"url": self.state}, **overrides)

    def sql(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """One statement where its table is."""
        own = "syncd." in statement
        there: World = replace(self, url=self.state) if own else self
        rows = super(MariaWorld, there).sql(statement.replace("syncd.", "syncd_"), **parameters)
        return [{name: plain(name, value) for name, value in row.items()} for row in rows]

    def add_row(self, image: Path | str, label: str, annotation_id: str | None = None) -> str:
        """The curator adds a row."""
        assert annotation_id is not None
        self.sql(
            "INSERT INTO annotation (annotation_id, media_uri, label, x, y, w, h, updated_by) "
            "VALUES (:id, :uri, :label, 0.1, 0.1, 0.3, 0.3, 'curator')",
            id=annotation_id,
            uri=str(image),
            label=label,
        )
        return annotation_id


@contextmanager
def in_mariadb(world: World, url: str, folder: Path) -> Iterator[MariaWorld]:
    """The same rows there, and the first agreement with the same dataset reached."""
    state = f"sqlite:///{folder / 'state.sqlite'}"
    rows = world.sql("SELECT annotation_id::text, media_uri, label, x, y, w, h, depth_m, verified FROM annotation")
    with open_database(state) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(TABLE)
        names = list(rows[0])
        given = ", ".join(f":{name}" for name in names)
        connection.execute(sa.text(f"INSERT INTO annotation ({', '.join(names)}) VALUES ({given})"), rows)
    copy = MariaWorld(**{**vars(world), "url": url, "state": state})
    first = copy.reconcile()
    assert first.plan is not None
    assert first.plan.is_empty
    yield copy


@pytest.fixture
def played(worlds: Template, mariadb_url: str, tmp_path: Path) -> Iterator[MariaWorld]:
    with worlds.copy(**OVERRIDES) as world, in_mariadb(world, mariadb_url, tmp_path) as copy:
        play(copy)
        yield copy


def check(world: MariaWorld) -> None:
    assert set(world.disagreements()) == expected_differences(world)
    assert world.log("pending") == []
    assert max(outcome(world)["applied"].values()) == 1
    with open_database(world.state) as connection:
        found = verify(connection, tables_for(connection, "syncd"), BINDING)
    connection.engine.dispose()
    assert found.is_sound, found


def test_what_people_do_on_both_sides_comes_to_agreement(played: MariaWorld) -> None:
    played.until_quiet()
    check(played)


@pytest.mark.parametrize("step", [Step.FIFTYONE_WRITTEN, Step.DATABASE_COMMITTED])
def test_killed_between_the_two_databases_it_ends_in_agreement_too(played: MariaWorld, step: Step) -> None:
    assert kill_at(played.document(), BINDING, step.value, slice_size=5) == -9
    finish(played)
    check(played)


def test_doctor_says_what_it_lacks(played: MariaWorld) -> None:
    played.until_quiet()
    findings = list(diagnose(played.config(), [BINDING]))
    (version,) = [each for each in findings if each.check == "Database version"]
    assert version.status == "warning"
    assert "MariaDB" in version.detail
    assert "change capture" in version.detail
    assert [each for each in findings if each.status == "fault"] == []


def test_without_a_place_for_syncds_tables_doctor_names_one(played: MariaWorld) -> None:
    document = played.document()
    del document["state"]
    (found,) = [each for each in diagnose(played.parse(document), [BINDING]) if each.check == "syncd's own tables"]
    assert found.status == "fault"
    assert "state.url: sqlite:///" in str(found.remedy)
