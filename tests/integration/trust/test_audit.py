"""The change log as evidence: whatever is done to it by SQL shows, and so does what is done to an exported file.

The program that verifies an export is taken from docs/audit.md, and run as a stranger runs it: without syncd.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

import trust
from integration.store.logs import AT, change, fill
from syncd.adapters.connect import open_database
from syncd.store import changes, runs
from syncd.store.chain import COVERED
from syncd.store.changes import verify
from syncd.store.export import export
from syncd.store.migrate import migrate
from syncd.store.tables import Tables, tables_for
from worlds import fresh_database

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = trust.many(60, 3000)
TAMPERED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def filled(postgres_url: str) -> Iterator[Connection]:
    with fresh_database(postgres_url) as url:
        opened = open_database(url).__enter__()
        migrate(opened, "syncd")
        fill(opened, tables_for(opened, "syncd"))
        yield opened
        opened.close()
        opened.engine.dispose()


@pytest.fixture
def connection(filled: Connection) -> Iterator[Connection]:
    yield filled
    filled.rollback()


@pytest.fixture
def tables(connection: Connection) -> Tables:
    return tables_for(connection, "syncd")


# What a vandal does with SQL


def _content(connection: Connection, tables: Tables) -> list[dict[str, Any]]:
    return list(changes.entries(connection, tables, "one"))


TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=8)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "seq": st.integers(1, 10_000),
    "undo_of": st.none() | st.integers(1, 10_000),
    "old": st.none()
    | st.integers()
    | TEXT
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.booleans()),
    "new": st.none() | st.integers() | TEXT | st.dictionaries(TEXT, TEXT, max_size=2),
    "edited_at": st.none() | st.just(AT.replace(microsecond=1)),
    "applied_at": st.none() | st.just(AT.replace(microsecond=1)),
    "status": st.sampled_from(["pending", "applied", "superseded", "refused", "abandoned"]),
    "binding": st.sampled_from(["one", "two", "elsewhere"]),
}
MUST = ("run_id", "action", "reason")


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, int, Any]]:
    """Things that SQL can do to a log: (what, which entry, with what)."""
    which = st.integers(0, 26)
    made = []
    for _ in range(draw(st.integers(1, 4))):
        what = draw(st.sampled_from(["edit", "edit", "remove", "insert", "swap", "cut", "unfinish"]))
        if what == "edit":
            name = draw(st.sampled_from([*COVERED, "hash"]))
            value = draw(VALUES.get(name, TEXT if name in MUST else st.none() | TEXT))
            made.append((what, draw(which), (name, value)))
        else:
            made.append((what, draw(which), draw(which)))
    return made


def _do(connection: Connection, tables: Tables, damage: tuple[str, int, Any]) -> None:
    what, which, more = damage
    table = tables.change
    found = _content(connection, tables)
    if not found:
        return
    entry = found[which % len(found)]
    here = table.c.seq == entry["seq"]
    if what == "edit":
        name, value = more
        taken = name == "seq" and connection.execute(sa.select(table.c.seq).where(table.c.seq == value)).first()
        if not taken:
            connection.execute(sa.update(table).where(here).values({name: value}))
    elif what == "remove":
        connection.execute(sa.delete(table).where(here))
    elif what == "insert":
        highest = connection.execute(sa.select(sa.func.max(table.c.seq))).scalar_one()
        connection.execute(sa.insert(table).values({**entry, "seq": highest + 1 + more}))
    elif what == "swap":
        other = found[more % len(found)]
        if other["seq"] != entry["seq"]:
            for old, new in ((entry["seq"], -1), (other["seq"], entry["seq"]), (-1, other["seq"])):
                connection.execute(sa.update(table).where(table.c.seq == old).values(seq=new))
    elif what == "cut":
        connection.execute(sa.delete(table).where(table.c.binding == "one", table.c.seq >= entry["seq"]))
    elif what == "unfinish":
        connection.execute(sa.update(table).where(here).values(status="pending", hash=None))


@given(made=st.lists(damages(), min_size=1, max_size=1).map(lambda each: each[0]))
@TAMPERED
def test_whatever_is_edited_removed_inserted_or_reordered_is_found(
    connection: Connection, tables: Tables, made: list[tuple[str, int, Any]]
) -> None:
    connection.rollback()
    before = _content(connection, tables)
    for damage in made:
        _do(connection, tables, damage)
    same = _content(connection, tables) == before
    assert verify(connection, tables, "one").is_sound == same


def test_how_many_ways_to_tamper_were_tried() -> None:
    trust.tried("cases", EXAMPLES * 2)


def test_an_entry_that_was_made_an_intent_again_is_found_wherever_it_stands(
    connection: Connection, tables: Tables
) -> None:
    for entry in _content(connection, tables):
        here = tables.change.c.seq == entry["seq"]
        connection.execute(sa.update(tables.change).where(here).values(status="pending", hash=None))
        assert not verify(connection, tables, "one").is_sound, entry["seq"]
        connection.rollback()


def test_an_intent_that_was_put_between_entries_is_found(connection: Connection, tables: Tables) -> None:
    entries = _content(connection, tables)
    forged = {**entries[3], "seq": -1, "status": "pending", "hash": None}
    connection.execute(sa.insert(tables.change).values(forged))
    assert verify(connection, tables, "one").broken_at == -1


# What a stranger does with a file


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that docs/audit.md shows."""
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    file = tmp_path_factory.mktemp("recipe") / "verify.py"
    file.write_text(program, encoding="utf-8")
    return file


def _exported(connection: Connection, tables: Tables, *names: str) -> str:
    file = io.StringIO()
    export(connection, tables, names or ("one", "two"), file)
    return file.getvalue()


def _ran(recipe: Path, file: Path, *heads: str) -> subprocess.CompletedProcess[str]:
    # -I: nothing of this checkout, nor of the environment, is there to import.
    call = [sys.executable, "-I", "-S", str(recipe), str(file), *heads]
    return subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)


def test_the_documented_program_verifies_an_export(
    connection: Connection, tables: Tables, recipe: Path, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text(_exported(connection, tables), encoding="utf-8")
    heads = [str(verify(connection, tables, name).head) for name in ("one", "two")]
    early = _content(connection, tables)[4]["hash"]
    done = _ran(recipe, file, *heads, early)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(head in done.stdout for head in heads)
    assert _ran(recipe, file, "0" * 32).returncode == 1


def test_the_same_log_gives_the_same_bytes(connection: Connection, tables: Tables) -> None:
    one = _exported(connection, tables)
    assert one == _exported(connection, tables)
    assert one.isascii()


def test_an_export_leaves_out_and_counts_what_is_not_finished(connection: Connection, tables: Tables) -> None:
    changes.record_intents(connection, tables, "one", "run-9", [change(1), change(2)])
    end = json.loads(_exported(connection, tables, "one").splitlines()[-1])
    assert (end["entries"], end["chains"][0]["pending"]) == (27, 2)


def test_a_broken_log_is_exported_as_it_stands_and_named_as_broken(
    connection: Connection, tables: Tables, recipe: Path, tmp_path: Path
) -> None:
    fifth = _content(connection, tables)[5]["seq"]
    connection.execute(sa.update(tables.change).where(tables.change.c.seq == fifth).values(actor="mallory"))
    file = tmp_path / "log.jsonl"
    file.write_text(_exported(connection, tables, "one"), encoding="utf-8")
    lines = file.read_text().splitlines()
    assert len(lines) == 27 + 2
    assert json.loads(lines[-1])["chains"][0]["broken_at"] == fifth
    done = _ran(recipe, file)
    assert done.returncode == 1
    assert f"broken at change {fifth}" in done.stderr


def test_a_log_that_was_cut_off_is_named_as_cut(connection: Connection, tables: Tables) -> None:
    newest = _content(connection, tables)[-1]["seq"]
    connection.execute(sa.delete(tables.change).where(tables.change.c.seq == newest))
    chain = json.loads(_exported(connection, tables, "one").splitlines()[-1])["chains"][0]
    assert chain["cut"] == "run-2-one"


def _rehashed(lines: list[bytes]) -> bytes:
    """The file with a checksum that fits: what whoever tampers with it would do."""
    end = json.loads(lines[-1])
    end["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return b"".join(lines[:-1]) + json.dumps(end).encode() + b"\n"


def _by_binding(lines: list[bytes]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for line in lines[1:-1]:
        found.setdefault(json.loads(line)["binding"], []).append(line)
    return found


@pytest.fixture(scope="module")
def check(recipe: Path) -> Any:
    """The documented program as a function, so that thousands of files can be tried."""
    source = recipe.read_text(encoding="utf-8").replace("verify(sys.argv[1], sys.argv[2:])", "")
    names: dict[str, Any] = {}
    exec(compile(source, str(recipe), "exec"), names)  # noqa: S102 - the text of our own page
    return names["verify"]


@given(data=st.data())
@TAMPERED
def test_no_tampered_file_passes_the_documented_program(
    connection: Connection, tables: Tables, check: Any, tmp_path: Path, data: st.DataObject
) -> None:
    connection.rollback()
    lines = [line + b"\n" for line in _exported(connection, tables).encode().splitlines()]
    whole = list(lines)
    at = data.draw(st.integers(1, len(lines) - 2), label="line")
    what = data.draw(st.sampled_from(["edit", "remove", "repeat", "swap", "truncate"]), label="what")
    if what == "edit":
        entry = json.loads(lines[at])
        name = data.draw(st.sampled_from(sorted(entry)), label="column")
        entry[name] = f"{entry[name]}x" if name not in ("seq", "undo_of") else (entry[name] or 0) + 1
        lines[at] = json.dumps(entry).encode() + b"\n"
    elif what == "remove":
        del lines[at]
    elif what == "repeat":
        lines.insert(at, lines[at])
    elif what == "swap":
        other = data.draw(st.integers(1, len(lines) - 2).filter(lambda each: each != at), label="with")
        lines[at], lines[other] = lines[other], lines[at]
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(lines[:at]) if what == "truncate" else _rehashed(lines))
    if what == "swap" and _by_binding(lines) == _by_binding(whole):
        return  # the order between bindings is not promised
    with pytest.raises((SystemExit, KeyError, ValueError)):
        check(str(file), [])


def test_a_log_of_many_changes_is_exported_in_pieces(
    connection: Connection, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory that an export takes does not grow with the log: never more than a piece of it is there."""
    import tracemalloc

    monkeypatch.setattr(changes, "BATCH", 500)
    half = trust.many(2_000, 50_000)
    runs.start(connection, tables, "many", "run-many", "full", AT)
    peaks = []
    for _ in range(2):
        made = [change(number) for number in range(half)]
        seqs = changes.record_intents(connection, tables, "many", "run-many", made)
        outcomes = [changes.Outcome(seq, each, "applied") for seq, each in zip(seqs, made, strict=True)]
        changes.finish(connection, tables, "many", outcomes, AT, run_id="run-many")
        del made, seqs, outcomes
        tracemalloc.start()
        with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
            done = export(connection, tables, ["many"], nowhere)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert done[0].chain.is_sound
    assert done[0].entries == 2 * half
    assert peaks[1] < peaks[0] * 1.2
