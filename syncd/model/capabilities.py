"""What a store can do: an adapter declares it, and the engine goes by it.

docs/stores.md says what each guarantee becomes with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model.text_enum import TextEnum


class Guard(TextEnum):
    """How a store keeps a write from overwriting what somebody else has put there since it was read."""

    NONE = "none"
    """Not at all: the adapter reads, compares and writes, and what comes in between is lost without a trace."""

    VALUE = "value"
    """The store compares the expected value itself; two writers at the same moment may both succeed."""

    REVISION = "revision"
    """The store compares a revision, or the value under a lock: of two writers one is told that it came too late."""

    PROVABLE = "provable"
    """Both may succeed, but the store's history shows afterwards what a write has displaced (:class:`Displaced`)."""


class Transactions(TextEnum):
    """When what is written can be seen by others, and whether it can be taken back until then."""

    NONE = "none"
    """At once, and for good: apply writes small slices and records the outcome of each before the next."""

    OWN = "own"
    """With a commit of the lab's database, apart from that of syncd's own tables: SQL, with ``state.url`` set."""

    SHARED = "shared"
    """With the commit of syncd's own tables, which are in the same transaction."""


class Stamps(TextEnum):
    """What the time of an annotation's last change is good for."""

    COMPLETE = "complete"
    """Every change moves it: what is stamped since is all that has changed."""

    NOMINATE = "nominate"
    """What is stamped has changed, but some changes leave no stamp: only a sweep finds these."""

    NONE = "none"
    """There is none: everything is read each time."""


class BulkValues(TextEnum):
    """What one call of the store can write to several annotations."""

    SAME = "same"
    """The same values for all of them: calls go by distinct values."""

    DIFFERING = "differing"
    """Values of its own for each: calls go by batches."""

    ONE = "one"
    """One annotation a call."""


@dataclass(frozen=True)
class Capabilities:
    """What a store can do. What it says must be so at all times: guarantees rest on it.

    ``history``: the store keeps who wrote which value when, so that the fate of a write whose answer was lost can be
    looked up. ``deletion_feed``: a read of what changed since names what was deleted since too.
    ``enforced_vocabulary``: the store refuses labels that are no terms. ``slice_size`` is the number of changes (at
    least 1) that one call of :meth:`~syncd.adapters.base.RowStore.write` is given at most; where there are no
    transactions, a crash leaves so many changes in doubt.
    """

    guard: Guard
    transactions: Transactions
    stamps: Stamps
    history: bool
    deletion_feed: bool
    bulk_values: BulkValues
    enforced_vocabulary: bool
    slice_size: int
