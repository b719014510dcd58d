"""Why a change is made: the reasons that the change log holds, and what each means."""

from __future__ import annotations

from syncd.model.text_enum import TextEnum


class Reason(TextEnum):
    """Why a change is made. Tables, documents and filters hold its value.

    ``words`` says what it means.
    """

    words: str

    def __new__(cls, value: str, words: str = "") -> Reason:
        """A member that is equal to its value."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.words = words
        return reason

    REVIEWED = (
        "reviewed",
        "it was edited in FiftyOne and the database still holds what was agreed: the edit goes to the database",
    )
    CHANGED_AT_HOME = (
        "changed_at_home",
        "it was changed in the database and FiftyOne still holds what was agreed: FiftyOne gets the database's value",
    )
    CONVERGED = "converged", "both sides made the same change: it becomes what is agreed"
    ON_CONFLICT = "on_conflict", "both sides changed it, and the policy on_conflict says which one wins"
    FIRST_SYNC = (
        "first_sync",
        "no value was agreed yet: the policy first_sync says which counts, or FiftyOne lacks it",
    )
    STALE_REVERT = (
        "stale_revert",
        "FiftyOne went back to what syncd had just replaced, beside another edit: syncd writes it again",
    )
    REMOVED_IN_DATABASE = (
        "removed_in_database",
        "the row was removed in the database: the policy on_database_delete removes the label",
    )
    HIDDEN_IN_DATABASE = (
        "hidden_in_database",
        "the row is hidden in the database: the policy on_hidden removes the label",
    )
    DELETED_IN_FIFTYONE = (
        "deleted_in_fiftyone",
        "the label was removed in FiftyOne: the policy on_fiftyone_delete deletes the row",
    )
    GONE_FROM_BOTH = "gone_from_both", "it is gone from both sides: what was agreed of it is dropped"
    GONE_AND_HIDDEN = (
        "gone_and_hidden",
        "the label is gone and the row is hidden: what was agreed of it is dropped",
    )
    NEW_IN_DATABASE = (
        "new_in_database",
        "it is new in the database and its sample is in the dataset: the label is put into FiftyOne",
    )
    DRAWN = "drawn_in_fiftyone", "a reviewer drew it in FiftyOne: the database gets a row for it"
    ID_RESTORED = "id_restored", "the known label lost its annotation id: it gets it back"
    ID_TAKEN_BACK = (
        "id_taken_back",
        "the label bears an id whose row never came to be: the id is taken off again",
    )
    RESTORED = "restored", "FiftyOne lost it, and the policy, or how it was lost, says that it is given back"
    RECOVERED = "recovered", "the side went back in time: it is brought forward again"
    ALIAS = "alias", "the label is an alias: it is written as the term that it means"
    CLASS_TAG = "class_tag", "a tag on the label, or on its sample, names another class: it is relabelled"
    APPROVED = "approved", "an approving tag stands on the label or its sample: the attribute for that is set"
    FLAGGED = "flagged", "an error tag stands on the label or its sample: the column for that is set"
    PLACE_CHANGED = "place_changed", "the label went to another sample of the same image: it is followed"
    MOVED = "moved", "the two sides name different images, and the policy on_moved says which one counts"
    ANSWERED = (
        "answered",
        "the database made something else of what was written: FiftyOne gets that answer",
    )
    OVERTAKEN = (
        "overtaken",
        "somebody else had changed it in the store just before syncd wrote: their value is put back",
    )
    RESOLVED = "resolved", "a person resolved a conflict"
    UNDONE = "undone", "a person took an earlier change back"
    RELABELLED = "relabelled", "a person gave labels another class, on both sides at once"
    RELABELLED_FOR_REVIEW = (
        "relabelled_for_review",
        "a person gave labels another class in FiftyOne, where edits wait for review: nothing is agreed yet",
    )
    APPROVAL = "approval", "a person approved a label by a command; what goes through by it has reasons of its own"
    SENT_BACK = "sent_back", "a person refused edits that waited: FiftyOne gets back what was agreed"
    VOCABULARY_FIX = "vocabulary_fix", "a label that was no term was corrected by `syncd vocabulary fix`"


BY_TAG = (Reason.CLASS_TAG, Reason.APPROVED)
"""Reasons of changes that a tag asks for."""

PUT_BACK = (Reason.RESTORED, Reason.STALE_REVERT, Reason.RESOLVED)
"""Reasons for which a label that a side had lost is inserted there again."""


def words_of(reason: str) -> str:
    """What a reason that stands in the log means; the reason itself where a newer program has written it."""
    return next((known.words for known in Reason if known.value == reason), reason)
