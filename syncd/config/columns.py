"""How the fields of an annotation lie in the columns of a laboratory's table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from syncd.config.kinds import (
    ColumnName,
    Condition,
    FieldName,
    Flag,
    JsonPath,
    PositiveCount,
    Scalar,
    Section,
    TableText,
    Text,
    Tolerance,
    nothing_is,
    unfit,
)
from syncd.config.shape import FULL, SHORT

Direction = Literal["both", "to_database", "to_fiftyone"]


@dataclass(frozen=True)
class Short:
    """Annotates a section that may be written short: what is no mapping is the value of its `key`, of this `type`."""

    key: str
    type: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Either form, so that a fault of each stands at its own place."""

        def spelt_out(value: object) -> object:
            return source(**{self.key: value})

        short = core_schema.no_info_after_validator_function(spelt_out, handler.generate_schema(self.type))
        return core_schema.tagged_union_schema(
            {FULL: handler(source), SHORT: short},
            discriminator=lambda value: FULL if isinstance(value, (Mapping, Section)) else SHORT,
        )


def names(number: int, what: str) -> BeforeValidator:
    """For lists of so many column names; `what` says which."""
    words = f"a list of {number} column names: {what}"

    def check(value: object) -> object:
        if not isinstance(value, (list, tuple)):
            raise unfit(words, f"write [{what}]")
        if len(value) != number:
            raise unfit(words)
        return value

    return BeforeValidator(check)


class SecondLookup(Section):
    """The second level of a lookup; there is no third."""

    table: TableText
    key: ColumnName
    value: ColumnName


class LookupValue(Section):
    """The column that a lookup shows; with a `lookup` of its own, it holds the key of a second table."""

    IN_WORDS: ClassVar[str] = "a column name, or a mapping with column and lookup"

    column: ColumnName
    lookup: SecondLookup | None = None


class LookupConfig(Section):
    """A foreign key: the column holds a `key` of `table`, and FiftyOne the `value` of that row.

    `create`: a value that the table lacks becomes a new row there, instead of a refusal.
    """

    table: TableText
    key: ColumnName
    value: Annotated[LookupValue, Short("column", ColumnName)]
    create: Flag = False


def _texts_as_keys(value: object) -> object:
    """The database's values as text, however YAML reads them: ``0``, ``true``, ``Y``."""
    if not isinstance(value, Mapping):
        return value
    return {_as_text(key): each for key, each in value.items()}


def _as_text(key: object) -> object:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key) if isinstance(key, (int, float)) else key


class ColumnConfig(Section):
    """A column, and how its value becomes that of FiftyOne.

    `lookup` reads a key as the value of the row that it refers to. `values` gives the database's values (as text) with
    those of FiftyOne. `path` reaches into JSON (empty: the whole document); `array`: the column is an SQL array.
    `unit` percent: FiftyOne has a hundredth of it. `default` is what a new row gets that has no value (of
    `updated_by`: what stands for a name that the lookup does not know).
    """

    IN_WORDS: ClassVar[str] = "a column name, or a mapping with column"

    column: ColumnName
    direction: Direction | None = None
    lookup: LookupConfig | None = None
    unit: Literal["relative", "percent"] = "relative"
    values: Annotated[Mapping[Text, Scalar], BeforeValidator(_texts_as_keys), nothing_is(dict)] = Field(
        default_factory=dict
    )
    path: JsonPath | None = None
    array: Flag = False
    default: Scalar = None

    @model_validator(mode="after")
    def _one_way_to_read(self) -> ColumnConfig:
        given = [name for name in ("lookup", "values", "path", "array") if getattr(self, name) not in (None, {}, False)]
        given += ["unit"] if self.unit != "relative" else []
        if len(given) > 1 and given != ["values", "path"]:
            raise unfit("one of lookup, values, path, array and unit", f"{' and '.join(given)} do not go together")
        return self

    @property
    def name(self) -> str:
        """What syncd calls the column, as it is read."""
        if self.lookup is not None:
            return f"{self.column}.{self.lookup.value.column}"
        return self.column if not self.path else f"{self.column}.{self.path}"

    @property
    def plain(self) -> bool:
        """Whether the column holds what FiftyOne holds."""
        return not (self.lookup or self.values or self.array) and self.path is None and self.unit == "relative"


class AttributeConfig(ColumnConfig):
    """A further field of the label; `tolerance` is the difference that counts as none."""

    direction: Direction = "to_fiftyone"
    tolerance: Tolerance | None = None

    @model_validator(mode="before")
    @classmethod
    def _mapping_or_column(cls, value: object) -> object:
        if value is not None and not isinstance(value, (Mapping, AttributeConfig)):
            raise unfit("a column name, or a mapping with column, direction and tolerance")
        return value


class IdConfig(Section):
    """The annotation id: a column, or several joined with `separator`.

    `mint` says who gives new rows their ids where the catalogue does not: the next number of the `sequence`
    ``TABLE_COLUMN_seq``, a `uuid` made by syncd, or the largest number and one (`max`).
    """

    IN_WORDS: ClassVar[str] = "a column name, or a mapping with columns"

    column: ColumnName | None = None
    columns: tuple[ColumnName, ...] | None = None
    separator: Text = "|"
    mint: Literal["sequence", "uuid", "max"] | None = None

    @model_validator(mode="after")
    def _column_or_columns(self) -> IdConfig:
        if (self.column is None) == (self.columns is None):
            raise unfit("either column or columns")
        if self.columns is not None and len(set(self.columns)) < 2:
            raise unfit("columns with two column names or more", "write a single one as column")
        if self.columns is not None and self.mint is not None:
            raise unfit("mint beside a single column", "the parts of a composite id come from its row")
        if len(self.separator) != 1 or self.separator == "\\":
            raise unfit("one character that separates the parts, and no backslash")
        return self

    @property
    def name(self) -> str:
        """What syncd calls the id, as it is read."""
        return self.separator.join(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order in which they make up the id."""
        return self.columns if self.columns is not None else (str(self.column),)


FourNames: TypeAlias = Annotated[tuple[ColumnName, ...], names(4, "x, y, width, height")]
TwoNames: TypeAlias = Annotated[tuple[ColumnName, ...], names(2, "width, height")]


class BoxConfig(Section):
    """Four columns, and what their numbers mean.

    `format`: left, top, width, height (``xywh``); left, top, right, bottom (``xyxy``); centre x, centre y, width,
    height (``cxcywh``). `size` names the columns of the image's width and height in pixels, in the table or in that of
    the media's lookup; pixels need it.
    """

    IN_WORDS: ClassVar[str] = "a list of 4 column names, or a mapping with columns"

    columns: FourNames
    unit: Literal["relative", "pixels", "percent"] = "relative"
    format: Literal["xywh", "xyxy", "cxcywh"] = "xywh"
    size: TwoNames | None = None
    direction: Direction | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What syncd calls the numbers, as they are read: left, top, width and height, relative."""
        return self.columns if self.plain else ("box.x", "box.y", "box.width", "box.height")

    @property
    def plain(self) -> bool:
        """Whether the columns hold what FiftyOne holds: the left upper corner, width and height, relative."""
        return self.unit == "relative" and self.format == "xywh"


class DeletedConfig(Section):
    """Soft deletion: a row is deleted where `column` holds any value other than `clear`.

    `set` is what syncd writes there: ``now`` (the time), true or a value. Left out, both follow from the column's type:
    now and null, or of a boolean true and false.
    """

    IN_WORDS: ClassVar[str] = "a column name, or a mapping with column, set and clear"

    column: ColumnName
    set: Scalar = None
    clear: Scalar = None

    @property
    def clear_is_given(self) -> bool:
        """Whether the configuration says what a live row holds (null is a value too)."""
        return "clear" in self.model_fields_set


class VersionConfig(Section):
    """A number that the laboratory's own programs compare before they write; syncd adds `step` with each change."""

    IN_WORDS: ClassVar[str] = "a column name, or a mapping with column and step"

    column: ColumnName
    step: PositiveCount = 1


class ColumnsConfig(Section):
    """The columns that syncd reads and writes."""

    id: Annotated[IdConfig, Short("column", ColumnName)]
    label: Annotated[ColumnConfig, Short("column", ColumnName)]
    box: Annotated[BoxConfig, Short("columns", FourNames)] | None = None
    media: Annotated[ColumnConfig, Short("column", ColumnName)]
    updated_at: ColumnName | None = None
    updated_by: Annotated[ColumnConfig, Short("column", ColumnName)] | None = None
    deleted: Annotated[DeletedConfig, Short("column", ColumnName)] | None = None
    version: Annotated[VersionConfig, Short("column", ColumnName)] | None = None


class SampleFieldConfig(Section):
    """A field of the sample: a column of the `row`, or of the row of the `media`'s lookup. It travels to FiftyOne."""

    IN_WORDS: ClassVar[str] = "a column name, or a mapping with column, of and direction"

    column: ColumnName
    of: Literal["row", "media"] = "media"
    direction: Literal["to_fiftyone"] = "to_fiftyone"


class AppendConfig(Section):
    """An append-only table: each change is a new row; of an id the row with the largest `newest` is the annotation.

    `key` is the column that tells the rows of an id apart, to which the database gives its values.
    """

    key: ColumnName
    newest: ColumnName


class WriteConfig(Section):
    """How the table is written, where that is not by changing its rows."""

    append: AppendConfig | None = None


Inserted: TypeAlias = Annotated[Mapping[ColumnName, Scalar], nothing_is(dict)]
SampleFields: TypeAlias = Annotated[
    Mapping[FieldName, Annotated[SampleFieldConfig, Short("column", ColumnName)]],
    nothing_is(dict),
]
Where: TypeAlias = Condition


_IN_PATH = re.compile(r"\d+")


def path_steps(path: str) -> tuple[str | int, ...]:
    """The steps of a path: keys, and numbers of places in a list; none for the whole document."""
    return tuple(int(each) if _IN_PATH.fullmatch(each) else each for each in path.split(".") if each)
