"""Dataset set-up: creates the dataset that a binding calls for, or declares and indexes what is missing in one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymongo.database import Database

from syncd.adapters.base import Opening
from syncd.adapters.fiftyone.create import CROP_FRAME, LabelLayout, Layout, prepare
from syncd.adapters.fiftyone.dataset import DatasetInfo, DatasetMissing, FieldMissing
from syncd.adapters.fiftyone.dataset import describe as describe_dataset
from syncd.adapters.fiftyone.mapping import stored_kind
from syncd.adapters.fiftyone.sdk import fiftyone_for
from syncd.adapters.plugged import factory_of
from syncd.adapters.sql.limits import LIMITS
from syncd.adapters.sql.sample_values import sample_values
from syncd.config import BindingConfig, Config, PredictionConfig
from syncd.engine.mapping import sample_key_of
from syncd.engine.session import open_sql
from syncd.errors import MappingError
from syncd.ingest.result import IngestError
from syncd.model import BOX, Kind, LabelType
from syncd.model.store import StoreDescription
from syncd.store import baseline, cursors
from syncd.store.lock import one_run
from syncd.store.migrate import require_current
from syncd.store.tables import tables_for

FRAME, FRAME_BOX = CROP_FRAME, "frame_box"
"""Sample fields of a crop: the media of the frame, and the box that it was cut from (relative x, y, width, height)."""

S3_URI, S3_ETAG = "s3_uri", "s3_etag"
"""Sample fields of media from S3."""

SECOND_LABEL, SECOND_CONFIDENCE = "second_label", "second_confidence"
"""Attributes of a prediction: the second-best class."""


def layout_of(
    binding: BindingConfig,
    store: StoreDescription,
    *,
    crops: bool,
    there: LabelType | None,
    further: Mapping[str, Kind] | None = None,
) -> Layout:
    """What the dataset must declare. ``there`` is the type of the label field, if the dataset has it.

    ``further`` are the fields of samples that a table fills.
    """
    label_type = _label_type(binding, boxed=BOX in store.fields, there=there)
    attributes = {binding.annotation_id: Kind.TEXT}
    for name in binding.attributes:
        found = store.fields.get(name)
        attributes[name] = stored_kind(Kind.TEXT if found is None else found.kind)
    labels = [LabelLayout(binding.label_field, label_type, attributes)]
    labels += [_prediction(binding, each, label_type) for each in binding.predictions]
    sample_key = sample_key_of(binding, crops=crops)
    # In a folder there is nothing that came from S3, and the App would show two empty fields.
    fields = {} if isinstance(binding.ingest.media, Path) else {S3_URI: Kind.TEXT, S3_ETAG: Kind.TEXT}
    fields |= further or {}
    if sample_key not in ("filepath", "id"):
        fields[sample_key] = Kind.TEXT
    if crops:
        fields |= {FRAME: Kind.TEXT, FRAME_BOX: Kind.BOX}
    if "." in sample_key or sample_key == "id":
        raise IngestError(
            f"The samples' field {sample_key!r} (sample_key) cannot be filled by an ingest.",
            remedy="Set `sample_key` of the binding to a field of the sample's own, such as media_uri.",
        )
    return Layout(tuple(labels), binding.annotation_id, fields, sample_key, crops)


def _label_type(binding: BindingConfig, *, boxed: bool, there: LabelType | None) -> LabelType:
    if binding.ingest.label_type is not None:
        return LabelType(binding.ingest.label_type)
    if there is not None:
        return there
    return LabelType.DETECTIONS if boxed else LabelType.CLASSIFICATION


def _prediction(binding: BindingConfig, prediction: PredictionConfig, label_type: LabelType) -> LabelLayout:
    attributes = {binding.annotation_id: Kind.TEXT}
    if prediction.second_label is not None:
        attributes[SECOND_LABEL] = Kind.TEXT
    if prediction.second_confidence is not None:
        attributes[SECOND_CONFIDENCE] = Kind.FLOAT
    return LabelLayout(prediction.field, label_type, attributes)


def dataset_there(mongo: Database[dict[str, Any]], binding: BindingConfig) -> DatasetInfo | None:
    """The dataset as it is; ``None`` where it, or its label field, is still to be made."""
    try:
        return describe_dataset(mongo, binding.dataset, binding.label_field)
    except (DatasetMissing, FieldMissing):
        return None


def wanted_layout(config: Config, binding: BindingConfig, there: DatasetInfo | None, *, crops: bool) -> Layout:
    """What the dataset must declare. ``IngestError`` where crops cannot be made, or not there."""
    if crops and binding.columns.box is None and binding.store is None:
        raise IngestError(
            f"The binding {binding.name!r} maps no box, from which crops could be cut.",
            remedy="Map `columns.box`, or leave --crops out.",
        )
    if there is not None and crops and not there.crops:
        raise IngestError(
            f"The dataset {binding.dataset!r} holds whole images already; their crops need a dataset of their own.",
            remedy="Give the crops a binding with another `dataset`.",
        )
    with open_sql(config, binding) as (writing, state):
        lab = writing if binding.store is None else None
        with factory_of(binding).open(Opening(config, binding, LIMITS, lab, state)) as store:
            described = store.describe(crops=crops)
        of_samples = sample_values(writing, binding) if lab is not None and binding.sample_fields else ()
        further = {name: stored_kind(kind) for each in of_samples for name, kind in each.kinds().items()}
    return layout_of(binding, described, crops=crops, there=there.label_type if there else None, further=further)


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
    with open_sql(config, binding) as (writing, state):
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


def dropped(binding: BindingConfig, known: int) -> IngestError:
    """The labels are gone, and syncd knows them."""
    return IngestError(
        f"FiftyOne has no {binding.dataset}.{binding.label_field} any more, of which {known:,} annotations are known: "
        "it was dropped, or the configuration means another place.",
        remedy=f"If it is to be made again from the table: syncd ingest {binding.name} --anew",
    )
