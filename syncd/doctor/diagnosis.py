"""Runs the whole diagnosis: the servers first, then every binding by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from syncd.config import BindingConfig, Config
from syncd.doctor import (
    boxes,
    clocks,
    columns,
    database,
    dataset,
    hidden,
    labels,
    loadable,
    media,
    mongodb,
    read_back,
    rights,
    rows,
    same_images,
    state,
    stores,
    table,
    terms,
)
from syncd.doctor.finding import SERVERS, Check, Finding, Secrets, run
from syncd.doctor.servers import Servers
from syncd.doctor.subject import Subject


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in the order of the checks."""

    findings: tuple[Finding, ...]

    @property
    def faults(self) -> int:
        """How many checks found a fault."""
        return sum(each.status == "fault" for each in self.findings)

    @property
    def warnings(self) -> int:
        """How many checks found what may be meant so."""
        return sum(each.status == "warning" for each in self.findings)

    @property
    def healthy(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    @property
    def exit_code(self) -> int:
        """1 where there is a fault."""
        return int(not self.healthy)

    def as_json(self) -> dict[str, Any]:
        """The document of ``syncd doctor --json``."""
        return {"healthy": self.healthy, "findings": [dict(vars(each)) for each in self.findings]}


def diagnose(config: Config, names: Sequence[str] | None = None) -> Iterator[Finding]:
    """Looks at everything that the configuration names, and yields each finding as it is found.

    ``names`` are the bindings that are looked at, where these are not all; the servers always are. Nothing is written.
    A check whose prerequisite has failed is ``skipped``; no fault ends the diagnosis, and those of one binding do not
    touch the next.
    """
    secrets = Secrets(config)
    with ExitStack() as stack:
        reached = Servers(config, stack)
        yield from run(SERVERS, _of_servers(reached), secrets)
        for binding in config.bindings if names is None else map(config.binding, names):
            yield from _of_binding(reached, binding, secrets)


def _of_servers(reached: Servers) -> Iterator[Check]:
    """What all bindings share, in order."""
    if reached.config.lab is not None:
        yield from database.checks(reached)
    yield from mongodb.checks(reached)
    yield from clocks.checks(reached)
    yield from state.checks(reached)


def _of_binding(reached: Servers, binding: BindingConfig, secrets: Secrets) -> Iterator[Finding]:
    subject = Subject(reached, binding)
    if binding.store is not None:
        yield from run(binding.name, _checks_with_store(subject), secrets)
        return
    faults = 0
    for finding in run(binding.name, _checks(subject), secrets):
        faults += finding.status == "fault"
        yield finding
    whole = Check("Mapping", lambda: columns.check_whole(subject, faults_before=faults > 0))
    yield from run(binding.name, [whole], secrets)


def _checks_with_store(subject: Subject) -> Iterator[Check]:
    yield from dataset.checks(subject)
    yield from labels.checks(subject)
    yield from loadable.checks(subject)
    yield from stores.checks(subject)
    yield from media.checks(subject)


def _checks(subject: Subject) -> Iterator[Check]:
    yield from dataset.checks(subject)
    yield from labels.checks(subject)
    yield from loadable.checks(subject)
    yield from table.checks(subject)
    yield from columns.checks(subject)
    yield from table.checks_of_columns(subject)
    yield from table.checks_of_capture(subject)
    yield from rights.checks_of_table(subject)
    yield from rows.checks(subject)
    yield from boxes.checks(subject)
    yield from terms.checks(subject)
    yield from hidden.checks(subject)
    yield from same_images.checks(subject)
    yield from read_back.checks(subject)
    yield from labels.checks_against_table(subject)
    yield from rights.checks_of_dataset(subject)
    yield from media.checks(subject)
