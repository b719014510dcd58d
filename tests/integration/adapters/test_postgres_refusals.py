"""What a database refuses for its value costs its own change, whatever the code; a server that fails is no refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration.adapters.support import Table, change, table_of
from syncd.errors import DatabaseUnavailable
from syncd.model import LABEL, Action, Change

PLAIN = (
    "CREATE TABLE annotation (id text PRIMARY KEY, media text, label text, note text)",
    "INSERT INTO annotation SELECT n::text, '/' || n || '.png', 'old' FROM generate_series(1, 9) n",
)
FIELDS = {"label": "label", "note": "note"}
CODES = ["0A000", "22000", "25006", "2F003", "28000", "38001", "42501", "42P01", "42703", "53100", "53400", "55000"]
CODES += ["55P03", "57014", "57P01", "58030", "P0001", "P0004", "UE001", "XX000", "XX001"]
"""Of each class that a trigger may raise with, but those that mean a lost connection or a failed serialization."""


@pytest.fixture
def table(database_url: str) -> Iterator[Table]:
    with table_of(database_url, PLAIN, **FIELDS) as found:
        yield found


@pytest.fixture
def role(table: Table) -> Iterator[str]:
    """A role without rights."""
    name = f"writer_{table.others.url.database}"
    table.sql(f"CREATE ROLE {name}")
    yield name
    table.connection.rollback()
    table.connection.exec_driver_sql("RESET ROLE")
    table.connection.commit()
    table.sql(f"DROP OWNED BY {name}")
    table.sql(f"DROP ROLE {name}")


def trigger(table: Table, body: str, when: str = "BEFORE INSERT OR UPDATE", *, each: str = "ROW") -> None:
    """The lab's own trigger."""
    table.sql(f"CREATE FUNCTION rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    kind = "CONSTRAINT TRIGGER" if "DEFERRED" in when else "TRIGGER"
    event, _, later = when.partition(" DEFERRED")
    wait = "" if kind == "TRIGGER" else "DEFERRABLE INITIALLY DEFERRED"
    table.sql(f"CREATE {kind} a_rule {event} ON annotation {wait} FOR EACH {each} EXECUTE FUNCTION rule(){later}")


def edits(*ids: str, new: str = "new") -> list[Change]:
    return [change(Action.UPDATE, each, LABEL, "old", new) for each in ids]


def new_row(id_: str, label: str) -> Change:
    return change(Action.INSERT, id_, new={LABEL: label, "note": None}, media="/new.png")


def check_bad_pays(table: Table, said: str = "") -> None:
    """Of an edit, a new row and others one value is refused, and everything else is done and stays."""
    results = table.write(
        *edits("1", "2"), *edits("3", new="bad"), *edits("4"), new_row("n", "bad"), new_row("m", "new")
    )
    refused = [each.refused for each in results]
    assert [each is not None for each in refused] == [False, False, True, False, True, False]
    assert all(said in str(each) for each in (refused[2], refused[4]))
    held = dict(table.sql("SELECT id, label FROM annotation WHERE id IN ('1', '2', '3', '4', 'n', 'm')"))
    assert held == {"1": "new", "2": "new", "3": "old", "4": "new", "m": "new"}


@pytest.mark.parametrize("when", ["BEFORE INSERT OR UPDATE", "AFTER INSERT OR UPDATE DEFERRED"])
def test_a_trigger_refuses_one_value_with_whatever_code_also_at_the_commit(table: Table, when: str) -> None:
    body = "IF NEW.label = 'bad' THEN RAISE 'not with %', NEW.note USING ERRCODE = NEW.note; END IF; RETURN NEW;"
    trigger(table, body, when)
    for code in CODES:
        table.sql("DELETE FROM annotation WHERE id NOT IN ('1', '3')")
        table.sql(f"UPDATE annotation SET label = 'old', note = '{code}'")
        row = change(Action.INSERT, "n", new={LABEL: "bad", "note": code}, media="/new.png")
        results = table.write(*edits("1"), *edits("3", new="bad"), row, new_row("m", "new"))
        refused = [each.refused is not None and code in each.refused for each in results]
        assert refused == [False, True, True, False], (code, results)
        assert dict(table.sql("SELECT id, label FROM annotation")) == {"1": "new", "3": "old", "m": "new"}


def test_a_trigger_that_puts_constraints_off_until_the_commit_changes_nothing(table: Table) -> None:
    table.sql("CREATE TABLE taxon (name text PRIMARY KEY)")
    table.sql("INSERT INTO taxon VALUES ('old'), ('new')")
    table.sql("ALTER TABLE annotation ADD FOREIGN KEY (label) REFERENCES taxon DEFERRABLE")
    trigger(table, "SET CONSTRAINTS ALL DEFERRED; RETURN NEW;")
    check_bad_pays(table, "foreign key")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("PERFORM 1 FROM nowhere", "nowhere"),
        ("PERFORM no_such_function()", "no_such_function"),
        ("PERFORM set_config('role', 'nobody_there', true)", "nobody_there"),
        ("PERFORM 1 / 0", "zero"),
        ("EXECUTE 'VACUUM annotation'", "VACUUM"),
    ],
)
def test_a_trigger_that_fails_at_one_value_refuses_it(table: Table, body: str, said: str) -> None:
    trigger(table, f"IF NEW.label = 'bad' THEN {body}; END IF; RETURN NEW;")
    check_bad_pays(table, said)


def test_a_policy_refuses_one_value(table: Table, role: str) -> None:
    table.sql("ALTER TABLE annotation ENABLE ROW LEVEL SECURITY")
    table.sql("CREATE POLICY decent ON annotation USING (true) WITH CHECK (label <> 'bad')")
    table.sql(f"GRANT ALL ON annotation TO {role}")
    table.connection.exec_driver_sql(f"SET ROLE {role}")
    table.connection.commit()
    check_bad_pays(table, "row-level security policy")


def test_a_right_that_is_missing_to_a_trigger_costs_the_values_that_need_it(table: Table, role: str) -> None:
    table.sql("CREATE TABLE watched (label text)")
    trigger(table, "IF NEW.label = 'bad' THEN INSERT INTO watched VALUES (NEW.label); END IF; RETURN NEW;")
    table.sql(f"GRANT ALL ON annotation TO {role}")
    table.connection.exec_driver_sql(f"SET ROLE {role}")
    table.connection.commit()
    check_bad_pays(table, "permission denied for table watched")


def test_an_exclusion_and_an_index_that_computes_refuse_one_value(table: Table) -> None:
    table.sql(
        "CREATE FUNCTION strict_length(t text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
        "$$ BEGIN IF t = 'bad' THEN RAISE 'no index of %', t USING ERRCODE = '0A000'; END IF; RETURN 1; END $$"
    )
    table.sql("CREATE INDEX ON annotation (strict_length(label))")
    check_bad_pays(table, "no index of bad")


@pytest.mark.parametrize("event", ["UPDATE", "DELETE"])
def test_a_trigger_of_the_statement_refuses_what_it_is_about_and_nothing_else(table: Table, event: str) -> None:
    trigger(table, "RAISE 'closed' USING ERRCODE = 'P0001';", f"BEFORE {event}", each="STATEMENT")
    gone = change(Action.DELETE, "2", old={LABEL: "old", "note": None})
    results = table.write(*edits("1"), gone, new_row("n", "new"))
    assert [each.refused is not None for each in results] == [event == "UPDATE", event == "DELETE", False]
    assert ("n",) in table.sql("SELECT id FROM annotation")


@pytest.mark.parametrize("action", [Action.UPDATE, Action.DELETE, Action.INSERT])
def test_a_right_that_the_statement_lacks_is_a_failure_and_no_refusal(table: Table, role: str, action: Action) -> None:
    table.sql(f"GRANT SELECT ON annotation TO {role}")
    table.connection.exec_driver_sql(f"SET ROLE {role}")
    wanted: dict[Action, Any] = {
        Action.UPDATE: edits("1")[0],
        Action.DELETE: change(Action.DELETE, "1", old={LABEL: "old", "note": None}),
        Action.INSERT: new_row("n", "new"),
    }
    with pytest.raises(DatabaseUnavailable, match="permission denied for table annotation"):
        table.adapter.write([wanted[action]])
    table.connection.rollback()


def test_a_server_that_only_reads_is_a_failure_and_no_refusal(table: Table) -> None:
    table.connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    with pytest.raises(DatabaseUnavailable, match="read-only transaction"):
        table.adapter.write(edits("1"))
    table.connection.rollback()


@pytest.mark.parametrize("code", ["40001", "40P01", "08006"])
def test_what_means_that_it_is_to_be_tried_again_is_a_failure(table: Table, code: str) -> None:
    trigger(table, f"RAISE 'once more' USING ERRCODE = '{code}';")
    with pytest.raises(DatabaseUnavailable, match="once more"):
        table.adapter.write(edits("1"))
    table.connection.rollback()


CHANGED = {
    "constraint": "ALTER TABLE annotation ADD CHECK (label <> 'bad')",
    "dropped constraint": "ALTER TABLE annotation DROP CONSTRAINT annotation_label_check",
    "longer column": "ALTER TABLE annotation ALTER note TYPE varchar(200)",
    "trigger": "CREATE TRIGGER a_rule BEFORE UPDATE ON annotation "
    "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "disabled trigger": "ALTER TABLE annotation DISABLE TRIGGER a_rule",
    "unique index": "CREATE UNIQUE INDEX once ON annotation (label, media)",
    "rule": "CREATE RULE kept AS ON DELETE TO annotation DO INSTEAD NOTHING",
    "policy": "CREATE POLICY decent ON annotation WITH CHECK (label <> 'bad')",
    "row security": "ALTER TABLE annotation ENABLE ROW LEVEL SECURITY",
    "foreign key elsewhere": "CREATE TABLE measured (id text REFERENCES annotation)",
    "right elsewhere": "GRANT INSERT ON measured TO PUBLIC",
}
THE_SAME = (
    "INSERT INTO annotation VALUES ('another', '/x.png', 'new')",
    "CREATE INDEX ON annotation (note)",
    "CREATE TABLE elsewhere (id int CHECK (id > 0))",
    "VACUUM FULL annotation",
    "ANALYZE",
)


def test_what_a_table_takes_is_told_by_its_rules_and_by_nothing_else(table: Table) -> None:
    def rules() -> str | None:
        found = table.adapter.rules()
        table.connection.rollback()
        return found

    known = rules()
    for what, statement in CHANGED.items():
        table.sql(statement)
        now = rules()
        assert now != known, what
        known = now
    alone = table.others.execution_options(isolation_level="AUTOCOMMIT")
    for statement in THE_SAME:
        with alone.connect() as connection:
            connection.exec_driver_sql(statement)
        assert rules() == known, statement
