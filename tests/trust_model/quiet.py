"""What must hold once syncd has nothing more to do. Nothing here asks syncd's own judgement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from syncd.engine.session import Session
from syncd.model import ID_FIELD, Side
from syncd.model.reasons import Reason
from syncd.model.result import Status
from syncd.store import changes
from trust_model.history import Edit, History
from trust_model.sides import Rules, SeenLabel, Sides, same

PLAIN = frozenset({"reviewed", "changed_at_home", "converged"})
"""Reasons that carry an edit over. Every other one is a decision: of a policy, a tag, an alias, or a person."""

FLAGGED = "error"


@dataclass(frozen=True)
class Books:
    """syncd's own tables, and both sides, at a quiet point.

    ``homes`` are the samples of the rows' images; ``None`` where it has left.
    """

    log: list[dict[str, Any]]
    open: list[dict[str, Any]]
    conflicts: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    baseline: dict[str, dict[str, Any]]
    labels: list[SeenLabel]
    rows: dict[str, dict[str, Any]]
    homes: dict[str, str | None]
    hidden: frozenset[str] = frozenset()
    """The annotations of which syncd is not shown a row."""

    @property
    def applied(self) -> list[dict[str, Any]]:
        """The changes that came about."""
        return [each for each in self.log if each["status"] == Status.APPLIED]

    def is_open(self, annotation_id: str | None, field: str, label_id: str | None = None) -> bool:
        """Whether somebody has been told of this field, of the whole annotation, or of this label."""
        return any(
            (each["annotation_id"] == annotation_id and each["field"] in (None, field))
            or (label_id is not None and each["label_id"] == label_id)
            for each in [*self.open, *(each for each in self.waiting if each["kind"] != FLAGGED)]
        )

    def is_open_whole(self, annotation_id: str) -> bool:
        """Whether somebody has been told of the whole annotation."""
        return any(
            each["annotation_id"] == annotation_id and each["field"] is None for each in [*self.open, *self.waiting]
        )


def books(session: Session, sides: Sides) -> Books:
    """Reads everything, with statements of its own."""
    state, tables, binding = session.state, session.tables, session.mapping.binding

    def of(table: sa.Table) -> list[dict[str, Any]]:
        rows = state.execute(sa.select(table).where(table.c.binding == binding)).mappings()
        return [dict(row) for row in rows]

    conflicts = of(tables.conflict)
    read = Books(
        log=sorted(of(tables.change), key=lambda each: int(each["seq"])),
        open=[each for each in conflicts if each["status"] == "open"],
        conflicts=conflicts,
        waiting=of(tables.waiting),
        baseline={each["annotation_id"]: each["fields"] for each in of(tables.baseline)},
        labels=sides.labels(),
        rows={each.annotation_id: each.values for each in sides.rows()},
        hidden=frozenset(sides.hidden()),
        homes={each.annotation_id: each.sample for each in sides.rows()},
    )
    session.rest()
    return read


def check_agreement(read: Books, rules: Rules) -> None:
    """The sides agree outside open conflicts and waiting reviews."""
    by_id: defaultdict[str, list[SeenLabel]] = defaultdict(list)
    for label in read.labels:
        if label.annotation_id is not None:
            by_id[label.annotation_id].append(label)
        elif rules.policy.get("on_new") != "ignore":
            assert read.is_open(None, "", label.label_id), f"nobody was told of the nameless {label}"
    for annotation_id in sorted(by_id.keys() | read.rows.keys()):
        if read.is_open_whole(annotation_id):
            continue
        labels, row = by_id[annotation_id], read.rows.get(annotation_id)
        if annotation_id in read.hidden:
            assert not labels, f"the row of {annotation_id} is hidden, it has a label, and nobody was told"
            continue
        home = read.homes.get(annotation_id)
        if row is not None and home is None:
            assert not labels, f"the sample of {annotation_id} has left, it has a label, and nobody was told"
            continue
        assert len(labels) == 1 and row is not None, f"nobody was told of {annotation_id}: {labels}, {row}"
        assert labels[0].sample == home, f"{annotation_id} is on {labels[0].sample}, its row says {home}"
        for name, value in row.items():
            agree = same(labels[0].values[name], value) or read.is_open(annotation_id, name)
            assert agree, f"{annotation_id}.{name}: {labels[0].values[name]!r} and {value!r}, and nobody was told"


def check_edits(read: Books, history: History, first: dict[str, dict[str, Any]]) -> None:
    """Every acknowledged edit is applied, superseded by a later one, waiting or in a conflict.

    ``first`` is the first baseline.
    """
    owner_of = owners(read)
    standing = history.standing()
    latest: dict[tuple[str | None, str], Edit] = {}
    for each in history.edits:
        latest[owner_of(each), each.field] = each
    for each in standing:
        owner = owner_of(each)
        if owner is None:
            # A drawn label without an id yet: whether somebody knows of it is a matter of agreement.
            there = any(label.label_id == each.subject for label in read.labels)
            assert there or _is_removed(read, each), f"{each} is lost with its label"
            continue
        assert _is_named(read, owner, each), f"{each} of {owner} is lost: nothing names it"
        if latest[owner, each.field] is each and not read.is_open(owner, each.field):
            kept = _holds(read, owner, each.field, each.value) or _is_overruled(read, owner, each)
            kept = kept or _is_none(read, owner, each, first.get(owner, {}))
            assert kept, f"{each} of {owner} was overwritten, and nothing says why"


def owners(read: Books) -> Callable[[Edit], str | None]:
    """Gives the annotation whose value an edit is: that which its label bears, also where it got its id since.

    A copy whose id a person took away is an annotation of its own with all that was typed at it, before as after.
    """
    owners: dict[str, str | None] = {}
    for entry in read.applied:  # an id that was only meant names no label
        if entry["label_id"] is not None and (entry["field"] == ID_FIELD or entry["annotation_id"] is not None):
            owners[entry["label_id"]] = entry["new"] if entry["field"] == ID_FIELD else entry["annotation_id"]
    owners |= {label.label_id: label.annotation_id for label in read.labels}
    let_go = {(each["label_id"], each["old"]) for each in read.applied if each["field"] == ID_FIELD and each["old"]}

    def owner_of(edit: Edit) -> str | None:
        if edit.annotation_id is None or (edit.subject, edit.annotation_id) in let_go:
            return owners.get(edit.subject)
        return edit.annotation_id

    return owner_of


def _is_removed(read: Books, edit: Edit) -> bool:
    """Whether a person decided that a label without an id goes, and the log says what it held."""
    return any(
        each["label_id"] == edit.subject and each["reason"] not in PLAIN and _has(each["field"], each["old"], edit)
        for each in read.applied
        if each["action"] == "delete"
    )


def _is_named(read: Books, owner: str, edit: Edit) -> bool:
    """Whether the value stands on a side, in an applied change, in a conflict of any time, or waits."""
    if _holds(read, owner, edit.field, edit.value):
        return True
    told = [(each["field"], each[name]) for each in read.applied if _is_about(each, owner, edit) for name in OLD_NEW]
    for each in (*read.conflicts, *read.waiting):
        if each["annotation_id"] == owner or each["label_id"] == edit.subject:
            told += [(each["field"], each.get(name)) for name in ("fiftyone", "database", "old", "new")]
    return any(_has(field, value, edit) for field, value in told)


OLD_NEW = ("old", "new")


def _is_overruled(read: Books, owner: str, edit: Edit) -> bool:
    """Whether an applied change that is a decision took the value away."""
    return any(
        each["reason"] not in PLAIN and _has(each["field"], each["old"], edit)
        for each in read.applied
        if _is_about(each, owner, edit)
    )


def _is_about(entry: dict[str, Any], owner: str, edit: Edit) -> bool:
    """Whether a change is to the annotation, or to the label that was edited when that was none yet."""
    return entry["annotation_id"] == owner or (entry["annotation_id"] is None and entry["label_id"] == edit.subject)


def _is_none(read: Books, owner: str, edit: Edit, first: dict[str, Any]) -> bool:
    """Whether somebody put back what both sides had agreed on, so that there was nothing against the other's edit."""
    agreed = first.get(edit.field)
    for each in read.applied:
        if each["annotation_id"] != owner:
            continue
        if each["field"] == edit.field:
            if same(agreed, edit.value) and same(each["old"], edit.value):
                return True
            agreed = each["new"]
        elif each["field"] is None:
            agreed = each["new"].get(edit.field) if each["action"] == "insert" else None
    return False


def _holds(read: Books, owner: str, name: str, value: Any) -> bool:
    row = read.rows.get(owner)
    found = [label.values[name] for label in read.labels if label.annotation_id == owner]
    return any(same(each, value) for each in found) or (row is not None and same(row[name], value))


def _has(field: str | None, told: Any, edit: Edit) -> bool:
    if field is None and isinstance(told, dict):
        return edit.field in told and same(told[edit.field], edit.value)
    return field == edit.field and same(told, edit.value)


def check_existence(read: Books, history: History) -> None:
    """What somebody deleted last is gone from both sides, or somebody decided or was told otherwise."""
    present = {each.annotation_id for each in read.labels} | read.rows.keys()
    for annotation_id in sorted(read.baseline.keys() - present):
        assert read.is_open_whole(annotation_id), f"{annotation_id} is in the baseline and on neither side"
    for (side, subject), made in history.made.items():
        owner = subject if side is Side.DATABASE else _owner(read, subject)
        if history.gone.get((side, subject), 0) > made or owner is None or owner in present:
            continue
        ends = [each for each in read.applied if each["annotation_id"] == owner and each["action"] == "delete"]
        assert ends, f"{subject} was added to {side.value}, is gone from both sides, and no change says so"
    for (side, subject), gone in history.gone.items():
        back = side is Side.DATABASE and subject in read.rows and history.made.get((side, subject), 0) < gone
        said = [each for each in read.applied if each["annotation_id"] == subject and each["action"] == "insert"]
        assert said or not back, f"the row {subject} was deleted, is there, and no change says so"


def _owner(read: Books, label_id: str) -> str | None:
    named = [each.annotation_id for each in read.labels if each.label_id == label_id]
    logged = [each["annotation_id"] for each in read.applied if each["label_id"] == label_id]
    return next((each for each in (*named, *logged) if each is not None), None)


def check_objects(read: Books, history: History) -> None:
    """A sample takes no row with it, and what comes back without its ids gets no second row."""
    for each in read.applied:
        if each["reason"] == "deleted_in_fiftyone":
            assert each["annotation_id"] in history.erased, f"nobody deleted {each['annotation_id']}"
        if each["action"] == "insert" and each["direction"] == "to_database":
            owner = history.objects.get(each["label_id"])
            assert owner is None, f"the label {each['label_id']} is {owner}, and got a row of its own"


def check_attributes(read: Books, history: History) -> None:
    """Nobody clears an attribute: what labels lose is no edit."""
    for each in read.applied:
        if (each["annotation_id"], each["field"]) in history.cleared or each["reason"] in TAKEN_BACK:
            continue
        if each["action"] == "update" and each["direction"] == "to_database":
            assert each["new"] is not None or each["old"] is None, f"{each['annotation_id']}.{each['field']} was lost"


def check_reverts(read: Books, history: History) -> None:
    """No value that somebody put back is taken for a window's doing where nobody was at another label of the sample.

    That is known of the latest runs: what died has looked at both sides, too.
    """
    for each in read.applied:
        if each["reason"] != "stale_revert" or each["action"] != "update" or each["run_id"] not in history.runs:
            continue
        began = history.runs[each["run_id"]]
        since = sorted((order for order in history.runs.values() if order < began), reverse=True)[:LATEST]
        beside = [
            order
            for order, sample, label_id in history.hands
            if min(since, default=0) <= order and sample == each["sample_id"] and label_id != each["label_id"]
        ]
        assert beside, f"{each['annotation_id']}.{each['field']} was put back alone, and written over"


LATEST = 4

TAKEN_BACK = ("undone", "resolved")

ON_BOTH_SIDES = ("alias", "class_tag", "approved")
"""Reasons why FiftyOne is given what the database is given as well."""


_Subject = tuple[str, "str | None", "str | None"]
"""What one run changed: run, annotation and field."""


def check_replay(read: Books, first: dict[str, dict[str, Any]]) -> None:
    """Replaying the log over the first baseline gives the present baseline.

    What both sides were found to hold equally at their first meeting is agreed without a change, and is not logged.
    Of a change to both sides (an alias, a tag) of which one half came too late, the other half is not agreed; the run
    that wrote this one may have died, and a later run have taken up the other. Where an undo gave each side a value of
    its own back, nothing is agreed. What the database has answered is agreed, whether or not FiftyOne's label was
    edited again before it could be given it.
    """
    plain = [each for each in read.log if each["reason"] != Reason.ANSWERED]
    halves = {
        (each["run_id"], each["annotation_id"], each["field"]) for each in plain if each["status"] != Status.APPLIED
    }
    halves.update(_left_alone(plain), _apart(plain))
    replayed = {annotation_id: dict(fields) for annotation_id, fields in first.items()}
    for entry in read.log:
        annotation_id, name = entry["annotation_id"], entry["field"]
        if (entry["run_id"], annotation_id, name) in halves:
            continue
        if entry["action"] == "delete":
            replayed.pop(annotation_id, None)
        elif entry["action"] == "insert":
            replayed[annotation_id] = dict(entry["new"])
        elif name != ID_FIELD and annotation_id is not None:  # a label that has no id yet may be relabelled
            replayed.setdefault(annotation_id, {})[name] = entry["new"]
    found = dict(_differences(replayed, read.baseline))
    assert not found, f"the log does not lead to the baseline: {found}"


def _apart(log: Iterable[dict[str, Any]]) -> Iterator[_Subject]:
    """Fields of which a run gave the two sides different values."""
    written: defaultdict[_Subject, dict[str, Any]] = defaultdict(dict)
    for each in log:
        if each["action"] == "update" and each["direction"] is not None:
            written[each["run_id"], each["annotation_id"], each["field"]][each["direction"]] = each["new"]
    for subject, new in written.items():
        if len(new) > 1 and not same(new["to_fiftyone"], new["to_database"]):
            yield subject


def _left_alone(log: Iterable[dict[str, Any]]) -> Iterator[_Subject]:
    """Halves that a run wrote before it died, and whose other halves came too late.

    An intent that a later run takes up is logged under that run. So neither run has an entry for the other side, the
    later one is the next that is logged of the field, and both name the same new value.
    """
    changes: defaultdict[tuple[str | None, str | None], list[list[dict[str, Any]]]] = defaultdict(list)
    for each in log:
        of_field = changes[each["annotation_id"], each["field"]]
        if of_field and of_field[-1][0]["run_id"] == each["run_id"]:
            of_field[-1].append(each)
        else:
            of_field.append([each])
    for of_field in changes.values():
        for earlier, later in pairwise(of_field):
            if len(earlier) == len(later) == 1 and _is_late_half(earlier[0], later[0]):
                yield earlier[0]["run_id"], earlier[0]["annotation_id"], earlier[0]["field"]


def _is_late_half(earlier: dict[str, Any], later: dict[str, Any]) -> bool:
    ways = {earlier["direction"]: earlier, later["direction"]: later}
    return (
        ways.keys() == {"to_fiftyone", "to_database"}
        and ways["to_fiftyone"]["reason"] in ON_BOTH_SIDES
        and later["status"] != Status.APPLIED
        and earlier["action"] == later["action"] == "update"
        and same(earlier["new"], later["new"])
    )


def _differences(replayed: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for annotation_id in sorted(replayed.keys() | now.keys()):
        was, known = replayed.get(annotation_id), now.get(annotation_id)
        if known is None:
            yield annotation_id, ("only in the log", was)
            continue
        # Fields that were never written are those that were found equal: adopted, not changed.
        for name, value in (was or {}).items():
            if name in known and not same(known[name], value):
                yield f"{annotation_id}.{name}", (value, known[name])


def check_log(read: Books, session: Session) -> None:
    """The hash chain verifies, and nothing is left pending."""
    assert changes.verify(session.state, session.tables, session.mapping.binding).is_sound
    session.rest()
    assert not [each for each in read.log if each["status"] == Status.PENDING]
    starts: Iterable[tuple[Any, ...]] = (
        (
            *(each[name] for name in ("run_id", "annotation_id", "label_id", "field", "direction", "action")),
            # An answer is a change of its own to what the run itself may have written.
            each["reason"] == Reason.ANSWERED,
        )
        for each in read.applied
    )
    twice = [each for each in starts if each[1] is not None]
    assert len(twice) == len(set(twice)), "one run logged a change twice"
    for each in read.log:
        if each["reason"] == Reason.ANSWERED:
            assert asked(read, each), f"nothing was written that the database answered: {each}"


def asked(read: Books, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes by which the very value was written to which the database has given this answer."""
    name, value = answer["field"], answer["old"]
    return [
        each
        for each in read.applied
        if (each["run_id"], each["annotation_id"]) == (answer["run_id"], answer["annotation_id"])
        and (each["direction"], each["field"]) in {("to_database", name), ("to_database", None)}
        and each["action"] != "delete"
        and same(each["new"] if each["field"] else each["new"].get(name), value)
    ]
