"""Where the terms that a label may be come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pydantic
from pydantic import AfterValidator, BeforeValidator, Discriminator, ValidationInfo

from syncd.config.expect import unfit
from syncd.config.kinds import ColumnName, FilePath, LabelText, TableText
from syncd.config.section import Section


def _beside_the_configuration(path: FilePath, info: ValidationInfo) -> FilePath:
    folder = info.context.get("folder") if isinstance(info.context, dict) else None
    return folder / path if folder is not None else path


def _not_empty(classes: tuple[str, ...]) -> tuple[str, ...]:
    if not classes:
        raise unfit("at least one class")
    return classes


class VocabularyTable(Section):
    """Terms in a column of a table; with `parent` a taxonomic tree."""

    table: TableText
    column: ColumnName
    parent: ColumnName | None = None
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
