"""Dataset set-up: creates the dataset that a binding calls for, or declares and indexes what is missing in one."""

from __future__ import annotations

from pathlib import Path

from syncd.adapters.fiftyone.layout import CROP_FRAME, LabelLayout, Layout
from syncd.adapters.fiftyone.mapping import stored_kind
from syncd.adapters.sql.mapping import TableInfo
from syncd.config import BindingConfig, PredictionConfig
from syncd.ingest.errors import IngestError
from syncd.mapped import sample_key_of
from syncd.model import Kind, LabelType

FRAME, FRAME_BOX = CROP_FRAME, "frame_box"
"""Sample fields of a crop: the media of the frame, and the box that it was cut from (relative x, y, width, height)."""

S3_URI, S3_ETAG = "s3_uri", "s3_etag"
"""Sample fields of media from S3."""

SECOND_LABEL, SECOND_CONFIDENCE = "second_label", "second_confidence"
"""Attributes of a prediction: the second-best class."""


def layout_of(binding: BindingConfig, table: TableInfo, *, crops: bool, there: LabelType | None) -> Layout:
    """What the dataset must declare. ``there`` is the type of the label field, if the dataset has it."""
    label_type = _label_type(binding, crops=crops, there=there)
    attributes = {binding.annotation_id: Kind.TEXT}
    for name, attribute in binding.attributes.items():
        attributes[name] = stored_kind(table.column(attribute.column).kind or Kind.TEXT)
    labels = [LabelLayout(binding.label_field, label_type, attributes)]
    labels += [_prediction(binding, each, label_type) for each in binding.predictions]
    sample_key = sample_key_of(binding, crops=crops)
    # In a folder there is nothing that came from S3, and the App would show two empty fields.
    fields = {} if isinstance(binding.ingest.media, Path) else {S3_URI: Kind.TEXT, S3_ETAG: Kind.TEXT}
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


def _label_type(binding: BindingConfig, *, crops: bool, there: LabelType | None) -> LabelType:
    if binding.ingest.label_type is not None:
        return LabelType(binding.ingest.label_type)
    if there is not None:
        return there
    boxed = binding.columns.box is not None and not crops
    return LabelType.DETECTIONS if boxed else LabelType.CLASSIFICATION


def _prediction(binding: BindingConfig, prediction: PredictionConfig, label_type: LabelType) -> LabelLayout:
    attributes = {binding.annotation_id: Kind.TEXT}
    if prediction.second_label is not None:
        attributes[SECOND_LABEL] = Kind.TEXT
    if prediction.second_confidence is not None:
        attributes[SECOND_CONFIDENCE] = Kind.FLOAT
    return LabelLayout(prediction.field, label_type, attributes)
