"""What most stores that are no databases say to the questions that databases have brought up."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from syncd.adapters.base import Probe, Sink
from syncd.model import Action, Change, Snapshot
from syncd.model.result import Result, Written
from syncd.model.vocabulary import Term


class StoreDefaults(ABC):
    """To be inherited by a :class:`~syncd.adapters.base.RowStore`, which overrides what is otherwise with it.

    Nothing is hidden, ids are UUIDs that syncd makes, every value may be tried, and no history is kept.
    """

    @abstractmethod
    def read_all(self) -> Snapshot:
        """To be written by the adapter."""

    @abstractmethod
    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """To be written by the adapter."""

    @abstractmethod
    def read_since(self, since: datetime) -> Snapshot:
        """To be written by the adapter."""

    def count_since(self, since: datetime, at_most: int) -> int:
        """Counts what is read."""
        return min(at_most, self.read_since(since).size)

    def read_all_to(self, sink: Sink) -> datetime:
        """Everything as one part."""
        whole = self.read_all()
        sink.add(whole.rows)
        return whole.as_of

    def read_committed(self, ids: Collection[str]) -> Snapshot:
        """As :meth:`read_ids`: what is written is there."""
        return self.read_ids(ids)

    def rules(self) -> str | None:
        """Not told."""
        return None

    def writable(self, field: str) -> bool:  # noqa: ARG002 - every one
        """Every field is."""
        return True

    def values_taken(self) -> dict[str, tuple[frozenset[str], str]]:
        """No field is limited."""
        return {}

    def written_ids(self, ids: Collection[str]) -> Written:  # noqa: ARG002 - of none
        """None: what is there is read."""
        return Written(frozenset())

    def not_given_yet(self, ids: Collection[str]) -> frozenset[str]:  # noqa: ARG002 - of none
        """None: nobody counts them up."""
        return frozenset()

    def new_ids(self, count: int) -> list[str] | None:
        """UUIDs."""
        return [str(uuid.uuid4()) for _ in range(count)]

    def named(self, changes: Sequence[Change], write: Callable[[Sequence[Change]], list[Result]]) -> list[Result]:
        """Writes changes of which each insert has an id; the results are of the changes as they are given."""
        missing = [each for each in changes if each.action is Action.INSERT and each.annotation_id is None]
        ids = iter(self.new_ids(len(missing)) or ())
        whole = [
            replace(each, annotation_id=next(ids, None))
            if each.action is Action.INSERT and each.annotation_id is None
            else each
            for each in changes
        ]
        return [replace(result, change=change) for result, change in zip(write(whole), changes, strict=True)]

    def find_writes(self, changes: Sequence[Change], since: datetime) -> list[Result | None]:  # noqa: ARG002
        """Nothing is known of any."""
        return [None] * len(changes)


class OpenStoreDefaults:
    """To be inherited by an :class:`~syncd.adapters.base.OpenStore`: it has no terms, and nothing to look at."""

    def terms(self) -> tuple[Term, ...] | None:
        """None of its own."""
        return None

    def image_addresses(self, media: Sequence[str]) -> dict[str, str]:  # noqa: ARG002
        """None: images are in a folder or a bucket (`ingest.media`)."""
        return {}

    def probes(self) -> Iterable[Probe]:
        """That it was opened is all there is to see."""
        return ()
