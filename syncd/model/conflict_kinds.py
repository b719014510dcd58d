"""The kinds of conflicts: what each means, how long it stays open, and who caused it."""

from __future__ import annotations

from syncd.model.text_enum import TextEnum


class ConflictKind(TextEnum):
    """A kind of conflict. Tables, documents and filters hold its value.

    ``words`` says what it means. A ``sticky`` conflict stays open until both sides agree or somebody resolves it,
    whatever the clocks say meanwhile. ``by_hand``: it is about something that was done in FiftyOne by hand.
    """

    words: str
    sticky: bool
    by_hand: bool

    def __new__(cls, value: str, words: str = "", sticky: bool = False, by_hand: bool = False) -> ConflictKind:
        """A member that is equal to its value."""
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.words, kind.sticky, kind.by_hand = words, sticky, by_hand
        return kind

    EDIT_EDIT = "edit_edit", "both sides changed it, to different values", True, True
    BOX_CHANGED = "box_changed", "the box was changed in FiftyOne", True, True
    WRONG_DIRECTION = (
        "wrong_direction",
        "it was changed on a side that this field does not travel from",
        True,
        True,
    )
    NO_BASELINE = "no_baseline", "the sides met for the first time and differ", True
    DELETED_IN_FIFTYONE = "deleted_in_fiftyone", "the label was removed in FiftyOne", False, True
    DELETED_IN_DATABASE = (
        "deleted_in_database",
        "the row was removed at home; the label changed or was tagged, or policy asks for a person",
        False,
        True,
    )
    HIDDEN = "hidden", "the table has the row, or may have it, and a view, a query or row-level security hides it"
    UNKNOWN_ID = "unknown_id", "the label bears an id that the database does not have", False, True
    DUPLICATE_ID = "duplicate_id", "several annotations bear this id", False, True
    MOVED = "moved", "the id stands on another label or image than it did, or than its row says", False, True
    REPLACED = "replaced", "a label without id stands where this one vanished", False, True
    UNADDRESSABLE = "unaddressable", "the label has no id of FiftyOne's own and cannot be written to"
    UNSAFE_VALUE = "unsafe_value", "the other side cannot hold this value", False, True
    STALE_REVERT = (
        "stale_revert",
        "FiftyOne went back to what syncd had just replaced: perhaps an idle App window",
        True,
    )
    REFUSED_BY_DATABASE = "refused_by_database", "the database refused the value", False, True
    REFUSED_BY_FIFTYONE = "refused_by_fiftyone", "FiftyOne's MongoDB refused the value"
    NEW_LABEL = "new_label", "a label drawn in FiftyOne waits for an id", False, True
    OCCUPIED = "occupied", "the sample's field already holds another label"
    AMBIGUOUS_MEDIA = "ambiguous_media", "several samples have this medium"
    UNKNOWN_LABEL = "unknown_label", "the label is neither a term of the vocabulary nor an alias", False, True
    AMBIGUOUS_TAGS = "ambiguous_tags", "the label's class tags disagree, with each other or with an edit"


STICKY = frozenset(kind.value for kind in ConflictKind if kind.sticky)
BY_HAND = frozenset(kind.value for kind in ConflictKind if kind.by_hand)


def words_of(kind: str) -> str:
    """What a kind that stands in a table means; nothing for one that a newer program has written."""
    return next((known.words for known in ConflictKind if known.value == kind), "")
