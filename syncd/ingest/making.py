"""Prepares the binding's dataset before anything is loaded into it, with every field declared and indexed."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncd.adapters.fiftyone.create import prepare
from syncd.adapters.fiftyone.dataset import DatasetInfo, DatasetMissing, FieldMissing
from syncd.adapters.fiftyone.dataset import describe as describe_dataset
from syncd.adapters.fiftyone.layout import Layout
from syncd.adapters.fiftyone.sdk import fiftyone_for
from syncd.adapters.sql.describe import describe as describe_table
from syncd.config import BindingConfig, Config
from syncd.connect import open_database
from syncd.errors import MappingError
from syncd.ingest.errors import IngestError
from syncd.ingest.layout import layout_of
from syncd.mapped import table_mapping
from syncd.store import baseline, cursors
from syncd.store.lock import one_run
from syncd.store.migrate import require_current
from syncd.store.tables import tables_for


def dataset_there(mongo: Database[dict[str, Any]], binding: BindingConfig) -> DatasetInfo | None:
    """The dataset as it is; ``None`` where it, or its label field, is still to be made."""
    try:
        return describe_dataset(mongo, binding.dataset, binding.label_field)
    except (DatasetMissing, FieldMissing):
        return None


def wanted_layout(config: Config, binding: BindingConfig, there: DatasetInfo | None, *, crops: bool) -> Layout:
    """What the dataset must declare. ``IngestError`` where crops cannot be made, or not there."""
    if crops and binding.columns.box is None:
        raise IngestError(
            f"The binding {binding.name!r} maps no box, from which crops could be cut.",
            remedy="Map `columns.box`, or leave --crops out.",
        )
    if there is not None and crops and not there.crops:
        raise IngestError(
            f"The dataset {binding.dataset!r} holds whole images already; their crops need a dataset of their own.",
            remedy="Give the crops a binding with another `dataset`.",
        )
    with open_database(config.database.url.get_secret_value()) as connection:
        table = describe_table(connection, table_mapping(binding, crops=crops))
    connection.engine.dispose()
    return layout_of(binding, table, crops=crops, there=there.label_type if there else None)


def fits(mongo: Database[dict[str, Any]], there: DatasetInfo, layout: Layout) -> bool:
    """Whether all is declared, so that the SDK, which takes seconds to start, has nothing to do."""
    if not {*layout.sample_fields, *(each.field for each in layout.labels)} <= there.sample_fields:
        return False
    try:
        found = [there, *(describe_dataset(mongo, there.name, each.field) for each in layout.labels[1:])]
    except MappingError:
        # A prediction field that is no label field: whoever declares it says so better.
        return False
    return all(
        info.label_type is each.label_type and set(each.attributes) <= set(info.attributes)
        for info, each in zip(found, layout.labels, strict=True)
    )


def make(config: Config, binding: BindingConfig, layout: Layout, *, missing: bool, anew: bool) -> None:
    """Brings the dataset to the layout, under the binding's lock: two first ingests would be in each other's way.

    ``missing``: the labels are not there. Where the baseline knows annotations all the same, the dataset was dropped,
    or the configuration means another one: ``IngestError``, unless ``anew`` says to forget what was known.
    """
    with open_database(config.database.url.get_secret_value()) as writing:
        state = writing
        if config.state.url is not None:
            state = open_database(config.state.url.get_secret_value())
        try:
            require_current(state, config.state.schema_name)
            tables = tables_for(state, config.state.schema_name)
            with one_run(writing, config.state.schema_name, binding.name):
                known = baseline.size(state, tables, binding.name) if missing else 0
                if known and not anew:
                    raise dropped(binding, known)
                if known:
                    baseline.forget(state, tables, binding.name)
                    cursors.forget(state, tables, binding.name)
                    state.commit()
                prepare(fiftyone_for(config), binding.dataset, layout)
        finally:
            if state is not writing:
                state.close()
                state.engine.dispose()
    writing.engine.dispose()


def dropped(binding: BindingConfig, known: int) -> IngestError:
    """The labels are gone, and syncd knows them."""
    return IngestError(
        f"FiftyOne has no {binding.dataset}.{binding.label_field} any more, of which {known:,} annotations are known: "
        "it was dropped, or the configuration means another place.",
        remedy=f"If it is to be made again from the table: syncd ingest {binding.name} --anew",
    )
