"""How a binding's media and labels are loaded into its dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from syncd.config.expect import unfit
from syncd.config.kinds import ColumnName, FieldName, Flag, FolderPath, Fraction, MediaRoot, S3Prefix
from syncd.config.section import Section


def beside_the_configuration(path: Path | S3Prefix, info: ValidationInfo) -> Path | S3Prefix:
    """A relative path starts at the folder of the configuration, and ``~`` at the user's own."""
    if isinstance(path, S3Prefix):
        return path
    folder = info.context.get("folder") if isinstance(info.context, dict) else None
    path = path.expanduser()
    return folder / path if folder is not None else path


def _two_names(value: object) -> object:
    if isinstance(value, (list, tuple)) and len(value) != 2:
        raise unfit("a list of 2 column names: width, height")
    return value


def _four_names(value: object) -> object:
    if isinstance(value, (list, tuple)) and len(value) != 4:
        raise unfit("a list of 4 column names: x, y, width, height")
    return value


class IngestConfig(Section):
    """What `syncd ingest` reads and makes.

    `media` is the folder or ``s3://bucket/prefix`` that holds the media; None where `columns.media` holds whole paths
    or URIs. `size` names columns with the width and height of an image in pixels, which are checked. `label_type`
    None means Detections where `columns.box` is mapped, else Classification. `safe_for_spreadsheets`: in the lists of
    what could not be loaded, nothing is a formula (:mod:`syncd.spreadsheet`).
    """

    media: Annotated[MediaRoot, AfterValidator(beside_the_configuration)] | None = None
    crops: Flag = False
    crop_margin: Fraction = 0.0
    size: Annotated[tuple[ColumnName, ...], BeforeValidator(_two_names)] | None = None
    label_type: Literal["Classification", "Classifications", "Detections"] | None = None
    unknown_labels: Literal["load", "refuse"] = "load"
    inbox: Annotated[FolderPath, AfterValidator(beside_the_configuration)] | None = None
    safe_for_spreadsheets: Flag = False


class PredictionConfig(Section):
    """Columns that become the predicted labels of one sample field; `box` None means that of the annotation."""

    field: FieldName
    label: ColumnName
    confidence: ColumnName | None = None
    second_label: ColumnName | None = None
    second_confidence: ColumnName | None = None
    box: Annotated[tuple[ColumnName, ...], BeforeValidator(_four_names)] | None = None
