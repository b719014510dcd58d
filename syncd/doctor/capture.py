"""Checks whether triggers record the changes of a binding's table, and wake the daemon."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.capture.install import plan_remove
from syncd.capture.read import installed
from syncd.capture.target import find_target
from syncd.config import format_duration
from syncd.doctor.finding import Check, Verdict, ok, warning
from syncd.doctor.subject import Subject
from syncd.doctor.table_facts import TABLE as IS_TABLE


def checks(subject: Subject) -> Iterator[Check]:
    """Of change capture, which nobody needs to have."""
    yield Check("Change capture", lambda: _capture(subject))


def _capture(subject: Subject) -> Verdict:
    config, binding = subject.servers.config, subject.binding
    polled = f"none: the table is looked at every {format_duration(config.daemon.poll_interval)}"
    if not subject.is_postgresql or config.state.url is not None or subject.table.get().kind != IS_TABLE:
        return ok(polled)
    install = f"syncd database install-capture {binding.name}"
    target = find_target(subject.connection, binding.table, binding.columns.id, config.state.schema_name)
    if installed(subject.connection, target):
        return ok("triggers record what changes, and wake the daemon")
    if plan_remove(subject.connection, target).statements:
        return warning(
            "its triggers are out of date or switched off, so that changes are not seen by them", f"Run: {install}"
        )
    return ok(f"{polled}; to be woken at once: {install}")
