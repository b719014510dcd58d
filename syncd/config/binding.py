"""A binding: one FiftyOne label field tied to one database table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from syncd.config.expect import unfit
from syncd.config.ingest import IngestConfig, PredictionConfig
from syncd.config.kinds import (
    AttributeName,
    BindingName,
    ColumnName,
    DatasetName,
    FieldName,
    LabelText,
    ReadText,
    SampleKey,
    TableText,
    Tolerance,
)
from syncd.config.names import is_select
from syncd.config.review import BrakesConfig, PolicyConfig, ReviewConfig
from syncd.config.section import Section, nothing_is
from syncd.config.vocabulary import Vocabulary

Direction = Literal["both", "to_database", "to_fiftyone"]


def _four_names(value: object) -> object:
    if isinstance(value, (list, tuple)) and len(value) != 4:
        raise unfit("a list of 4 column names: x, y, width, height")
    return value


class ColumnsConfig(Section):
    """The columns that syncd reads and writes; `box` is x, y, width and height, relative as in FiftyOne."""

    id: ColumnName
    label: ColumnName
    box: Annotated[tuple[ColumnName, ...], BeforeValidator(_four_names)] | None = None
    media: ColumnName
    updated_at: ColumnName | None = None
    updated_by: ColumnName | None = None


class AttributeConfig(Section):
    """A further field of the label and its column; `tolerance` is the difference that counts as none."""

    column: ColumnName
    direction: Direction = "to_fiftyone"
    tolerance: Tolerance | None = None

    @model_validator(mode="before")
    @classmethod
    def _mapping_or_column(cls, value: object) -> object:
        if value is not None and not isinstance(value, (Mapping, AttributeConfig)):
            raise unfit("a column name, or a mapping with column, direction and tolerance")
        return value


def _spell_out(value: object) -> object:
    """``depth: depth_m`` as a mapping; the column, where none is given, is called like the attribute."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return value
    full: dict[object, object] = {}
    for name, attribute in value.items():
        if isinstance(attribute, str):
            full[name] = {"column": attribute}
        elif attribute is None or (isinstance(attribute, Mapping) and "column" not in attribute):
            full[name] = {"column": name, **(attribute or {})}
        else:
            full[name] = attribute
    return full


class DirectionsConfig(Section):
    """Which way the label and its box travel."""

    label: Direction = "both"
    box: Direction = "to_fiftyone"


class BindingConfig(Section):
    """One label field of one dataset, and the table that is its authority.

    `table` is written and `read_from` is read. Table names keep their case and may hold double quotes
    (`parse_table_name`); column names are taken exactly as they stand. `actor_attribute` is the label's attribute that
    names who edited it.
    """

    name: BindingName
    dataset: DatasetName
    label_field: FieldName
    annotation_id: AttributeName = "annotation_id"
    table: TableText
    read: ReadText | None = None
    columns: ColumnsConfig
    sample_key: SampleKey = "filepath"
    attributes: Annotated[Mapping[AttributeName, AttributeConfig], BeforeValidator(_spell_out)] = Field(
        default_factory=dict
    )
    directions: DirectionsConfig = DirectionsConfig()
    actor_attribute: AttributeName | None = None
    ingest: IngestConfig = IngestConfig()
    predictions: Annotated[tuple[PredictionConfig, ...], nothing_is(tuple)] = ()
    vocabulary: Vocabulary | None = None
    extra_labels: Annotated[tuple[LabelText, ...], nothing_is(tuple)] = ()
    aliases: Annotated[Mapping[LabelText, LabelText], nothing_is(dict)] = Field(default_factory=dict)
    review: ReviewConfig = ReviewConfig()
    policy: PolicyConfig = PolicyConfig()
    brakes: BrakesConfig = BrakesConfig()

    @property
    def read_from(self) -> str:
        """What is read: the table name, view name or SELECT."""
        return self.read or self.table

    @property
    def reads_select(self) -> bool:
        """Whether `read_from` is a SELECT rather than a name."""
        return is_select(self.read_from)

    @property
    def verified_attribute(self) -> str | None:
        """The attribute that approval sets: `review.verified`, else a mapped one called ``verified``."""
        return self.review.verified or ("verified" if "verified" in self.attributes else None)
