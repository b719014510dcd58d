"""A lab whose table is in SQLite: one writer at a time, and readers that hold it up."""

from __future__ import annotations

from pathlib import Path

from ingest_lab import IngestLab
from syncd.adapters.connect import open_database
from syncd.ingest.evaluate import evaluate
from syncd.store.migrate import migrate

TABLE = """
CREATE TABLE annotation (
    annotation_id text PRIMARY KEY, media_uri text, label text, x float, y float, w float, h float,
    depth_m numeric(8, 2), verified boolean, guess text, score numeric(6, 4), updated_at timestamp, updated_by text)
"""


def test_a_table_in_sqlite_is_loaded_refreshed_and_evaluated(lab: IngestLab, tmp_path: Path) -> None:
    small = IngestLab(f"sqlite:///{tmp_path}/lab.db", lab.mongo_uri, lab.folder, lab.dataset)
    small.sql(TABLE)
    with open_database(small.url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    small.fill(6, each=2)
    small.sql("UPDATE annotation SET guess = label, score = 0.8125 WHERE annotation_id < 'a-0003'")
    config = small.config(predictions=[{"field": "predicted", "label": "guess", "confidence": "score"}])
    first = small.ingest(config, batch=2)
    assert (first.recorded, [each.total for each in first.predictions]) == (12, [6])
    small.sql("UPDATE annotation SET guess = label, score = 0.25 WHERE annotation_id > 'a-0002'")
    [field] = small.ingest(config).predictions
    assert (field.total, field.added, field.updated, field.removed) == (12, 6, 2, 0)
    [field] = small.ingest(config).predictions
    assert (field.added, field.updated, field.removed) == (0, 0, 0)
    [evaluation] = evaluate(config, "lab").evaluations
    assert (evaluation.pairs, evaluation.accuracy) == (12, 1.0)
