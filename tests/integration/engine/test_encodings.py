"""Databases of other encodings than UTF-8: what they hold travels, and what they cannot hold costs itself alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

import servers
from syncd.adapters.connect import open_database
from syncd.demo import lab
from syncd.doctor import diagnose
from syncd.store.migrate import migrate
from worlds import LIST, NO_BRAKES, World

JAPANESE = "水母"


@contextmanager
def database_of(postgres_url: str, encoding: str) -> Iterator[str]:
    """A new database of an encoding."""
    name = f"syncd_test_{uuid.uuid4().hex[:12]}"
    how = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with servers.engine_for_admin(postgres_url).connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" {how}')
    try:
        url = sa.make_url(postgres_url).set(database=name)
        # What the address says of it is for those who look with a driver of their own.
        yield url.update_query_dict({"client_encoding": "utf8"}).render_as_string(hide_password=False)
    finally:
        with servers.engine_for_admin(postgres_url).connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def world_in(world: World, postgres_url: str, encoding: str) -> Iterator[World]:
    """The same rows and labels, the rows in a database of an encoding, in their first agreement."""
    with database_of(postgres_url, encoding) as url:
        lab.create_lab(url, world.data)
        with open_database(url) as connection:
            migrate(connection, "syncd")
        connection.engine.dispose()
        copy = replace(world, url=url)
        copy.sql("UPDATE annotation SET updated_at = now() - interval '1 day'")
        assert copy.reconcile().exit_code == 0
        yield copy


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII"])
def test_labels_with_accents_go_both_ways_in_whatever_encoding(world: World, postgres_url: str, encoding: str) -> None:
    with world_in(world, postgres_url, encoding) as copy:
        one, two, three = ids(copy)[:3]
        copy.review(one, label="Méduse")
        copy.draw(copy.data.rows[5].image, "Échinoderme")
        copy.sql("UPDATE annotation SET label = 'Éponge', updated_by = 'Zoé' WHERE annotation_id = :id", id=two)
        copy.until_quiet()
        assert (copy.rows()[one]["label"], copy.labels()[two]["label"]) == ("Méduse", "Éponge")
        assert (copy.conflicts(), copy.disagreements()) == ([], {})
        copy.remove_row(two)
        copy.erase(three)
        copy.reconcile(force=True)
        assert two not in copy.labels()
        assert [each["kind"] for each in copy.conflicts()] == ["deleted_in_fiftyone"]


def test_what_an_encoding_has_no_character_for_costs_itself_alone(world: World, postgres_url: str) -> None:
    with world_in(world, postgres_url, "LATIN1") as copy:
        one, two, three, four = ids(copy)[:4]
        copy.review(one, label=JAPANESE)
        copy.review(two, label="By somebody", tags=[f"by:{JAPANESE}", JAPANESE])
        drawn = copy.draw(copy.data.rows[5].image, JAPANESE)
        other = copy.draw(copy.data.rows[6].image, "Copied", annotation_id=JAPANESE)
        sample, _ = copy.place(three)
        copy.samples.update_one({"_id": sample}, {"$set": {"filepath": f"/{JAPANESE}.png", "tags": [JAPANESE]}})
        copy.review(three, label="Of another name")
        copy.review(four, label="Elsewhere")
        config = copy.config(brakes=NO_BRAKES)
        copy.reconcile(config=config)
        assert copy.rows()[four]["label"] == "Elsewhere"
        assert (copy.rows()[two]["label"], copy.rows()[three]["label"]) == ("By somebody", "Of another name")
        found = {(each["kind"], each["annotation_id"] or each["label_id"]) for each in copy.conflicts()}
        assert found == {("unsafe_value", one), ("unsafe_value", str(drawn)), ("unknown_id", "\\u6c34\\u6bcd")}
        assert any(JAPANESE in str(each["fiftyone"]) for each in copy.conflicts())
        log = copy.log()
        assert copy.reconcile(config=config, full=True).recorded == ()
        assert copy.log() == log
        copy.samples.update_many({}, {"$pull": {LIST: {"_id": {"$in": [drawn, other]}}}})
        copy.review(one, label="Méduse")
        copy.reconcile(config=config, full=True)
        assert (copy.conflicts(), copy.rows()[one]["label"]) == ([], "Méduse")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "WIN1252"])
def test_a_row_whose_bytes_are_no_text_costs_itself_alone(world: World, postgres_url: str, encoding: str) -> None:
    with world_in(world, postgres_url, encoding) as copy:
        one, two, three = ids(copy)[:3]
        held = "convert_from('\\x4181'::bytea, current_setting('server_encoding'))"
        copy.sql(f"UPDATE annotation SET label = {held} WHERE annotation_id = :id", id=one)
        copy.sql(f"UPDATE annotation SET updated_by = {held}, depth_m = 3 WHERE annotation_id = :id", id=two)
        copy.correct(three, label="Elsewhere")
        for full in (False, True):
            copy.reconcile(full=full)
            assert copy.labels()[three]["label"] == "Elsewhere"
            assert [(each["kind"], each["annotation_id"]) for each in copy.conflicts()] == [("unsafe_value", one)]
        assert any("no text" in each.detail for each in diagnose(copy.config()) if each.status == "fault")
        copy.correct(one, label="Mended")
        copy.reconcile()
        assert (copy.conflicts(), copy.labels()[one]["label"]) == ([], "Mended")
