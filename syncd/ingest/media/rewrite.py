"""Points samples to where their media are now, while no run of their bindings is under way."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import polars as pl
from sqlalchemy import Connection

from syncd.adapters.connect import open_database
from syncd.adapters.fiftyone.media import FILEPATH, Documents, set_where_path_is
from syncd.config import Config
from syncd.engine.mapping import sample_key_of
from syncd.errors import Busy, MappingError
from syncd.ingest.dataset_setup import S3_ETAG, S3_URI
from syncd.ingest.media.transfer import Report
from syncd.store.lock import make_sure, one_run

AT_ONCE = 10_000
"""Samples between two looks at the lock."""

PATIENCE_S, PAUSE_S = 120.0, 0.25
"""How long a run of the daemon is waited for, and between two looks at it."""


def refusal(config: Config, dataset: str, moved: pl.DataFrame, *, crops: bool) -> MappingError | None:
    """Why the samples may not get other paths: a binding would no longer find them. None where they may.

    ``moved`` has each sample's ``uri`` as it is, or null, and its ``new_uri``.
    """
    for binding in config.bindings:
        if binding.dataset != dataset:
            continue
        key = sample_key_of(binding, crops=crops)
        other_uri = moved.select((pl.col("uri") != pl.col("new_uri")).any()).item() is True
        if key == FILEPATH or (key == S3_URI and other_uri):
            return MappingError(
                f"The binding {binding.name!r} finds samples by their {key} (sample_key), which would change: its rows "
                "would have no sample any more.",
                remedy=f"Keep what it is in a field of its own, and set `sample_key` to that: {_copying(dataset, key)}",
            )
    return None


def _copying(dataset: str, field: str) -> str:
    name = json.dumps(dataset, ensure_ascii=False)
    code = f'import fiftyone as fo; fo.load_dataset({name}).clone_sample_field("{field}", "media_uri")'
    return f"python -c {shlex.quote(code)}"


@contextmanager
def locked(config: Config, dataset: str) -> Iterator[Callable[[], None]]:
    """Holds the locks of all bindings of the dataset; yields what makes sure that they are still held.

    Busy where a run does not end within `PATIENCE_S`.
    """
    names = sorted(each.name for each in config.bindings if each.dataset == dataset)
    schema = config.state.schema_name
    with ExitStack() as stack:
        connection = stack.enter_context(open_database(config.database.url.get_secret_value()))
        stack.callback(connection.engine.dispose)
        for name in names:
            _wait_for(stack, connection, schema, name)
        yield lambda: _make_sure(connection, schema, names)


def rewrite(samples: Documents, moved: pl.DataFrame, sure: Callable[[], None], report: Report) -> int:
    """Gives the samples their URI, and when all have it their path; returns how many have it.

    ``moved`` has ``sample_id``, ``path``, ``new_uri`` and ``etag``. A sample whose path is another by now is left.
    """
    _in_pieces(samples, moved, {S3_URI: "new_uri", S3_ETAG: "etag"}, sure, lambda _: None)
    total = moved.height
    return _in_pieces(samples, moved, {FILEPATH: "new_uri"}, sure, lambda done: report("rewriting paths", done, total))


def _in_pieces(
    samples: Documents,
    moved: pl.DataFrame,
    fields: dict[str, str],
    sure: Callable[[], None],
    done: Callable[[int], None],
) -> int:
    matched = 0
    for piece in moved.iter_slices(AT_ONCE):
        sure()
        matched += set_where_path_is(samples, piece, fields)
        done(matched)
    return matched


def _wait_for(stack: ExitStack, connection: Connection, schema: str, name: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            stack.enter_context(one_run(connection, schema, name))
        except Busy:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE_S)
        else:
            return


def _make_sure(connection: Connection, schema: str, names: Sequence[str]) -> None:
    for name in names:
        make_sure(connection, schema, name)
