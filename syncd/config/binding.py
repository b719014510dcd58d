"""A binding: one FiftyOne label field tied to one database table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

import pydantic
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    ValidationInfo,
    WrapValidator,
    model_validator,
)

from syncd.config.columns import (
    AttributeConfig,
    ColumnsConfig,
    Direction,
    FourNames,
    Inserted,
    SampleFields,
    Short,
    TwoNames,
    Where,
    WriteConfig,
)
from syncd.config.embedding import BindingEmbeddingConfig
from syncd.config.kinds import (
    AttributeName,
    BindingName,
    ColumnName,
    Count,
    DatasetName,
    Duration,
    Expect,
    FieldName,
    FilePath,
    Flag,
    FolderPath,
    Fraction,
    LabelText,
    MediaRoot,
    ReadText,
    SampleKey,
    Section,
    TableText,
    Tag,
    Unfit,
    beside_the_configuration,
    nothing_is,
    plain_text,
    unfit,
)
from syncd.config.names import is_select
from syncd.config.store import StoreConfig, checked_section, without_table


class IngestConfig(Section):
    """What `syncd ingest` reads and makes.

    `media` is the folder or ``s3://bucket/prefix`` that holds the media; None where `columns.media` holds whole paths
    or URIs. `size` names columns with the width and height of an image in pixels, which are checked. `label_type`
    None means Detections where `columns.box` is mapped, else Classification. `safe_for_spreadsheets`: in the lists of
    what could not be loaded, nothing is a formula (:mod:`syncd.printable`).
    """

    media: Annotated[MediaRoot, AfterValidator(beside_the_configuration)] | None = None
    crops: Flag = False
    crop_margin: Fraction = 0.0
    size: TwoNames | None = None
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
    box: FourNames | None = None


def _beside_the_configuration(path: FilePath, info: ValidationInfo) -> FilePath:
    folder = info.context.get("folder") if isinstance(info.context, dict) else None
    return folder / path if folder is not None else path


def _not_empty(classes: tuple[str, ...]) -> tuple[str, ...]:
    if not classes:
        raise unfit("at least one class")
    return classes


class ParentConfig(Section):
    """The column that says which term is above; with a `key`, it holds what that column of the term above holds."""

    IN_WORDS: ClassVar[str] = "a column name, or a mapping with column and key"

    column: ColumnName
    key: ColumnName | None = None


class VocabularyTable(Section):
    """Terms in a column of a table; with `parent` a taxonomic tree."""

    table: TableText
    column: ColumnName
    parent: Annotated[ParentConfig, Short("column", ColumnName)] | None = None
    rank: ColumnName | None = None
    code: ColumnName | None = None


class VocabularyClasses(Section):
    """Terms in the configuration itself."""

    classes: Annotated[tuple[LabelText, ...], AfterValidator(_not_empty)]


class VocabularyFile(Section):
    """Terms in a file; a relative path starts at the folder of the configuration."""

    file: Annotated[FilePath, AfterValidator(_beside_the_configuration)]


_KINDS: dict[str, type[Section]] = {"table": VocabularyTable, "classes": VocabularyClasses, "file": VocabularyFile}


def _kind(value: object) -> str | None:
    given = _given(value)
    return f"«{given[0]}»" if len(given) == 1 else None


def _given(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [key for key in _KINDS if key in value]
    return [key for key, kind in _KINDS.items() if isinstance(value, kind)]


def _one_kind(value: object) -> object:
    given = _given(value)
    if len(given) != 1:
        hint = f"{' and '.join(given)} do not go together" if given else None
        raise unfit("one of {table: T, column: C}, {classes: [...]} and {file: PATH}", hint)
    return value


# The tags are written so that they cannot be taken for keys in the place of a fault.
Vocabulary = Annotated[
    Annotated[VocabularyTable, pydantic.Tag("«table»")]
    | Annotated[VocabularyClasses, pydantic.Tag("«classes»")]
    | Annotated[VocabularyFile, pydantic.Tag("«file»")],
    Discriminator(_kind),
    BeforeValidator(_one_kind),
]


Tags = Annotated[tuple[Tag, ...], nothing_is(tuple)]


@dataclass(frozen=True)
class ReplaceTag:
    """What becomes of a review tag once its change is applied: it is replaced by `tag`."""

    tag: str


def _after(value: object) -> object:
    if value in ("remove", "keep") or isinstance(value, ReplaceTag):
        return value
    if isinstance(value, Mapping) and list(value) == ["replace"]:
        return ReplaceTag(plain_text(value["replace"]))
    raise Unfit("replace needs the new tag: {replace: done}" if value == "replace" else None)


After = Annotated[Literal["remove", "keep"] | ReplaceTag, Expect("remove, keep or {replace: TAG}", _after)]


class MarksConfig(Section):
    """Tags that syncd itself sets on labels, by which a reviewer finds what needs somebody; None: no such tag."""

    conflict: Tag | None = "syncd:conflict"
    unknown_label: Tag | None = "syncd:unknown-label"
    held: Tag | None = "syncd:held"


class ReviewConfig(Section):
    """Tags by which reviewers speak, on a label or its sample.

    `verified` names the attribute that approval sets (see `BindingConfig.verified_attribute`), `error_column`
    the column that an error tag sets. What follows `actor_prefix` in a tag names who edited the label. `marks` are the
    tags by which syncd answers.
    """

    mode: Literal["immediate", "tagged"] = "immediate"
    approve: Tags = ("reviewed", "ok")
    error: Tags = ("bad",)
    class_tags: Flag = True
    after: After = "remove"
    error_column: ColumnName | None = None
    verified: AttributeName | None = None
    actor_prefix: Tag | None = "by:"
    marks: MarksConfig = MarksConfig()


class PolicyConfig(Section):
    """What to do where the two sides leave more than one answer (docs/design.md)."""

    on_conflict: Literal["quarantine", "database", "fiftyone", "latest"] = "quarantine"
    first_sync: Literal["quarantine", "database", "fiftyone"] = "quarantine"
    on_new: Literal["create", "quarantine", "ignore"] = "create"
    on_fiftyone_delete: Literal["quarantine", "restore", "delete"] = "quarantine"
    on_database_delete: Literal["remove", "quarantine"] = "remove"
    on_hidden: Literal["quarantine", "remove"] = "quarantine"
    on_moved: Literal["quarantine", "database", "fiftyone"] = "quarantine"
    on_stale_revert: Literal["reapply", "quarantine"] = "reapply"
    stale_window: Duration = timedelta(hours=1)


class BrakesConfig(Section):
    """Limits over a whole plan, as shares of the annotations, 0 to 1.

    Below `min_rows` annotations they do not apply, except to more drawn labels or conflicts than that; none holds fewer
    than `min_count`, and a share of 1 holds nothing.
    """

    max_change_fraction: Fraction = 0.2
    max_delete_fraction: Fraction = 0.02
    max_insert_fraction: Fraction = 0.2
    max_conflict_fraction: Fraction = 0.2
    max_into_one_label: Fraction = 0.1
    min_rows: Count = 50
    min_count: Count = 10


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
    """One label field of one dataset, and the table, or the `store`, that is its authority.

    `table` is written and `read_from` is read. Table names keep their case and may hold double quotes
    (`parse_table_name`); column names are taken exactly as they stand. `actor_attribute` is the label's attribute that
    names who edited it. `where` narrows the binding to some rows of the table, new ones included, and `insert` gives
    columns of new rows that no field has. `sample_fields` are columns that become fields of the sample. With a `store`,
    `columns.label` and the attributes name attributes of the store's annotations, and nothing else is asked of a table.
    """

    name: BindingName
    dataset: DatasetName
    label_field: FieldName
    annotation_id: AttributeName = "annotation_id"
    store: Annotated[StoreConfig | None, WrapValidator(lambda value, _, info: checked_section(value, info))] = None
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
    where: Where | None = None
    insert: Inserted = Field(default_factory=dict)
    sample_fields: SampleFields = Field(default_factory=dict)
    write: WriteConfig = WriteConfig()
    review: ReviewConfig = ReviewConfig()
    policy: PolicyConfig = PolicyConfig()
    brakes: BrakesConfig = BrakesConfig()
    embedding: BindingEmbeddingConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_table(cls, value: object) -> object:
        return without_table(value)

    @property
    def read_from(self) -> str:
        """What is read: the table name, view name or SELECT."""
        return self.read or self.table

    @property
    def reads_select(self) -> bool:
        """Whether `read_from` is a SELECT rather than a name."""
        return is_select(self.read_from)

    def direction(self, field: str) -> Direction:
        """Which way the label or the box travels: as it says itself, else as `directions` says."""
        if field == "box":
            return (self.columns.box and self.columns.box.direction) or self.directions.box
        return self.columns.label.direction or self.directions.label

    @property
    def verified_attribute(self) -> str | None:
        """The attribute that approval sets: `review.verified`, else a mapped one called ``verified``."""
        return self.review.verified or ("verified" if "verified" in self.attributes else None)
