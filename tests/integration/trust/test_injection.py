"""Names, ids, labels, tags, terms and filters that are pieces of SQL go through as what they are, or are refused.

A bystander's table, everything else in the database and the other datasets stay as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import trust
from syncd.cli.main import app
from syncd.config import parse_config
from syncd.errors import ConfigError
from worlds import NO_BRAKES, World

HOSTILE = (
    "'; DROP TABLE public.bystander; --",
    '"; DROP TABLE public.bystander; --',
    "x'); DELETE FROM public.bystander; --",
    "\\'; DROP TABLE public.bystander; --",
    "$$; DROP TABLE public.bystander; $$",
    "%s %(id)s %% :id :label {0} {id}",
    "*/ DROP TABLE public.bystander; /*",
    '\\",\'{}"\\,{NULL},\\N',
    "' || (SELECT secret FROM public.bystander) || '",
    "E'\\x27' \u2028; DROP TABLE public.bystander",
    "\u02bc; \uff07; DROP TABLE public.bystander; --",
    "$where",
    "{$gt: ''}",
    "[bold]x[/bold] <script>alert(1)</script>",
)
NAME = "o\"x'; DROP TABLE bystander; -- %s:id"
"""Short, because PostgreSQL cuts names off after 63 bytes."""


@pytest.fixture
def guarded(world: World) -> Iterator[World]:
    """A world with a bystander, and the promise that nothing but the binding's own is touched."""
    world.sql("CREATE TABLE public.bystander (id int PRIMARY KEY, secret text)")
    world.sql("INSERT INTO public.bystander VALUES (1, 'do not touch')")
    before = _surroundings(world)
    yield world
    assert _surroundings(world) == before
    assert world.sql("SELECT * FROM public.bystander") == [{"id": 1, "secret": "do not touch"}]


def _surroundings(world: World) -> dict[str, Any]:
    relations = world.sql(
        "SELECT n.nspname || '.' || c.relname AS name, c.relkind::text AS kind FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT c.relispartition ORDER BY 1"
    )
    return {
        "relations": [each for each in relations if not each["name"].startswith(("public.annotation", 'public.o"x'))],
        "roles": world.sql("SELECT rolname, rolsuper FROM pg_roles ORDER BY 1"),
        "datasets": world.mongo["datasets"].count_documents({}),
    }


def _config(world: World, **binding: Any) -> Any:
    return world.parse(world.document(brakes=NO_BRAKES, **binding))


def _some(world: World, number: int) -> list[str]:
    return sorted(world.rows())[:number]


def test_labels_that_are_sql_go_to_fiftyone_exactly(guarded: World) -> None:
    ids = _some(guarded, len(HOSTILE))
    for annotation_id, label in zip(ids, HOSTILE, strict=True):
        guarded.correct(annotation_id, label=label)
    guarded.until_quiet(config=_config(guarded))
    labels = guarded.labels()
    assert [labels[each]["label"] for each in ids] == list(HOSTILE)
    assert guarded.conflicts() == []
    trust.tried("edits", len(HOSTILE))


def test_labels_that_are_sql_go_to_the_database_exactly(guarded: World) -> None:
    ids = _some(guarded, len(HOSTILE))
    for annotation_id, label in zip(ids, HOSTILE, strict=True):
        guarded.review(annotation_id, label=label)
    guarded.until_quiet(config=_config(guarded))
    rows = guarded.rows()
    assert [rows[each]["label"] for each in ids] == list(HOSTILE)
    trust.tried("edits", len(HOSTILE))


def _renamed(world: World) -> dict[str, Any]:
    """The lab's table with ids that are text, and a hostile name for it and for its columns; the binding's keys."""
    quoted = NAME.replace('"', '""').replace(":", "\\:")

    def rename(column: str) -> str:
        world.sql(f'ALTER TABLE public.annotation RENAME COLUMN {column} TO "{quoted} {column}"')
        return f"{NAME} {column}"

    world.sql("ALTER TABLE public.annotation ALTER COLUMN annotation_id DROP DEFAULT")
    world.sql("ALTER TABLE public.annotation ALTER COLUMN annotation_id TYPE text")
    document = world.document()["bindings"][0]
    columns = document["columns"] | {
        "id": rename("annotation_id"),
        "label": rename("label"),
        "box": [rename(each) for each in "xywh"],
        "media": rename("media_uri"),
    }
    attributes = {
        "verified": {"column": rename("verified"), "direction": "both"},
        "depth": {"column": rename("depth_m")},
    }
    world.sql(f'ALTER TABLE public.annotation RENAME TO "{quoted}"')
    table = 'public."' + NAME.replace('"', '""') + '"'
    return {"table": table, "columns": columns, "attributes": attributes}


def _odd_rows(world: World) -> dict[str, dict[str, Any]]:
    quoted = NAME.replace('"', '""').replace(":", "\\:")
    return {row[f"{NAME} annotation_id"]: row for row in world.sql(f'SELECT * FROM public."{quoted}"')}


def test_tables_columns_and_ids_that_are_sql_are_read_and_written_as_names(guarded: World) -> None:
    renamed = _renamed(guarded)
    quoted = NAME.replace('"', '""').replace(":", "\\:")
    place = next(iter(_odd_rows(guarded).values()))[f"{NAME} media_uri"]
    names = [f"{NAME} {each}" for each in ("annotation_id", "media_uri", "label", "x", "y", "w", "h")]
    listed = ", ".join('"' + each.replace('"', '""').replace(":", "\\:") + '"' for each in names)
    for number, hostile in enumerate(HOSTILE):
        guarded.sql(
            f'INSERT INTO public."{quoted}" ({listed}) VALUES (:id, :media, :label, 0.1, 0.1, :w, 0.2)',
            id=hostile,
            media=place,
            label="Ciliate",
            w=0.2 + number / 100,
        )
    config = _config(guarded, **renamed)
    guarded.until_quiet(config=config)
    labels = guarded.labels()
    assert set(HOSTILE) <= set(labels)

    for hostile in HOSTILE:
        guarded.review(hostile, label=hostile, verified=True)
    guarded.until_quiet(config=config)
    rows = _odd_rows(guarded)
    assert [rows[each][f"{NAME} label"] for each in HOSTILE] == list(HOSTILE)
    assert all(rows[each][f"{NAME} verified"] for each in HOSTILE)

    removed = '"' + f"{NAME} annotation_id".replace('"', '""').replace(":", "\\:") + '"'
    guarded.sql(f'DELETE FROM public."{quoted}" WHERE {removed} = ANY(:ids)', ids=list(HOSTILE))
    guarded.reconcile(config=config, full=True)
    assert not set(HOSTILE) & set(guarded.labels())
    assert set(guarded.labels()) == set(_odd_rows(guarded))
    trust.tried("cases", len(HOSTILE))


def test_a_vocabulary_s_table_columns_and_terms_that_are_sql_are_only_names(guarded: World) -> None:
    quoted = NAME.replace('"', '""').replace(":", "\\:")
    guarded.sql(f'CREATE TABLE public."{quoted} taxon" ("{quoted}" text, parent text)')
    known = {row["label"] for row in guarded.rows().values()}
    for term in (*known, *HOSTILE):
        guarded.sql(f'INSERT INTO public."{quoted} taxon" VALUES (:term, NULL)', term=term)
    table = 'public."' + f"{NAME} taxon".replace('"', '""') + '"'
    config = _config(guarded, vocabulary={"table": table, "column": NAME, "parent": "parent"})
    ids = _some(guarded, len(HOSTILE))
    for annotation_id, label in zip(ids, HOSTILE, strict=True):
        guarded.review(annotation_id, label=label)
    guarded.until_quiet(config=config)
    assert [guarded.rows()[each]["label"] for each in ids] == list(HOSTILE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("table", "public.annotation; DROP TABLE public.bystander"),
        ("table", 'public."annotation'),
        ("read", "SELECT 1; DROP TABLE public.bystander"),
        ("read", "DROP TABLE public.bystander"),
        ("name", "x'; DROP TABLE public.bystander"),
    ],
)
def test_what_is_no_name_nor_one_select_is_refused_by_the_configuration(guarded: World, key: str, value: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(guarded.document(**{key: value}))


def test_filters_and_answers_of_the_command_line_that_are_sql_find_nothing_and_do_nothing(
    guarded: World, tmp_path: Path
) -> None:
    file = tmp_path / "syncd.yaml"
    file.write_text(yaml.safe_dump(guarded.document()), encoding="utf-8")
    tried = HOSTILE[: trust.many(2, len(HOSTILE))]
    for hostile in tried:
        for command in (
            ["log", "--annotation", hostile],
            ["log", "--actor", hostile],
            ["log", "--field", hostile],
            ["log", "--run", hostile],
            ["log", "--status", hostile],
            ["conflicts", "list", "--kind", hostile],
            ["conflicts", "list", "--label", hostile],
            ["undo", "--actor", hostile, "--dry-run"],
        ):
            done = CliRunner().invoke(app, [*command, "--config", str(file)])
            assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
            assert done.exit_code in (0, 1, 2), (command, done.stderr)
            assert "syntax error" not in done.stderr
    trust.tried("cases", len(tried) * 8)
