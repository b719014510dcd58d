"""Runs: what each is for, and how it ends."""

from __future__ import annotations

from syncd.model.text_enum import TextEnum


class RunMode(TextEnum):
    """What a run is for. Tables, documents and filters hold its value."""

    INCREMENTAL = "incremental"
    """It judges what was edited since the last run."""

    FULL = "full"
    """It reads and judges everything."""

    RESOLVE = "resolve"
    """It carries out a person's answers to conflicts."""

    UNDO = "undo"
    RECOVER = "recover"
    """It brings a side forward again that went back in time."""

    RELABEL = "relabel"
    """It gives labels another class, on both sides at once."""

    REVIEW = "review"
    """It records approvals and refusals of edits that wait."""

    MADE = "made"
    """It applies a saved plan that does not say whose it is."""

    INGEST = "ingest"
    INBOX = "inbox"
    """It takes in the annotations of a manifest."""


class RunStatus(TextEnum):
    """How far a run has come."""

    RUNNING = "running"
    DONE = "done"

    HELD = "held"
    """A brake stopped its plan, and a person must decide."""

    FAILED = "failed"

    DEAD = "dead"
    """Its process ended before it did."""


JUDGING = (RunMode.INCREMENTAL, RunMode.FULL)
"""Modes of the runs that say how a binding stands; one that carries out a person's decision judges nothing else."""

LOADING = (RunMode.INGEST, RunMode.INBOX)
"""Modes of the runs that bring in what was not there."""
