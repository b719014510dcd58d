"""syncd does its work as a role that has what ``syncd database grants`` prints, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest_lab import ingest_lab
from integration.capture.lab import CaptureLab
from integration.rights.conftest import run
from syncd.config import Config
from syncd.diff.resolution.answer import Take
from syncd.doctor import diagnose
from syncd.doctor.grants import as_text, grants
from syncd.engine.resolve import resolve
from syncd.engine.session import open_session
from syncd.engine.verify import verify
from syncd.errors import RightMissing
from syncd.model import Side
from syncd.store import conflicts
from worlds import BINDING, NO_BRAKES, World, fresh_database

Grant = Callable[..., str]


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def as_role(world: World, url: str) -> Config:
    document = world.document()
    document["database"]["url"] = url
    return world.parse(document)


def edit_everything(world: World) -> None:
    """Something of each kind that a run without a person writes."""
    one, two, three, four, five = ids(world)[:5]
    world.review(one, label="Reviewed", verified=True)
    world.correct(two, label="Corrected", depth_m=3.5)
    world.remove_row(three)
    world.add_row(world.data.rows[9].image, "Added")
    world.draw(world.data.rows[10].image, "Drawn")
    world.review(four, label="Mine")
    world.correct(four, label="Yours")
    world.erase(five)


def agrees(config: Config) -> bool:
    with open_session(config, BINDING) as session:
        return verify(session, lambda _: None).unexplained == ()


@pytest.mark.parametrize("captured", [False, True], ids=["polled", "captured"])
def test_a_role_with_the_printed_rights_reconciles_and_verifies(world: World, grant: Grant, captured: bool) -> None:
    if captured:
        CaptureLab(world.url).install()
    config = as_role(world, grant(world.config()))
    edit_everything(world)
    results = world.until_quiet(config=config)
    assert sum(each.to_database for each in results) == 3
    assert sorted(each["kind"] for each in world.conflicts()) == ["deleted_in_fiftyone", "edit_edit"]
    assert agrees(config)
    world.sql("UPDATE syncd.captured SET at = at - interval '2 days'")
    world.correct(ids(world)[20], label="Later")
    assert world.reconcile(config=config, full=captured).to_fiftyone == 1
    faults = [each for each in diagnose(config) if each.status == "fault"]
    assert faults == []


@pytest.mark.parametrize("world", [{"brakes": {"max_change_fraction": 0.01, "min_rows": 1}}], indirect=True)
def test_a_role_with_the_printed_rights_holds_and_goes_on(world: World, grant: Grant) -> None:
    config = as_role(world, grant(world.config()))
    for each in ids(world)[:10]:
        world.correct(each, label="Corrected")
    assert world.reconcile(config=config).held is not None
    assert world.reconcile(config=config, force=True).to_fiftyone == 10


@pytest.mark.parametrize("world", [{"policy": {"on_fiftyone_delete": "delete"}, "brakes": NO_BRAKES}], indirect=True)
def test_deleting_is_granted_where_the_policy_says_so(world: World, grant: Grant) -> None:
    config = as_role(world, grant(world.config()))
    world.erase(ids(world)[0])
    world.until_quiet(config=config)
    assert ids(world)[0] not in world.rows()


@pytest.mark.parametrize("read", ["view", "query"])
def test_what_is_read_may_be_a_view_or_a_query(world: World, grant: Grant, read: str) -> None:
    world.sql(
        'CREATE SCHEMA "Shown"; CREATE VIEW "Shown"."all" AS '
        "SELECT a.*, m.width FROM annotation a JOIN media m USING (media_uri)"
    )
    document = world.document()
    document["bindings"][0]["read"] = '"Shown"."all"' if read == "view" else "SELECT * FROM annotation"
    config = world.parse(document)
    assert ("SELECT on all that the query" in as_text(grants(config, [BINDING]))) == (read == "query")
    more = "GRANT SELECT ON annotation TO {role}" if read == "query" else None
    document["database"]["url"] = grant(config, without=more)
    config = world.parse(document)
    world.review(ids(world)[0], label="Reviewed")
    world.correct(ids(world)[1], label="Corrected")
    results = world.until_quiet(config=config)
    assert (results[0].to_database, results[0].to_fiftyone) == (1, 1)
    assert agrees(config)


def test_a_table_with_numbers_of_its_own(world: World, grant: Grant) -> None:
    world.sql("ALTER TABLE annotation ADD COLUMN row_number serial, ADD COLUMN other int GENERATED ALWAYS AS IDENTITY")
    config = as_role(world, grant(world.config()))
    world.draw(world.data.rows[0].image, "Drawn")
    assert world.reconcile(config=config).to_database == 1


def test_syncds_tables_may_be_in_another_database(world: World, grant: Grant, postgres_url: str) -> None:
    with fresh_database(postgres_url) as state:
        from syncd.adapters.connect import open_database
        from syncd.store.migrate import migrate

        with open_database(state) as connection:
            migrate(connection, "syncd")
        connection.engine.dispose()
        world.sql("DROP SCHEMA syncd CASCADE")
        document = world.document()
        document["state"] = {"url": state}
        config = world.parse(document)
        found = grants(config, [BINDING], "nobody")
        assert {each.url for each in found} == {"database.url", "state.url"}
        own = [each.sql for each in found if each.sql and "syncd" in each.sql and "ON SCHEMA" in each.sql]
        assert [each.url for each in found if each.sql in own] == ["state.url"]
        role = f"state_{document['bindings'][0]['dataset']}"
        run(state, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        try:
            for url, place in ((world.url, "database.url"), (state, "state.url")):
                name = sa.make_url(url).database
                run(url, f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
                run(
                    url,
                    *(
                        each.sql
                        for each in grants(config, [BINDING], role)
                        if each.url == place and each.sql and not each.by_hand
                    ),
                )
                login = sa.make_url(url).set(username=role, password="x").render_as_string(hide_password=False)
                document["database" if place == "database.url" else "state"]["url"] = login
            config = world.parse(document)
            assert world.reconcile(config=config).recorded == ()
            world.review(ids(world)[0], label="Reviewed")
            assert world.reconcile(config=config).to_database == 1
        finally:
            for url in (world.url, state):
                run(url, f"DROP OWNED BY {role}")
            run(state, f"DROP ROLE {role}")


def test_a_role_with_the_printed_rights_ingests(
    database_url: str, mongo_uri: str, tmp_path: Path, grant: Grant
) -> None:
    with ingest_lab(database_url, mongo_uri, tmp_path) as lab:
        lab.sql("CREATE SCHEMA terms; CREATE TABLE terms.taxon (name text, parent text, note text)")
        lab.sql("INSERT INTO terms.taxon VALUES ('Copepoda', NULL, ''), ('Diatom', NULL, ''), ('Ciliate', NULL, '')")
        lab.fill(3)
        more: dict[str, Any] = {
            "ingest": {"size": ["width_px", "height_px"]},
            "predictions": [{"field": "guessed", "label": "guess", "confidence": "score"}],
            "vocabulary": {"table": "terms.taxon", "column": "name", "parent": "parent"},
        }
        config = lab.config(**more)
        settings = lab.document(**more)
        settings["database"]["url"] = grant(config)
        from syncd.config import parse_config

        mine = parse_config(settings)
        result = lab.ingest(mine)
        assert (result.samples, result.recorded) == (3, 3)
        assert lab.reconcile(mine).recorded == ()


def test_nothing_more_than_what_the_mapping_writes_is_granted(world: World, grant: Grant) -> None:
    url = grant(world.config())
    role = sa.make_url(url).username
    allowed = {
        (row["column_name"], row["privilege_type"])
        for row in world.sql(
            "SELECT column_name, privilege_type FROM information_schema.column_privileges "
            "WHERE grantee = :role AND table_schema = 'public'",
            role=role,
        )
    }
    read = {
        "annotation_id",
        "media_uri",
        "label",
        "x",
        "y",
        "w",
        "h",
        "depth_m",
        "verified",
        "updated_at",
        "updated_by",
    }
    assert {name for name, right in allowed if right == "SELECT"} == read
    assert {name for name, right in allowed if right == "INSERT"} == read
    # The box and the depth travel to FiftyOne only.
    assert {name for name, right in allowed if right == "UPDATE"} == {"label", "verified", "updated_at", "updated_by"}
    for statement in (
        "DELETE FROM annotation",
        "UPDATE annotation SET x = 0",
        "DELETE FROM syncd.change",
        "SELECT * FROM taxon",
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            run(url, statement)


def test_what_a_person_decides_needs_the_rights_that_are_printed_as_comments(world: World) -> None:
    text = as_text(grants(world.config(), [BINDING], "syncd"))
    assert '\n-- GRANT DELETE ON "public"."annotation" TO "syncd";\n' in text
    assert '\n-- GRANT UPDATE ("x", "y", "w", "h", "depth_m") ON "public"."annotation" TO "syncd";\n' in text
    commands = [line for line in text.splitlines() if not line.startswith("--") and line]
    assert all(line.startswith("GRANT ") and line.endswith(";") for line in commands)
    assert not any('DELETE ON "public"' in line for line in commands)


def test_the_role_is_that_of_the_url_unless_another_is_named(world: World) -> None:
    assert 'TO "postgres"' in as_text(grants(world.config(), [BINDING]))
    assert 'TO "Odd ""name"""' in as_text(grants(world.config(), [BINDING], 'Odd "name"'))


LEAST = [
    *(
        f"REVOKE {right} ON syncd.{table} FROM {{role}}"
        for table, right in [
            ("run", "SELECT"),
            ("run", "INSERT"),
            ("run", "UPDATE"),
            ("baseline", "SELECT"),
            ("baseline", "INSERT"),
            ("baseline", "UPDATE"),
            ("baseline", "DELETE"),
            ("change", "SELECT"),
            ("change", "INSERT"),
            ("change", "UPDATE"),
            ("conflict", "SELECT"),
            ("conflict", "INSERT"),
            ("cursor", "SELECT"),
            ("cursor", "INSERT"),
            ("cursor", "DELETE"),
            ("held", "DELETE"),
            ("waiting", "SELECT"),
            ("answered", "SELECT"),
            ("captured", "SELECT"),
            ("alembic_version", "SELECT"),
        ]
    ),
    *(f"REVOKE USAGE ON SEQUENCE syncd.{each}_seq FROM {{role}}" for each in ("change_seq", "conflict_id")),
    "REVOKE USAGE ON SCHEMA syncd FROM {role}",
    "REVOKE USAGE ON SCHEMA public FROM {role}",
    "REVOKE TEMPORARY ON DATABASE {database} FROM {role}",
    "REVOKE CONNECT ON DATABASE {database} FROM {role}",
    "REVOKE SELECT (annotation_id) ON annotation FROM {role}",
    "REVOKE SELECT (updated_by) ON annotation FROM {role}",
    "REVOKE UPDATE (label) ON annotation FROM {role}",
    "REVOKE UPDATE (verified) ON annotation FROM {role}",
    "REVOKE UPDATE (updated_at) ON annotation FROM {role}",
    "REVOKE UPDATE (updated_by) ON annotation FROM {role}",
    "REVOKE INSERT (media_uri) ON annotation FROM {role}",
    "REVOKE INSERT (x) ON annotation FROM {role}",
]


@pytest.mark.slow
@pytest.mark.parametrize("revoked", LEAST)
def test_without_any_one_of_the_rights_something_fails(world: World, grant: Grant, revoked: str) -> None:
    CaptureLab(world.url).install()
    database = '"' + str(sa.make_url(world.url).database) + '"'
    config = as_role(world, grant(world.config(), without=revoked.replace("{database}", database)))
    edit_everything(world)
    with pytest.raises(Exception, match=r"(?s)permission denied|may not|refused"):
        world.until_quiet(config=config)


DENIED: list[tuple[str, str, Callable[[World], object], dict[str, Any]]] = [
    ("REVOKE SELECT (label) ON annotation FROM {role}", "SELECT (label)", lambda world: None, {}),
    (
        "REVOKE UPDATE (label) ON annotation FROM {role}",
        "UPDATE (label)",
        lambda world: world.review(ids(world)[0], label="Reviewed"),
        {},
    ),
    (
        "REVOKE INSERT (label) ON annotation FROM {role}",
        "INSERT (label)",
        lambda world: world.draw(world.data.rows[10].image, "Drawn"),
        {},
    ),
    (
        "REVOKE DELETE ON annotation FROM {role}",
        "DELETE",
        lambda world: world.erase(ids(world)[0]),
        {"policy": {"on_fiftyone_delete": "delete"}},
    ),
]


@pytest.mark.parametrize(("without", "right", "edit", "binding"), DENIED, ids=[each[1] for each in DENIED])
def test_a_right_that_is_missing_is_named_with_what_grants_it_and_that_is_all_it_takes(
    world: World,
    grant: Grant,
    without: str,
    right: str,
    edit: Callable[[World], object],
    binding: dict[str, Any],
) -> None:
    document = world.document()
    document["bindings"][0] |= binding
    document["database"]["url"] = grant(world.parse(document), without=without)
    config = world.parse(document)
    edit(world)
    with pytest.raises(RightMissing) as denied:
        world.reconcile(config=config, full=True)
    told = denied.value.message
    assert f"What is missing: GRANT {right} ON " in told
    run(world.url, told.partition("What is missing: ")[2])
    assert world.reconcile(config=config, full=True).plan is not None
    assert agrees(config)
    failed = [each["error"] for each in world.sql("SELECT error FROM syncd.run WHERE status = 'failed'")]
    assert failed == ([told] if right[:6] != "SELECT" else failed)


def test_a_person_who_may_not_delete_is_told_what_is_missing(world: World, grant: Grant) -> None:
    config = as_role(world, grant(world.config()))
    world.erase(ids(world)[0])
    world.reconcile(config=config)
    with open_session(config, BINDING) as session:
        asked = conflicts.query(session.state, session.tables, bindings=[BINDING])
        session.rest()
        with pytest.raises(RightMissing, match=r"What is missing: GRANT DELETE ON .*annotation TO"):
            resolve(session, asked, Take(Side.FIFTYONE), vocabulary=session.vocabulary)
