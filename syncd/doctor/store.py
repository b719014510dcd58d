"""Checks a store that is no table: whether it answers, whether the mapping fits, and what its adapter looks at."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.adapters.base import Opening, OpenStore, Probe
from syncd.adapters.base import Verdict as Found
from syncd.adapters.plugged import factory_of
from syncd.adapters.sql.limits import LIMITS
from syncd.doctor.finding import AGAIN, Check, Fact, Verdict, count, fault, ok, warning
from syncd.doctor.subject import Subject
from syncd.engine.mapping import build_mapping
from syncd.errors import SyncdError

STORE = "Store answers"


def checks(subject: Subject) -> Iterator[Check]:
    """Of a binding with a store."""
    there: Fact[OpenStore] = Fact(STORE)
    yield Check(STORE, lambda: _answers(subject, there))
    yield Check("Mapping", lambda: _mapping(subject, there.get()))
    yield Check("Vocabulary", lambda: _terms(subject, there.get()))
    if there.known:
        yield from _probes(there.get())


def _answers(subject: Subject, there: Fact[OpenStore]) -> Verdict:
    servers, binding = subject.servers, subject.binding
    factory = factory_of(binding)
    opening = Opening(servers.config, binding, LIMITS, None, servers.state.get() if servers.state.known else None)
    there.set(servers.stack.enter_context(factory.open(opening)))
    return ok(factory.title)


def _mapping(subject: Subject, store: OpenStore) -> Verdict:
    """As every run makes it."""
    dataset = subject.dataset.get()
    mapping, _ = build_mapping(subject.binding, store.describe(crops=dataset.crops), dataset)
    return ok(f"{count(len(mapping.fields), 'field')}, as every run takes them")


def _terms(subject: Subject, store: OpenStore) -> Verdict:
    if subject.binding.vocabulary is not None:
        return ok("the configuration names one")
    terms = store.terms()
    if not terms:
        remedy = f"Name one in {subject.place}.vocabulary (classes, or a file)."
        return warning("neither the store nor the configuration has one: a misspelt label is not noticed", remedy)
    return ok(f"the store's own, {count(len(terms), 'term')}")


def _probes(store: OpenStore) -> Iterator[Check]:
    """Each is looked at when it is asked for; what ends them is a finding too."""
    probes = iter(store.probes())
    while True:
        try:
            probe = next(probes)
        except StopIteration:
            return
        except SyncdError as error:
            yield _said("the rest", fault(error.message, error.remedy or AGAIN))
            return
        yield _said(probe.subject, _verdict(probe))


def _said(subject: str, verdict: Verdict) -> Check:
    return Check(f"Store: {subject}", lambda: verdict)


def _verdict(probe: Probe) -> Verdict:
    if probe.verdict is Found.OK:
        return ok(probe.said)
    make = warning if probe.verdict is Found.WARNING else fault
    return make(probe.said, probe.remedy or AGAIN)
