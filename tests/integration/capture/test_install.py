"""Installing and removing: idempotent, reversible, and as printed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import servers
from integration.capture.lab import CaptureLab
from syncd.adapters.connect import open_database
from syncd.errors import ConfigError, DatabaseUnavailable, MappingError
from syncd.store.capture_install import PATIENCE_S
from syncd.store.capture_read import find_capture, installed
from syncd.store.capture_target import find_target

THINGS = """
SELECT 'trigger', tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
WHERE nspname IN ('public', 'syncd') ORDER BY 1, 2
"""


def is_captured(lab: CaptureLab) -> bool:
    with lab.syncd() as connection:
        return find_capture(connection, lab.table, lab.id_column, "syncd") is not None


def test_installing_twice_changes_nothing(lab: CaptureLab) -> None:
    lab.make()
    assert not is_captured(lab)
    assert lab.install().statements
    there, position = lab.sql(THINGS), str(lab.position()).rpartition(":")[0]
    assert is_captured(lab)
    assert len(there) == 5
    assert lab.install().statements == ()
    assert lab.sql(THINGS) == there
    assert str(lab.position()).rpartition(":")[0] == position, "a binding goes on from where it was"


def test_removing_leaves_nothing_behind_and_twice_is_nothing_more(lab: CaptureLab) -> None:
    lab.make()
    before = lab.sql(THINGS)
    lab.install()
    lab.remove()
    assert lab.sql(THINGS) == before
    assert lab.remove().statements == ()
    assert not is_captured(lab)


def test_what_is_printed_is_what_psql_can_run(lab: CaptureLab) -> None:
    lab.table, lab.id_column = '"my ""100%"" $capture0$ table"', "Id"
    lab.sql('CREATE TABLE "my ""100%%"" $capture0$ table" ("Id" text)')
    script = lab.install()
    lab.remove()
    with lab.person() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.autocommit = True
        with driver.cursor() as cursor:
            cursor.execute(script.text)
    assert is_captured(lab)
    assert lab.install().statements == ()


def test_a_capture_that_is_out_of_date_is_made_anew(lab: CaptureLab) -> None:
    lab.make()
    lab.install()
    lab.sql(f"ALTER TABLE annotation DISABLE TRIGGER {lab.target().trigger('update')}")
    assert not is_captured(lab)
    lab.install()
    assert is_captured(lab)
    lab.sql("ALTER TABLE annotation ADD COLUMN other_id text")
    lab.id_column = "other_id"
    assert not is_captured(lab)
    lab.install()
    assert is_captured(lab)
    assert len(lab.sql(THINGS)) == 5, "the triggers for the other column are gone"


def test_a_table_that_was_renamed_is_captured_again_by_installing(lab: CaptureLab) -> None:
    lab.make()
    lab.install()
    lab.sql("ALTER TABLE annotation RENAME TO label_of_image")
    lab.table = "label_of_image"
    assert not is_captured(lab)
    lab.install()
    assert is_captured(lab)
    assert len(lab.sql(THINGS)) == 5


def test_a_new_table_under_the_old_name_does_not_keep_the_old_one_from_being_released(lab: CaptureLab) -> None:
    lab.make()
    lab.install()
    lab.sql("ALTER TABLE annotation RENAME TO old")
    lab.make()
    lab.install()
    CaptureLab(lab.url, table="old").remove()
    assert is_captured(lab)
    lab.remove()
    assert lab.sql(THINGS) == []


def test_the_labs_own_triggers_stay(lab: CaptureLab) -> None:
    lab.make()
    lab.sql("CREATE FUNCTION capture_mine() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$")
    lab.sql("CREATE TRIGGER mine BEFORE INSERT ON annotation FOR EACH ROW EXECUTE FUNCTION capture_mine()")
    before = lab.sql(THINGS)
    lab.install()
    lab.remove()
    assert lab.sql(THINGS) == before


def test_a_view_cannot_be_captured(lab: CaptureLab) -> None:
    lab.make()
    lab.sql("CREATE VIEW seen AS SELECT * FROM annotation")
    lab.table = "seen"
    with pytest.raises(MappingError, match="seen is no table"):
        lab.install()
    assert not is_captured(lab)


def test_a_table_that_is_not_there_is_named(lab: CaptureLab) -> None:
    lab.table = "lab.nothing"
    with pytest.raises(MappingError, match=r"no table lab\.nothing"):
        lab.install()
    assert not is_captured(lab)


def test_another_database_is_told_that_it_cannot(tmp_path: Path) -> None:
    with (
        open_database(f"sqlite:///{tmp_path / 'lab.db'}") as connection,
        pytest.raises(ConfigError, match="PostgreSQL"),
    ):
        find_target(connection, "annotation", "annotation_id", "syncd")
    connection.engine.dispose()


def test_a_table_that_somebody_is_writing_to_is_not_waited_for_long(lab: CaptureLab) -> None:
    lab.make()
    with lab.person() as writer:
        writer.exec_driver_sql("INSERT INTO annotation VALUES ('a', 'x')")
        with pytest.raises(DatabaseUnavailable, match=f"for more than {PATIENCE_S} s"):
            lab.install()
        writer.commit()
    assert lab.sql(THINGS) == []


@pytest.fixture
def role(lab: CaptureLab, postgres_url: str) -> Iterator[CaptureLab]:
    """The lab as a role sees it that may write the table and use syncd's tables."""
    name = f"syncd_{uuid.uuid4().hex[:8]}"
    lab.make()
    lab.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'Tr0ub4dor3'")
    lab.sql(f"GRANT USAGE ON SCHEMA syncd TO {name}")
    lab.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA syncd TO {name}")
    url = sa.make_url(lab.url).set(username=name, password="Tr0ub4dor3").render_as_string(hide_password=False)
    yield CaptureLab(url)
    lab.sql(f"DROP OWNED BY {name}")
    with servers.engine_for_admin(postgres_url).connect() as connection:
        connection.execute(sa.text(f"DROP ROLE {name}"))


def test_a_role_that_may_not_install_is_told_who_may(lab: CaptureLab, role: CaptureLab) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"(?s)permission denied.*Let a superuser run .* --dry-run"):
        role.install()
    assert lab.sql(THINGS) == []
    lab.install()
    with role.syncd() as connection:
        assert installed(connection, role.target()), "who may not install sees that it was"
    role.sql("SELECT * FROM syncd.captured")


def test_a_role_with_the_rights_that_are_named_may_install(lab: CaptureLab, role: CaptureLab) -> None:
    name = sa.make_url(role.url).username
    lab.sql(f"ALTER TABLE annotation OWNER TO {name}")
    lab.sql(f"GRANT USAGE, CREATE ON SCHEMA syncd TO {name}; GRANT USAGE ON SEQUENCE syncd.captured_seq_seq TO {name}")
    role.install()
    before = role.position()
    lab.sql("INSERT INTO annotation VALUES ('a', 'x')")
    assert role.since(before).changed_ids == {"a"}
