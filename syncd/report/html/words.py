"""The summary: what changed, by whom, and what wants attention, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from syncd.model.result import Status
from syncd.printable import visible
from syncd.report.content import Report
from syncd.report.text import NO_LABEL, counted, lasted, moment
from syncd.report.totals import Tally

NAMED = 3
"""People, labels or classes that a sentence names."""

UNWRITTEN: dict[str, str] = {
    Status.SUPERSEDED: "Where one is superseded, somebody was still editing, and the next run looked again.",
    Status.REFUSED: "What is refused is a conflict that says why.",
    Status.ABANDONED: "What is abandoned was left by a run that died, and done by the next one.",
}

DIRECTIONS = {"to_database": "from FiftyOne to the database", "to_fiftyone": "from the database to FiftyOne"}


def summary(report: Report) -> tuple[Markup, ...]:
    """What changed, in a few sentences; text that people wrote is escaped."""
    if not report.totals.changes:
        return (Markup("No change was applied in this time."),)
    sentences = [_how_much(report), _by_whom(report), _labels(report), _classes(report)]
    return tuple(each for each in sentences if each)


def attention(report: Report) -> tuple[Markup, ...]:
    """What a person should look at, the most pressing first; empty where there is nothing."""
    found = [
        *_conflicts(report),
        *_refused(report),
        *_wavering(report),
        *_unwritten(report),
        *_models(report),
        *(Markup("{}").format(note) for note in report.notes),
    ]
    return tuple(found)


def about(report: Report) -> str:
    """The span and the conditions of the selection, in words."""
    chosen = report.selection
    parts = []
    if chosen.since is not None and chosen.until is not None:
        parts.append(f"{moment(chosen.since)} to {moment(chosen.until)}")
    elif chosen.since is not None:
        parts.append(f"since {moment(chosen.since)}")
    elif chosen.until is not None:
        parts.append(f"before {moment(chosen.until)}")
    else:
        parts.append("all of the log")
    conditions = (
        *(("run", chosen.run_id), ("by", chosen.actor), ("label", chosen.label)),
        *(("field", chosen.field), ("direction", chosen.direction)),
    )
    parts += [f"{name} {value}" for name, value in conditions if value is not None]
    return ", ".join(parts)


def bdi(text: str | None, none: str = NO_LABEL) -> Markup:
    """A text that people wrote: escaped, with nothing unseen in it, and its direction of writing kept to itself."""
    if text is None:
        return Markup('<span class="none">{}</span>').format(none)
    return Markup("<bdi>{}</bdi>").format(visible(text))


def _how_much(report: Report) -> Markup:
    totals = report.totals
    ways = [
        Markup("{} {}").format(f"{each.count:,}", DIRECTIONS.get(each.value or "", "alike on both sides"))
        for each in totals.by_direction
    ]
    if len(ways) == 1:
        way = DIRECTIONS.get(totals.by_direction[0].value or "", "made alike on both sides")
        tail = Markup(", {}").format(way if totals.changes == 1 else f"all {way}")
    else:
        tail = Markup(": {}").format(listed(ways)) if ways else Markup("")
    return Markup("<strong>{}</strong> {} {} {}{}.").format(
        counted(totals.changes, "change"),
        "was applied to" if totals.changes == 1 else "were applied to",
        counted(totals.annotations, "annotation"),
        _when(report),
        tail,
    )


def _when(report: Report) -> str:
    days = report.totals.by_day
    if not days:
        return ""
    first, last = days[0].value, days[-1].value
    return f"on {first}" if first == last else f"between {first} and {last}"


def _by_whom(report: Report) -> Markup:
    by = report.totals.by_actor
    named = [each for each in by if each.value is not None]
    unknown = sum(each.count for each in by if each.value is None)
    if not named:
        return Markup("FiftyOne and the database do not say who made them.")
    people = _tallied(named)
    if unknown:
        return Markup("They were made by {}; of {} it is not known who made them.").format(people, f"{unknown:,}")
    if len(named) == 1:
        return Markup("{} made {}.").format(bdi(named[0].value), "it" if report.totals.changes == 1 else "all of them")
    return Markup("They were made by {}.").format(people)


def _tallied(tallies: Sequence[Tally]) -> Markup:
    if len(tallies) == 1:
        return bdi(tallies[0].value)
    parts = [Markup("{} ({})").format(bdi(each.value), f"{each.count:,}") for each in tallies[:NAMED]]
    if len(tallies) > NAMED:
        parts.append(Markup("{}").format(counted(len(tallies) - NAMED, "other")))
    return listed(parts)


def _labels(report: Report) -> Markup:
    moved = [each for each in report.transitions if each.old != each.new]
    if not moved:
        return Markup("No label was changed.") if report.totals.changes > 1 else Markup("")
    total = sum(each.count for each in moved)
    if len(moved) == 1:
        verb = "label went" if total == 1 else "labels went"
        return Markup("{} {} from {} to {}.").format(f"{total:,}", verb, bdi(moved[0].old), bdi(moved[0].new))
    most = [Markup("{} → {} ({})").format(bdi(each.old), bdi(each.new), f"{each.count:,}") for each in moved[:NAMED]]
    return Markup("{} changed, most often {}.").format(counted(total, "label"), listed(most))


def _classes(report: Report) -> Markup:
    if len(report.classes) < 3:
        return Markup("")
    by_net = sorted(report.classes, key=lambda each: each.gained - each.lost)
    least, most = by_net[0], by_net[-1]
    parts = []
    if most.gained > most.lost:
        parts.append(Markup("{} grew most (+{})").format(bdi(most.label), f"{most.gained - most.lost:,}"))
    if least.gained < least.lost:
        parts.append(Markup("{} shrank most (−{})").format(bdi(least.label), f"{least.lost - least.gained:,}"))
    return Markup("{}.").format(listed(parts)) if parts else Markup("")


def _conflicts(report: Report) -> list[Markup]:
    disputes = report.disputes
    if not disputes.opened:
        return []
    kinds = listed(
        [Markup("{} <code>{}</code>").format(f"{e.count:,}", e.value) for e in disputes.opened_by_kind[:NAMED]]
    )
    more = len(disputes.opened_by_kind) - NAMED
    if more > 0:
        kinds = Markup("{} and {}").format(kinds, counted(more, "other kind"))
    if disputes.resolved:
        end = Markup(" In the same time {} resolved, after {} (median).").format(
            counted(disputes.resolved, "conflict was", "conflicts were"), lasted(disputes.waited)
        )
    else:
        end = Markup(" None was resolved.")
    return [
        Markup(
            "<strong>{}</strong> {} opened: {}.{} <code>syncd conflicts list</code> shows those that are open."
        ).format(counted(disputes.opened, "conflict"), "was" if disputes.opened == 1 else "were", kinds, end)
    ]


def _refused(report: Report) -> list[Markup]:
    waiting = sum(each.waiting for each in report.refused)
    if not waiting:
        return []
    names = listed(
        [Markup("{} ({})").format(bdi(e.label), f"{e.waiting:,}") for e in report.refused if e.waiting][:NAMED]
    )
    return [
        Markup("<strong>{}</strong> that the vocabulary does not know {}: {}.").format(
            counted(waiting, "label"), "waits" if waiting == 1 else "wait", names
        )
    ]


def _wavering(report: Report) -> list[Markup]:
    if not report.wavering:
        return []
    return [
        Markup("<strong>{}</strong> went back and forth: people disagree, or an old window put values back.").format(
            counted(len(report.wavering), "annotation")
        )
    ]


def _unwritten(report: Report) -> list[Markup]:
    others = [each for each in report.totals.by_status if each.value != Status.APPLIED]
    if not others:
        return []
    words = listed([Markup("{} {}").format(f"{each.count:,}", each.value) for each in others])
    whys = [Markup(" {}").format(UNWRITTEN[each.value]) for each in others if each.value in UNWRITTEN]
    return [Markup("Planned changes that were not written: {}.{}").format(words, Markup("").join(whys))]


def _models(report: Report) -> list[Markup]:
    found = []
    for each in report.models:
        gain = each.after.accuracy - each.before.accuracy
        if each.corrected and gain < 0:
            found.append(
                Markup("After the corrections {} agrees with fewer labels: {} instead of {}.").format(
                    bdi(each.field), f"{each.after.accuracy:.1%}", f"{each.before.accuracy:.1%}"
                )
            )
    return found


def listed(parts: Sequence[Markup]) -> Markup:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(parts) < 2:
        return parts[0] if parts else Markup("")
    return Markup("{} and {}").format(Markup(", ").join(parts[:-1]), parts[-1])
