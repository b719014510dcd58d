"""How people decide: review tags, policies, and the brakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from syncd.config.expect import Expect, Unfit
from syncd.config.kinds import AttributeName, ColumnName, Count, Duration, Flag, Fraction, Tag, plain_text
from syncd.config.section import Section, nothing_is

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
