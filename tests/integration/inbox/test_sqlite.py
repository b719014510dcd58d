"""The same on SQLite, which any other database stands in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from inbox_lab import HASTY, InboxLab
from syncd.adapters.connect import open_database
from syncd.config import Config, parse_config
from syncd.ingest.inbox.result import Became
from syncd.ingest.inbox.run import InboxOptions, empty_inbox
from syncd.store.migrate import migrate

TABLE = """
CREATE TABLE annotation (
    annotation_id {id} PRIMARY KEY, media_uri text, label text NOT NULL CHECK (label <> 'Forbidden'),
    x float, y float, w float, h float, depth_m numeric(8, 2), verified boolean, updated_at timestamp, updated_by text)
"""
TEXT = "image,label,x,y,w,h,depth\na.png,Copepoda,0,0,0.5,0.5,2.5\na.png,Diatom,0.5,0.5,0.5,0.5,\n"


def made(lab: InboxLab, folder: Path, id_type: str) -> tuple[Config, str]:
    """The configuration of a lab in SQLite, and its URL."""
    url = f"sqlite:///{folder / 'lab.db'}"
    with open_database(url) as connection:
        migrate(connection, "syncd")
        connection.exec_driver_sql(TABLE.format(id=id_type))
        connection.commit()
    connection.engine.dispose()
    document = lab.lab.document(ingest={"inbox": str(lab.inbox)})
    return parse_config(document | {"database": {"url": url}}), url


def rows(url: str) -> list[dict[str, Any]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        return [dict(row) for row in connection.execute(sa.text("SELECT * FROM annotation ORDER BY x")).mappings()]


def test_rows_are_loaded_once_and_ingested(lab: InboxLab, tmp_path: Path) -> None:
    for id_type in ("text", "integer"):
        folder = tmp_path / id_type
        folder.mkdir()
        config, url = made(lab, folder, id_type)
        for added in (2, 0):
            lab.drop(TEXT, a=1)
            result = empty_inbox(config, "lab", InboxOptions(patience=HASTY))
            [outcome] = result.outcomes
            assert (outcome.became, outcome.added, outcome.already) == (Became.LOADED, added, 2 - added)
        found = rows(url)
        assert [(row["label"], row["media_uri"], row["updated_by"]) for row in found] == [
            ("Copepoda", "station7/a.png", "syncd"),
            ("Diatom", "station7/a.png", "syncd"),
        ]
        assert {str(row["annotation_id"]) for row in found} <= set(lab.labels())


def test_one_row_that_is_refused_keeps_all_of_them_out(lab: InboxLab, tmp_path: Path) -> None:
    config, url = made(lab, tmp_path, "text")
    lab.drop(TEXT.replace("Diatom", "Forbidden"), a=1)
    [outcome] = empty_inbox(config, "lab", InboxOptions(patience=HASTY)).outcomes
    assert outcome.became is Became.REJECTED
    assert outcome.faults["row"].to_list() == [2]
    assert rows(url) == []
