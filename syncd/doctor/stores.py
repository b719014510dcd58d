"""Checks the store of a binding whose annotations are in no table: whether it answers, and what it can do."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.adapters import base
from syncd.adapters.base import Opening, OpenStore, Probe
from syncd.adapters.plugged import factory_of
from syncd.adapters.sql.limits import LIMITS
from syncd.doctor.finding import AGAIN, Check, Fact, Verdict, fault, ok, warning
from syncd.doctor.subject import Subject
from syncd.engine.mapping import build_mapping
from syncd.errors import SyncdError
from syncd.model.capabilities import Capabilities

STORE = "Store answers"


def checks(subject: Subject) -> Iterator[Check]:
    """Of the store, and of the mapping that is made with it."""
    store: Fact[OpenStore] = Fact(STORE)
    yield Check(STORE, lambda: _answers(subject, store))
    if store.known:
        yield from _probes(store.get())
    yield Check("Mapping", lambda: _mapping(subject, store.get()))


def _answers(subject: Subject, store: Fact[OpenStore]) -> Verdict:
    factory = factory_of(subject.binding)
    opening = Opening(subject.servers.config, subject.binding, LIMITS)
    store.set(subject.servers.stack.enter_context(factory.open(opening)))
    return ok(factory.title)


def _probes(store: OpenStore) -> Iterator[Check]:
    """One check per probe; an error among them ends them, and nothing else."""
    probes = iter(store.probes())
    while True:
        try:
            probe = next(probes, None)
        except SyncdError as error:
            verdict = fault(error.message, error.remedy or AGAIN)
            yield Check("Store", lambda verdict=verdict: verdict)  # type: ignore[misc]
            return
        if probe is None:
            return
        verdict = _told(probe)
        yield Check(probe.subject, lambda verdict=verdict: verdict)  # type: ignore[misc]


def _told(probe: Probe) -> Verdict:
    if probe.verdict is base.Verdict.OK:
        return ok(probe.said)
    return (fault if probe.verdict is base.Verdict.FAULT else warning)(probe.said, probe.remedy or AGAIN)


def _mapping(subject: Subject, store: OpenStore) -> Verdict:
    dataset = subject.dataset.get()
    described = store.describe(crops=dataset.crops or subject.binding.ingest.crops)
    mapping, _ = build_mapping(subject.binding, described, dataset)
    return ok(f"as every run takes it; {_words(store.rows(mapping.in_database).capabilities)}")


def _words(can: Capabilities) -> str:
    """What the store can do, in the words of docs/stores.md."""
    parts = [
        f"guard {can.guard}",
        f"transactions {can.transactions}",
        f"stamps {can.stamps}",
        f"history {'yes' if can.history else 'no'}",
        f"deletion feed {'yes' if can.deletion_feed else 'no'}",
        f"{can.bulk_values} values per call",
        f"slices of {can.slice_size:,}",
    ]
    return ", ".join(parts)
