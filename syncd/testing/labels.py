"""The FiftyOne side of a binding, in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
from bson import ObjectId

from syncd.adapters.base import Meanwhile, Recogniser, Sink
from syncd.adapters.fiftyone.dataset import DatasetChanged, DatasetMissing
from syncd.model import ID_FIELD, SAMPLE_FIELD, Action, Change, Mapping, Mark, Origin, Side, Snapshot, TagEdit, Value
from syncd.model.canonical import respelt
from syncd.model.result import Result
from syncd.model.snapshot import SAMPLES_SCHEMA, column, schema
from syncd.model.values import milliseconds
from syncd.testing.content import Content, Documents, canonical_values, problems_json, utc_now
from syncd.testing.faults import Faults


def new_id() -> str:
    """A sample's or label's id, as FiftyOne makes them."""
    return str(ObjectId())


@dataclass
class Label:
    """One label. ``extra`` is what syncd does not map (confidence) and must leave alone."""

    annotation_id: str | None
    values: Content
    label_id: str | None = field(default_factory=new_id)
    problems: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    actor: str | None = None


@dataclass
class Sample:
    """One sample and its labels, in their order."""

    media: str | None
    edited_at: datetime
    labels: list[Label] = field(default_factory=list)
    sample_id: str = field(default_factory=new_id)
    tags: list[str] = field(default_factory=list)


class MemoryLabels:
    """Annotations as labels inside samples. ``samples`` is the dataset, by sample id."""

    side = Side.FIFTYONE

    def __init__(
        self,
        mapping: Mapping,
        *,
        faults: Faults | None = None,
        clock: Callable[[], datetime] = utc_now,
        dataset: str = "dataset",
    ) -> None:
        self.mapping = mapping
        self.faults = faults or Faults()
        self.clock = clock
        self.dataset = dataset
        self.samples: dict[str, Sample] = {}
        self.deleted_at: datetime | None = None
        self.mark: Mark | None = None
        self._identity: str | None = new_id()
        self._opened: str | None = self._identity
        self._documents = Documents({})

    # What people do

    def add_sample(self, media: str | None, labels: Iterable[Label] = ()) -> Sample:
        """Adds a sample."""
        sample = Sample(media, milliseconds(self.clock()), list(labels))
        self.samples[sample.sample_id] = sample
        return sample

    def draw(self, sample_id: str, label: Label) -> None:
        """Adds a label at the end of a sample's."""
        self._touched(sample_id).labels.append(label)

    def edit(self, label_id: str, /, **values: Value) -> None:
        """Changes fields of a label, by label id."""
        sample, label = self._place(label_id)
        self._touched(sample.sample_id)
        label.values |= values
        label.problems = {name: text for name, text in label.problems.items() if name not in values}

    def remove(self, label_id: str) -> None:
        """Deletes a label, by label id."""
        sample, label = self._place(label_id)
        self._touched(sample.sample_id).labels.remove(label)

    def remove_sample(self, sample_id: str) -> None:
        """Deletes a sample; as in FiftyOne, only the dataset's own stamp tells."""
        del self.samples[sample_id]
        self.deleted_at = milliseconds(self.clock())

    def drop(self) -> None:
        """Deletes the dataset."""
        self.samples = {}
        self._identity = None

    def recreate(self) -> None:
        """Makes a new, empty dataset of the same name; who has the old one open must notice."""
        self.samples = {}
        self._identity = new_id()

    def reopen(self) -> None:
        """Does what opening the binding anew would do."""
        self._opened = self._identity

    def labels(self) -> Iterator[tuple[Sample, Label]]:
        """Every label with its sample."""
        for sample in self.samples.values():
            for label in sample.labels:
                yield sample, label

    def values(self, label: Label) -> Content:
        """What a label holds, in canonical form."""
        return canonical_values(self.mapping, label.values, label.problems)

    # What syncd does

    def origin(self) -> Origin:
        """The dataset's identity, its number of samples, and when it last lost any."""
        self.faults.called("origin")
        if self._identity is None:
            raise DatasetMissing(f"There is no dataset {self.dataset!r}.")
        return Origin(self._identity, len(self.samples), self.deleted_at, mark=self.mark)

    def leave_mark(self, mark: Mark) -> None:
        """Keeps the mark."""
        self.faults.called("leave_mark")
        self.mark = mark

    def now(self) -> datetime:
        """The side's clock."""
        self.faults.called("now")
        return self.clock()

    def read_all(self) -> Snapshot:
        """Every label."""
        self.faults.called("read_all")
        self._check_identity()
        return self._snapshot(self.samples.values(), complete=True)

    def read_all_to(self, sink: Sink, recogniser: Recogniser | None = None) -> datetime:
        """Every annotation, as one part; a sample's document is what its labels are read as."""
        if recogniser is None:
            whole = self.read_all()
            sink.add(whole.rows)
            return whole.as_of
        self.faults.called("read_all")
        self._check_identity()
        as_of = self.clock()
        self._documents = Documents(
            {each.sample_id: [self._as_read(each, label) for label in each.labels] for each in self.samples.values()}
        )
        met = self._documents.frame
        wanted = set(recogniser.recognise(met) if recogniser.knows_any else met["sample_id"])
        decoded = met.filter(pl.col("sample_id").is_in(list(wanted)))
        rows = self._snapshot([self.samples[each] for each in decoded["sample_id"]], complete=True).rows
        sink.add(rows)
        recogniser.decoded(rows, decoded.drop("document"))
        return as_of

    def decode(self, documents: pl.DataFrame) -> pl.DataFrame:
        """The labels in these documents."""
        return pl.DataFrame(self._documents.rows_of(documents), schema=schema(self.side, self.mapping), orient="row")

    def read_since(self, since: datetime, meanwhile: Meanwhile | None = None) -> Snapshot:
        """All labels of samples stamped at or after ``since``."""
        self.faults.called("read_since")
        stamped = [each for each in self.samples.values() if each.edited_at >= milliseconds(since)]
        if meanwhile is not None:
            meanwhile(frozenset(each.sample_id for each in stamped))
        return self._snapshot(stamped, complete=False, touched=True)

    def count_since(self, since: datetime, at_most: int) -> int:
        """The number of samples stamped at or after ``since``."""
        self.faults.called("count_since")
        return min(at_most, sum(each.edited_at >= milliseconds(since) for each in self.samples.values()))

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """All labels of the samples in which these annotation ids stand."""
        self.faults.called("read_ids")
        wanted = set(ids)
        holding = {sample.sample_id: sample for sample, label in self.labels() if label.annotation_id in wanted}
        return self._snapshot(holding.values(), complete=False)

    def read_samples(self, sample_ids: Collection[str]) -> Snapshot:
        """All labels of these samples."""
        self.faults.called("read_samples")
        wanted = set(sample_ids)
        return self._snapshot([each for each in self.samples.values() if each.sample_id in wanted], complete=False)

    def read_labels(self, label_ids: Collection[str]) -> Snapshot:
        """All labels of the samples in which labels of these ids stand."""
        self.faults.called("read_labels")
        wanted = set(label_ids)
        holding = {sample.sample_id: sample for sample, label in self.labels() if label.label_id in wanted}
        return self._snapshot(holding.values(), complete=False)

    def find_samples(self, media: Collection[str]) -> pl.DataFrame:
        """The samples with these media, in whatever Unicode normal form, by the names that were asked for."""
        self.faults.called("find_samples")
        wanted = set(media)
        meant = respelt((each.media for each in self.samples.values() if each.media is not None), wanted)
        chosen = (each for each in self.samples.values() if each.media in wanted or each.media in meant)
        return self._samples(chosen).with_columns(pl.col("media").replace(meant))

    def look_up_samples(self, sample_ids: Collection[str]) -> pl.DataFrame:
        """The samples with these ids."""
        self.faults.called("look_up_samples")
        wanted = set(sample_ids)
        return self._samples(each for each in self.samples.values() if each.sample_id in wanted)

    def _samples(self, chosen: Iterable[Sample]) -> pl.DataFrame:
        rows = [
            {
                "sample_id": each.sample_id,
                "media": each.media,
                "occupied": self._single and bool(each.labels),
                "edited_at": each.edited_at,
            }
            for each in chosen
        ]
        return pl.DataFrame(rows, schema=SAMPLES_SCHEMA, orient="row")

    def write(self, changes: Sequence[Change]) -> list[Result]:
        """Carries out the changes one by one; like FiftyOne, it can only tell by reading back."""
        self.faults.called("write")
        if changes:
            self._check_identity()
        refusals = [self._carry_out(each) for each in self.faults.writing(changes)]
        return [self._result(*each) for each in zip(changes, refusals, strict=True)]

    def write_slices(self, slices: Iterable[Sequence[Change]]) -> list[Result]:
        """The same, slice by slice."""
        return [result for changes in slices for result in self.write(changes)]

    def write_tags(self, edits: Sequence[TagEdit]) -> None:
        """Puts tags on labels and samples and takes them off."""
        self.faults.called("write_tags")
        if edits:
            self._check_identity()
        for each in edits:
            sample = self.samples.get(each.sample_id)
            if sample is None:
                continue
            owners: list[Sample | Label] = [sample]
            if each.label_id is not None:
                owners = [label for label in sample.labels if label.label_id == each.label_id]
            for owner in owners:
                kept = [tag for tag in owner.tags if tag not in each.remove]
                tags = [*kept, *(tag for tag in each.add if tag not in kept)]
                if tags != owner.tags:
                    owner.tags = tags
                    if each.after_changes:
                        sample.edited_at = milliseconds(self.clock())

    @property
    def _single(self) -> bool:
        return self.mapping.label_type.list_name is None

    def _carry_out(self, change: Change) -> str | None:
        """Carries out one change where it finds what it expects; returns why it was refused."""
        sample = self.samples.get(str(change.sample_id))
        if sample is None:
            return None
        if change.action is Action.INSERT:
            return self._insert(sample, change)
        if change.field == SAMPLE_FIELD:
            return self._move(sample, change)
        for label in [each for each in sample.labels if each.label_id == change.label_id]:
            if not self._expected(label, change) or _is_tagged_since(sample, label, change):
                continue
            refused = self.faults.refusal(change)
            if refused is not None or self.faults.loses_change(change):
                return refused
            sample.edited_at = milliseconds(self.clock())
            if change.action is Action.DELETE:
                sample.labels.remove(label)
            elif change.field == ID_FIELD:
                label.annotation_id = None if change.new is None else str(change.new)
            else:
                _set(label, str(change.field), change.new)
        return None

    def _insert(self, sample: Sample, change: Change) -> str | None:
        if any(each.annotation_id == change.annotation_id for each in sample.labels):
            return None
        if self._single and sample.labels:
            return None
        refused = self.faults.refusal(change)
        if refused is not None or self.faults.loses_change(change) or not isinstance(change.new, dict):
            return refused
        present: Content = {name: value for name, value in change.new.items() if value is not None}
        sample.labels.append(Label(change.annotation_id, present))
        sample.edited_at = milliseconds(self.clock())
        return None

    def _move(self, sample: Sample, change: Change) -> str | None:
        """Writes the label to its new sample, then takes it from the old one."""
        target = self.samples.get(str(change.new))
        found = [each for each in sample.labels if each.label_id == change.label_id]
        if target is None or len(found) != 1 or found[0].annotation_id != change.annotation_id:
            return None
        [label] = found
        there = [each for each in target.labels if change.annotation_id == each.annotation_id]
        if there and there != [label]:
            return "the sample of the row's image holds another label under this id"
        if self._single and target.labels and not there:
            return None
        refused = self.faults.refusal(change)
        if refused is not None or self.faults.loses_change(change):
            return refused
        if not there:
            target.labels.append(copy.deepcopy(label))
            target.edited_at = milliseconds(self.clock())
        self.faults.called("half_moved")
        sample.labels.remove(label)
        sample.edited_at = milliseconds(self.clock())
        return None

    def _expected(self, label: Label, change: Change) -> bool:
        """Whether the label still holds what the diff saw."""
        if change.field == ID_FIELD:
            return (label.annotation_id or None) == change.old
        values = self.values(label)
        if isinstance(change.old, dict):
            same_id = label.annotation_id == change.annotation_id
            return same_id and not label.problems and all(values[name] == change.old.get(name) for name in values)
        return change.field not in label.problems and values[str(change.field)] == change.old

    def _result(self, change: Change, refused: str | None) -> Result:
        sample = self.samples.get(str(change.sample_id))
        if change.field == SAMPLE_FIELD:
            return self._moved(change, refused)
        for label in sample.labels if sample else ():
            same = change.annotation_id == label.annotation_id
            if same if change.action is Action.INSERT else change.label_id == label.label_id:
                values = self.values(label)
                after = label.annotation_id if change.field == ID_FIELD else values
                if change.field is not None and change.field != ID_FIELD:
                    after = values[change.field]  # type: ignore[assignment]
                return Result(change, present=True, after=after, label_id=label.label_id, refused=refused)
        return Result(change, present=False, refused=refused)

    def _moved(self, change: Change, refused: str | None) -> Result:
        for place in (str(change.sample_id), str(change.new)):
            sample = self.samples.get(place)
            if sample is not None and any(each.label_id == change.label_id for each in sample.labels):
                return Result(change, present=True, after=place, label_id=change.label_id, refused=refused)
        return Result(change, present=False, refused=refused)

    def _touched(self, sample_id: str) -> Sample:
        sample = self.samples[sample_id]
        sample.edited_at = milliseconds(self.clock())
        return sample

    def _place(self, label_id: str) -> tuple[Sample, Label]:
        for sample, label in self.labels():
            if label.label_id == label_id:
                return sample, label
        raise KeyError(label_id)

    def _check_identity(self) -> None:
        if self._identity is None:
            raise DatasetMissing(f"There is no dataset {self.dataset!r}.")
        if self._identity != self._opened:
            raise DatasetChanged(f"The dataset {self.dataset!r} was replaced by another of the same name meanwhile.")

    def _snapshot(self, samples: Iterable[Sample], *, complete: bool, touched: bool = False) -> Snapshot:
        as_of = self.clock()
        chosen = list(samples)
        rows = self.faults.reading(self._as_read(sample, label) for sample in chosen for label in sample.labels)
        return Snapshot(
            self.side,
            pl.DataFrame(rows, schema=schema(self.side, self.mapping), orient="row"),
            complete=complete,
            as_of=as_of,
            touched=frozenset(each.sample_id for each in chosen) if touched else frozenset(),
        )

    def _as_read(self, sample: Sample, label: Label) -> dict[str, object]:
        return {
            "annotation_id": label.annotation_id or None,
            "label_id": label.label_id,
            "sample_id": sample.sample_id,
            "media": sample.media,
            "frame": None,
            "edited_at": sample.edited_at,
            "actor": label.actor,
            "tags": label.tags or None,
            "sample_tags": sample.tags or None,
            "user": None,
            "problems": problems_json(label.problems),
        } | {column(name): value for name, value in self.values(label).items()}


def _is_tagged_since(sample: Sample, label: Label, change: Change) -> bool:
    """Whether a label that is to be removed bears a tag that was not there when it was read."""
    return change.seen_tags is not None and not {*label.tags, *sample.tags} <= set(change.seen_tags)


def _set(label: Label, name: str, value: Any) -> None:
    if value is None:
        label.values.pop(name, None)
    else:
        label.values[name] = value
