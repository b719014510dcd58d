"""What is read need not be what is written: views, SELECTs, schemas."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from integration.adapters.support import change, rows_of, table_of
from syncd.adapters.sql.clock import earliest
from syncd.diff.readback import why_no_answer
from syncd.errors import MappingError
from syncd.model import Action, Change, Kind
from syncd.model.result import Written

LAB = (
    "CREATE TABLE media (media_id integer PRIMARY KEY, uri text, station text)",
    """CREATE TABLE annotation (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), media_id integer, label text NOT NULL,
       note text, updated_at timestamptz DEFAULT now(), updated_by text)""",
    """CREATE VIEW annotation_with_media AS
       SELECT a.*, m.uri AS media, m.station FROM annotation a JOIN media m USING (media_id)""",
    "INSERT INTO media VALUES (1, '/1.png', 'M1'), (2, '/2.png', 'C1')",
    """INSERT INTO annotation (id, media_id, label) VALUES
       ('00000000-0000-0000-0000-00000000000a', 1, 'a'), ('00000000-0000-0000-0000-00000000000b', 2, 'b')""",
)
A, B = (f"00000000-0000-0000-0000-00000000000{each}" for each in "ab")
FIELDS = {"label": "label", "note": "note", "station": "station"}
STAMPS = {"updated_at": "updated_at", "updated_by": "updated_by"}


def test_a_view_is_read_and_its_table_written(database_url: str) -> None:
    with table_of(database_url, LAB, read="annotation_with_media", **STAMPS, **FIELDS) as table:
        rows = table.rows()
        assert {id_: (row["label"], row["media"], row["station"]) for id_, row in rows.items()} == {
            A: ("a", "/1.png", "M1"),
            B: ("b", "/2.png", "C1"),
        }
        before = table.adapter.now()
        assert table.update(A, "label", "a", "changed").after == "changed"
        assert table.sql("SELECT label, updated_by FROM annotation ORDER BY id") == [("changed", "syncd"), ("b", None)]
        assert list(rows_of(table.adapter.read_since(before))) == [A]
        assert table.delete(B).matched, "the station, which the table has not, cannot keep a row from being deleted"
        assert table.sql("SELECT count(*) FROM annotation") == [(1,)]
        assert not table.info.writable("media")
        assert table.adapter.origin().rows == 1


def test_a_row_that_the_view_would_not_show_is_not_inserted(database_url: str) -> None:
    """It would be hidden at once, and its label a conflict."""
    with table_of(database_url, LAB, read="annotation_with_media", **FIELDS) as table:
        result = table.insert("00000000-0000-0000-0000-00000000000c", label="c")
        assert result.refused is not None
        assert "annotation_with_media would not show the new row" in result.refused
        assert not result.present
        assert table.sql("SELECT count(*) FROM annotation") == [(2,)]


def test_the_table_says_which_rows_the_view_hides(database_url: str) -> None:
    hide = "UPDATE annotation SET media_id = 3 WHERE label = 'a'"
    with table_of(database_url, [*LAB, hide], read="annotation_with_media", **STAMPS, **FIELDS) as table:
        assert list(table.rows()) == [B]
        nobody = "00000000-0000-0000-0000-00000000000f"
        assert table.adapter.written_ids([A, nobody, "no uuid"]) == Written(frozenset([A]), certain=True)
        assert table.adapter.written_ids([]) == Written(frozenset(), certain=True)


def test_a_table_that_is_read_itself_hides_nothing(database_url: str) -> None:
    with table_of(database_url, LAB, media="media_id", label="label") as table:
        assert table.adapter.written_ids([A]) == Written(frozenset(), certain=True)


def test_an_edit_by_which_the_view_hides_the_row_is_read_back_from_the_table(database_url: str) -> None:
    view = "CREATE VIEW in_use AS SELECT * FROM annotation_with_media WHERE label <> 'Noise'"
    with table_of(database_url, [*LAB, view], read="in_use", **STAMPS, **FIELDS) as table:
        result = table.update(A, "label", "a", "Noise")
        assert (result.matched, result.present, result.after) == (True, True, "Noise")
        assert list(table.rows()) == [B]


def test_a_row_that_the_view_shows_is_inserted_and_read_back_through_it(database_url: str) -> None:
    view = "CREATE VIEW shown AS SELECT *, upper(label) AS station FROM annotation"
    fields = FIELDS | {"media_id": "media_id"}
    with table_of(database_url, [*LAB, view], read="shown", media="media_id", **fields) as table:
        result = table.insert("00000000-0000-0000-0000-00000000000c", media=None, label="c", media_id=2)
        assert result.after == {"label": "c", "note": None, "station": "C", "media_id": 2}


QUERY = """
SELECT a.id, a.label, a.note, m.uri AS media, m.station || ' ;100%' AS station, ':x' AS "a:b"
FROM annotation a JOIN media m USING (media_id) -- the % of it; all
WHERE m.uri LIKE '/%' AND a.label <> '%s;' -- ends in a comment
"""


@pytest.mark.parametrize("query", [QUERY, QUERY.strip() + "\n;", "WITH x AS (" + QUERY + "\n) SELECT * FROM x"])
def test_a_select_is_read_whatever_signs_are_in_it(database_url: str, query: str) -> None:
    with table_of(database_url, LAB, read=query, **FIELDS) as table:
        assert {id_: row["station"] for id_, row in table.rows().items()} == {A: "M1 ;100%", B: "C1 ;100%"}
        assert rows_of(table.adapter.read_ids([A, B]))[A]["media"] == "/1.png"
        assert table.update(A, "label", "a", "b").after == "b"
        assert table.info.owner is not None


def test_a_select_that_the_database_does_not_understand_is_a_fault_of_the_mapping(database_url: str) -> None:
    for query, why in (
        ("SELECT nothing FROM annotation", 'column "nothing" does not exist'),
        ("SELECT * FROM", "syntax error"),
        ("SELECT id FROM annotation", "the SELECT of `read` has no column 'label'"),
    ):
        with pytest.raises(MappingError, match=why), table_of(database_url, LAB, read=query, media="id", label="label"):
            pass
        with sa.create_engine(database_url, poolclass=sa.NullPool).begin() as connection:
            connection.exec_driver_sql("DROP TABLE annotation, media CASCADE")


def test_a_view_whose_name_begins_like_a_statement_is_a_view(database_url: str) -> None:
    view = "CREATE VIEW selected_annotation AS SELECT *, 'x' AS media FROM annotation"
    with table_of(database_url, [*LAB, view], read="selected_annotation", label="label") as table:
        assert not table.info.mapping.read_is_query
        assert set(table.rows()) == {A, B}


def test_a_view_that_repeats_an_id_is_read_as_it_is(database_url: str) -> None:
    view = "CREATE VIEW doubled AS SELECT a.*, m.uri AS media FROM annotation a CROSS JOIN media m"
    with table_of(database_url, [*LAB, view], read="doubled", label="label") as table:
        assert sorted(table.adapter.read_all().rows["annotation_id"]) == [A, A, B, B]
        assert sorted(table.adapter.read_ids([A]).rows["media"]) == ["/1.png", "/2.png"]
        assert table.update(A, "label", "a", "b").after == "b"


def test_a_view_may_lack_an_id(database_url: str) -> None:
    view = "CREATE VIEW outside AS SELECT a.*, m.uri AS media FROM media m LEFT JOIN annotation a USING (media_id)"
    with table_of(
        database_url, [*LAB, "INSERT INTO media VALUES (3, '/3.png')", view], read="outside", label="label"
    ) as table:
        assert sorted(table.adapter.read_all().rows["annotation_id"], key=str) == [A, B, None]


def test_a_column_of_another_kind_where_it_is_read_is_a_fault(database_url: str) -> None:
    statements = [
        "CREATE TABLE taxon (taxon_id integer, name text)",
        "CREATE TABLE annotation (id text, media text, label integer, depth numeric, ref uuid)",
        """CREATE VIEW named AS SELECT a.id, a.media, t.name AS label, a.depth::float8, a.ref::text
           FROM annotation a JOIN taxon t ON t.taxon_id = a.label""",
    ]
    with (
        pytest.raises(MappingError, match="'label' is integer in annotation, but text where it is read"),
        table_of(database_url, statements, read="named", label="label"),
    ):
        pass
    with table_of(database_url, (), read="named", depth="depth", ref="ref") as table:
        assert table.mapping.field("depth").kind is Kind.DECIMAL, "numbers of another type are numbers"
        assert table.mapping.field("ref").kind is Kind.UUID


def test_the_search_path_of_the_address_holds_for_every_connection(database_url: str) -> None:
    statements = [
        "CREATE SCHEMA lab",
        "CREATE TABLE lab.annotation (id serial PRIMARY KEY, media text, label text)",
        "INSERT INTO lab.annotation (media, label) VALUES ('/1.png', 'a')",
    ]
    url = sa.make_url(database_url).update_query_dict({"options": "-c search_path=lab"})
    with table_of(url.render_as_string(hide_password=False), statements, label="label") as table:
        assert table.rows()["1"]["label"] == "a"
        assert table.update("1", "label", "a", "b").after == "b"
        [result] = table.write(change(Action.INSERT, None, new={"label": "c"}, media="/2.png"))
        assert result.annotation_id == "2"


def test_a_schema_outside_of_the_search_path_is_named(database_url: str) -> None:
    statements = ["CREATE SCHEMA lab", "CREATE TABLE lab.annotation (id text, media text, label text)"]
    with table_of(database_url, statements, table="lab.annotation", label="label") as table:
        assert table.insert("a", label="x").present
        assert table.rows()["a"]["label"] == "x"
    with pytest.raises(MappingError, match="no table or view 'annotation'"), table_of(database_url, ()):
        pass


NAIVE = "CREATE TABLE annotation (id text, media text, label text, stamp timestamp)"
TOUCH = """
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.stamp := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON annotation FOR EACH ROW EXECUTE FUNCTION touch()
"""


def in_zone(url: str, zone: str) -> None:
    """The lab keeps its database's time in this zone."""
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE \"{sa.make_url(url).database}\" SET timezone TO '{zone}'")


def with_a_zone_of_its_own(url: str, zone: str) -> str:
    """The address with which syncd's own sessions are in another zone than the lab's."""
    return sa.make_url(url).update_query_dict({"options": f"-c timezone={zone}"}).render_as_string(hide_password=False)


@pytest.mark.parametrize("own", [None, "UTC", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("zone", "hours"), [("UTC", 0), ("America/Los_Angeles", -8), ("Pacific/Auckland", 13), ("Asia/Kolkata", 5.5)]
)
def test_stamps_without_a_zone_are_in_the_databases_whatever_syncds_own(
    database_url: str, zone: str, hours: float, own: str | None
) -> None:
    in_zone(database_url, zone)
    url = database_url if own is None else with_a_zone_of_its_own(database_url, own)
    with table_of(url, [NAIVE], updated_at="stamp", label="label") as table:
        table.sql("INSERT INTO annotation VALUES ('a', '/1.png', 'x', '2024-01-01 12:00:00.5')")
        moment = datetime(2024, 1, 1, 12, 0, 0, 500000, timezone(timedelta(hours=hours)))
        assert table.rows()["a"]["edited_at"] == moment
        assert table.adapter.read_since(moment).size == 1
        assert table.adapter.read_since(moment + timedelta(milliseconds=1)).size == 0
        before: Any = table.adapter.now()
        table.update("a", "label", "x", "y")
        (stamp,) = (each["edited_at"] for each in table.rows().values())
        assert before - timedelta(milliseconds=1) <= stamp <= table.adapter.now()
        assert table.adapter.read_since(before).size == table.adapter.count_since(before, 5) == 1


def test_triggers_that_syncds_writes_fire_stamp_in_the_databases_zone(database_url: str) -> None:
    in_zone(database_url, "America/Los_Angeles")
    url = with_a_zone_of_its_own(database_url, "UTC")
    with table_of(url, [NAIVE, TOUCH], updated_at="stamp", label="label") as table:
        table.sql("INSERT INTO annotation VALUES ('a', '/1.png', 'x')")
        before: Any = table.adapter.now()
        table.update("a", "label", "x", "y")
        stamp = table.rows()["a"]["edited_at"]
        assert before - timedelta(milliseconds=1) <= stamp <= table.adapter.now()


def test_what_was_stamped_after_the_clocks_were_put_back_is_found(database_url: str) -> None:
    in_zone(database_url, "America/New_York")
    with table_of(database_url, [NAIVE], updated_at="stamp", label="label") as table:
        table.sql("INSERT INTO annotation VALUES ('a', '/1.png', 'x', '2026-11-01 01:10')")
        # 01:30 in summer time, half an hour before it ends; the row was stamped forty minutes later, at 01:10.
        since = datetime(2026, 11, 1, 5, 30, tzinfo=timezone.utc)
        assert table.rows()["a"]["edited_at"] == datetime(2026, 11, 1, 6, 10, tzinfo=timezone.utc)
        assert table.adapter.read_since(since).size == 1
        assert table.adapter.read_since(since + timedelta(hours=1)).size == 0


def test_an_index_on_stamps_without_a_zone_serves_the_poll(database_url: str) -> None:
    in_zone(database_url, "America/Los_Angeles")
    rows = (
        "INSERT INTO annotation SELECT n, n, 'x', timestamp '2024-01-01' + n * interval '1 minute' "
        "FROM generate_series(1, 20000) AS n"
    )
    statements = [NAIVE, "CREATE INDEX by_stamp ON annotation (stamp)", rows, "ANALYZE annotation"]
    with table_of(database_url, statements, updated_at="stamp", label="label") as table:
        newest = max(each["edited_at"] for each in table.rows().values())
        bound = earliest(newest, str(table.info.zone))
        plan = table.sql(f"EXPLAIN SELECT * FROM annotation WHERE stamp >= {bound}")
        assert "by_stamp" in "".join(row[0] for row in plan)


def test_stamps_with_a_zone_need_no_other(database_url: str) -> None:
    in_zone(database_url, "America/Los_Angeles")
    with table_of(database_url, [NAIVE.replace("stamp timestamp", "stamp timestamptz")], updated_at="stamp") as table:
        assert table.info.zone is None


RULES = (
    "CREATE TABLE annotation (id text PRIMARY KEY, media text, label text, note text, gone boolean DEFAULT false)",
    "INSERT INTO annotation SELECT n::text, '/' || n || '.png', 'old', 'old' FROM generate_series(1, 6) n",
    "CREATE VIEW live AS SELECT * FROM annotation WHERE NOT gone",
)
SOFT = "CREATE RULE soft AS ON DELETE TO annotation DO INSTEAD UPDATE annotation SET gone = true WHERE id = OLD.id"


def _gone(id_: str, label: str = "old") -> Change:
    return change(Action.DELETE, id_, old={"label": label, "note": "old"})


@pytest.mark.parametrize("read", ["live", "annotation"])
def test_a_rule_that_keeps_deleted_rows_is_believed_where_they_are_hidden(database_url: str, read: str) -> None:
    with table_of(database_url, [*RULES, SOFT], read=read, label="label", note="note") as table:
        wanted = [_gone("1"), _gone("2", "another"), change(Action.UPDATE, "3", "label", "old", "new")]
        results = table.adapter.write(wanted, partial(why_no_answer, table.mapping, None))
        table.connection.commit()
        hidden = read == "live"
        assert [each.refused is None for each in results] == [hidden, True, True]
        assert [each.matched for each in results] == [hidden, False, True]
        assert table.sql("SELECT id FROM annotation WHERE gone") == ([("1",)] if hidden else [])
        assert table.sql("SELECT label FROM annotation WHERE id = '3'") == [("new",)]


def test_rules_that_do_something_else_or_nothing_for_some_rows(database_url: str) -> None:
    rules = [
        "CREATE RULE closed AS ON UPDATE TO annotation WHERE OLD.id = '2' DO INSTEAD NOTHING",
        "CREATE RULE kept AS ON DELETE TO annotation WHERE OLD.id = '4' DO INSTEAD NOTHING",
        "CREATE RULE no_more AS ON INSERT TO annotation WHERE NEW.label = 'bad' DO INSTEAD NOTHING",
    ]
    with table_of(database_url, [*RULES, *rules], label="label", note="note") as table:
        wanted = [change(Action.UPDATE, each, "label", "old", "new") for each in "12"]
        wanted += [change(Action.UPDATE, "3", "label", "another", "new"), _gone("4"), _gone("5")]
        wanted += [
            change(Action.INSERT, name, new={"label": label, "note": None}, media="/n.png")
            for name, label in (("n", "new"), ("m", "bad"), ("6", "new"))
        ]
        results = table.adapter.write(wanted, partial(why_no_answer, table.mapping, None))
        table.connection.commit()
        assert [each.matched and each.refused is None for each in results] == [
            True,
            False,
            False,
            False,
            True,
            True,
            False,
            False,
        ]
        assert [each.refused is not None for each in results] == [
            False,
            True,
            False,
            True,
            False,
            False,
            True,
            False,
        ]
        held = dict(table.sql("SELECT id, label FROM annotation"))
        assert held == {"1": "new", "2": "old", "3": "old", "4": "old", "6": "old", "n": "new"}


def test_rules_that_also_do_something_and_rules_that_tell_are_no_trouble(database_url: str) -> None:
    rules = [
        "CREATE TABLE history (id text, label text)",
        "CREATE RULE noted AS ON UPDATE TO annotation DO ALSO INSERT INTO history VALUES (OLD.id, OLD.label)",
        f"{SOFT} RETURNING OLD.*",
    ]
    with table_of(database_url, [*RULES, *rules], read="live", label="label", note="note") as table:
        assert table.update("1", "label", "old", "new").matched
        assert table.sql("SELECT * FROM history") == [("1", "old")]
        result = table.delete("2")
        assert (result.matched, result.present) == (True, False)


def test_a_view_that_is_written_by_rules(database_url: str) -> None:
    rules = [
        """CREATE RULE ins AS ON INSERT TO live DO INSTEAD INSERT INTO annotation (id, media, label, note)
           VALUES (NEW.id, NEW.media, NEW.label, NEW.note)""",
        "CREATE RULE upd AS ON UPDATE TO live DO INSTEAD UPDATE annotation SET label = NEW.label WHERE id = OLD.id",
        "CREATE RULE del AS ON DELETE TO live DO INSTEAD UPDATE annotation SET gone = true WHERE id = OLD.id",
    ]
    with table_of(database_url, [*RULES, *rules], table="live", label="label", note="note") as table:
        results = table.write(
            change(Action.UPDATE, "1", "label", "old", "new"),
            change(Action.UPDATE, "2", "label", "another", "new"),
            _gone("3"),
            change(Action.INSERT, "n", new={"label": "new", "note": None}, media="/n.png"),
            change(Action.INSERT, None, new={"label": "named", "note": None}, media="/m.png"),
        )
        assert [each.matched for each in results] == [True, False, True, True, True]
        assert table.sql("SELECT label FROM annotation WHERE id = 'n'") == [("new",)]
        assert len(str(results[4].annotation_id)) == 36
