"""What the triggers record, whoever writes, and however."""

from __future__ import annotations

import io
import select
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

import servers
from integration.capture.lab import CaptureLab
from syncd.store.capture_read import Captured

PASSWORD = "Tr0ub4dor3"


@pytest.fixture
def captured(lab: CaptureLab) -> CaptureLab:
    lab.make()
    lab.sql("INSERT INTO annotation VALUES ('a', 'krill'), ('b', 'krill'), ('c', 'krill')")
    lab.install()
    return lab


def seen(lab: CaptureLab, *statements: str) -> Captured:
    """What one reading finds of these statements, each a transaction."""
    before = lab.position()
    for each in statements:
        lab.sql(each)
    found = lab.since(before)
    assert found.gap is None
    return found


CASES = {
    "insert": (["INSERT INTO annotation VALUES ('d', 'x'), ('e', 'x')"], {"d", "e"}, set()),
    "update": (["UPDATE annotation SET label = 'x' WHERE annotation_id <> 'b'"], {"a", "c"}, set()),
    "delete": (["DELETE FROM annotation WHERE annotation_id <> 'b'"], set(), {"a", "c"}),
    "another id": (["UPDATE annotation SET annotation_id = 'z' WHERE annotation_id = 'a'"], {"z"}, {"a"}),
    "no id": (["INSERT INTO annotation VALUES (NULL, 'x')", "DELETE FROM annotation"], set(), {"a", "b", "c"}),
    "nothing": (["UPDATE annotation SET label = 'x' WHERE false"], set(), set()),
    "deleted and made again": (
        ["DELETE FROM annotation WHERE annotation_id = 'a'", "INSERT INTO annotation VALUES ('a', 'x')"],
        {"a"},
        set(),
    ),
    "made and deleted": (
        ["INSERT INTO annotation VALUES ('d', 'x')", "DELETE FROM annotation WHERE annotation_id = 'd'"],
        set(),
        {"d"},
    ),
    "insert or update": (
        [
            "ALTER TABLE annotation ADD UNIQUE (annotation_id)",
            (
                "INSERT INTO annotation VALUES ('a', 'x'), ('d', 'x') "
                "ON CONFLICT (annotation_id) DO UPDATE SET label = excluded.label"
            ),
        ],
        {"a", "d"},
        set(),
    ),
    "ids exchanged": (
        [
            (
                "UPDATE annotation SET annotation_id = CASE annotation_id WHEN 'a' THEN 'b' ELSE 'a' END "
                "WHERE annotation_id IN ('a', 'b')"
            )
        ],
        {"a", "b"},
        set(),
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_way_of_writing_names_the_annotations_that_it_touched(captured: CaptureLab, case: str) -> None:
    statements, changed, deleted = CASES[case]
    found = seen(captured, *statements)
    assert (found.changed_ids, found.deleted_ids) == (changed, deleted)


def test_copy_is_recorded(captured: CaptureLab) -> None:
    before = captured.position()
    with captured.person() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            cursor.copy_expert("COPY annotation FROM STDIN", io.StringIO("d\tx\ne\ty\n"))
        driver.commit()
    assert captured.since(before).changed_ids == {"d", "e"}


def test_rows_deleted_along_with_what_they_belong_to_are_recorded(captured: CaptureLab) -> None:
    captured.sql("CREATE TABLE media (uri text PRIMARY KEY)")
    captured.sql("INSERT INTO media VALUES ('krill'), ('x')")
    captured.sql("ALTER TABLE annotation ADD FOREIGN KEY (label) REFERENCES media ON DELETE CASCADE")
    assert seen(captured, "DELETE FROM media WHERE uri = 'krill'").deleted_ids == {"a", "b", "c"}


def test_a_truncated_table_is_a_gap(captured: CaptureLab) -> None:
    before = captured.position()
    captured.sql("TRUNCATE annotation")
    assert captured.since(before).gap == "the table was truncated"


def test_what_was_rolled_back_is_not_recorded(captured: CaptureLab) -> None:
    before = captured.position()
    with captured.person() as connection:
        connection.exec_driver_sql("DELETE FROM annotation")
        connection.rollback()
    assert captured.since(before).deleted_ids == set()


def test_a_partitioned_table_is_captured(lab: CaptureLab) -> None:
    lab.sql("CREATE TABLE annotation (annotation_id text, label text) PARTITION BY LIST (label)")
    lab.sql("CREATE TABLE part PARTITION OF annotation DEFAULT")
    lab.install()
    found = seen(
        lab, "INSERT INTO annotation VALUES ('a', 'x'), ('b', 'x')", "DELETE FROM annotation WHERE annotation_id = 'a'"
    )
    assert (found.changed_ids, found.deleted_ids) == ({"b"}, {"a"})


NAMES = {
    "capitals": ('"My Table"', "My Id"),
    "another schema": ('"lab.1"."anno""tation"', 'i"d'),
    "percent": ('"100%"', "%s"),
    "quotes": ('"it\'s"', "i'd"),
    "backslash": ('"a\\b"', "c\\d"),
    "the body's own quotes": ('"$capture0$"', "$capture1$"),
    "colon": ('":table"', ":id"),
    "reserved words": ('"select"', "from"),
    "long": ('"' + "t" * 63 + '"', "c" * 63),
    "unicode": ('"Kiesel-Äuglein"', "größe"),
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_a_table_may_be_called_anything(lab: CaptureLab, names: tuple[str, str]) -> None:
    lab.table, lab.id_column = names
    lab.sql('CREATE SCHEMA "lab.1"')
    with lab.person() as connection:
        plain = connection.execution_options(no_parameters=True)
        column = lab.id_column.replace('"', '""')
        plain.exec_driver_sql(f'CREATE TABLE {lab.table} ("{column}" text, label text)')
        connection.commit()
    lab.install()
    before = lab.position()
    with lab.person() as connection:
        plain = connection.execution_options(no_parameters=True)
        plain.exec_driver_sql(f"INSERT INTO {lab.table} VALUES ('a', 'x'), ('b', 'x')")
        plain.exec_driver_sql(f"UPDATE {lab.table} SET label = 'y'")
        plain.exec_driver_sql(f"DELETE FROM {lab.table} WHERE label = 'y'")
        connection.commit()
    assert lab.since(before).deleted_ids == {"a", "b"}
    assert {row[0] for row in lab.recorded()} == {lab.target().identity}
    lab.remove()


@pytest.mark.parametrize(
    ("id_type", "literal", "text"),
    [
        ("bigint", "42", "42"),
        ("uuid", "'0A000000-0000-4000-8000-00000000000B'", "0a000000-0000-4000-8000-00000000000b"),
        ("char(5)", "'ab'", "ab"),
        ("varchar(9)", "'é|,\"\\'", 'é|,"\\'),
    ],
)
def test_ids_are_recorded_as_they_are_read(lab: CaptureLab, id_type: str, literal: str, text: str) -> None:
    lab.make(id_type)
    lab.install()
    assert seen(lab, f"INSERT INTO annotation VALUES ({literal}, 'x')").changed_ids == {text}


@pytest.fixture
def curator(captured: CaptureLab, postgres_url: str) -> Iterator[CaptureLab]:
    """The table as somebody sees it who may write it and knows nothing of syncd."""
    name = f"curator_{uuid.uuid4().hex[:8]}"
    captured.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    captured.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON annotation TO {name}")
    url = sa.make_url(captured.url).set(username=name, password=PASSWORD).render_as_string(hide_password=False)
    yield CaptureLab(url)
    captured.sql(f"DROP OWNED BY {name}")
    with servers.engine_for_admin(postgres_url).connect() as connection:
        connection.execute(sa.text(f"DROP ROLE {name}"))


def test_whoever_writes_needs_no_right_on_syncds_tables(captured: CaptureLab, curator: CaptureLab) -> None:
    before = captured.position()
    curator.sql("UPDATE annotation SET label = 'x' WHERE annotation_id = 'a'")
    curator.sql("DELETE FROM annotation WHERE annotation_id = 'b'")
    found = captured.since(before)
    assert (found.changed_ids, found.deleted_ids) == ({"a"}, {"b"})
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for schema syncd"):
        curator.sql("SELECT * FROM syncd.captured")


def test_whoever_writes_cannot_put_a_function_of_their_own_into_the_triggers_way(
    captured: CaptureLab, curator: CaptureLab
) -> None:
    role = sa.make_url(curator.url).username
    before = captured.position()
    with curator.person() as connection:
        # With the definer's rights, were it ever called.
        connection.exec_driver_sql(
            "CREATE FUNCTION pg_temp.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'called by %%', current_user; END $$"
        )
        connection.exec_driver_sql("CREATE TEMPORARY TABLE captured (LIKE annotation)")
        connection.exec_driver_sql(f"SET search_path = pg_temp, {role}, public")
        connection.exec_driver_sql("UPDATE public.annotation SET label = 'x' WHERE annotation_id = 'a'")
        connection.commit()
    assert captured.since(before).changed_ids == {"a"}


def test_nobody_else_can_make_triggers_with_the_function(captured: CaptureLab, curator: CaptureLab) -> None:
    role, function = sa.make_url(curator.url).username, captured.target().name
    captured.sql(f"GRANT USAGE ON SCHEMA syncd TO {role}")
    with curator.person() as connection:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE mine (annotation_id text)")
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied for function"):
            connection.exec_driver_sql(
                "CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS new_rows "
                f"FOR EACH STATEMENT EXECUTE FUNCTION syncd.{function}()"
            )


def test_a_change_wakes_whoever_listens_once_a_transaction_and_nothing_does_not(captured: CaptureLab) -> None:
    with captured.person() as listener:
        listener.exec_driver_sql(f"LISTEN {captured.target().channel}")
        listener.commit()
        driver = listener.connection.driver_connection
        assert driver is not None
        captured.sql("UPDATE annotation SET label = 'x' WHERE false")
        assert select.select([driver], [], [], 0.3) == ([], [], [])
        with captured.person() as connection:
            for each in ("a", "b"):
                connection.exec_driver_sql("UPDATE annotation SET label = 'x' WHERE annotation_id = %s", (each,))
            connection.commit()
        assert select.select([driver], [], [], 5) == ([driver], [], [])
        driver.poll()
        assert [each.payload for each in driver.notifies] == [""]
