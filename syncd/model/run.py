"""Runs: what each is for, and how it ends."""

from __future__ import annotations

from enum import Enum


class RunMode(str, Enum):
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

    MADE = "made"
    """It applies a saved plan that does not say whose it is."""

    INGEST = "ingest"
    INBOX = "inbox"
    """It takes in the annotations of a manifest."""

    def __str__(self) -> str:
        """The value, in every version of Python."""
        return str(self.value)


class RunStatus(str, Enum):
    """How far a run has come."""

    RUNNING = "running"
    DONE = "done"

    HELD = "held"
    """A brake stopped its plan, and a person must decide."""

    FAILED = "failed"

    DEAD = "dead"
    """Its process ended before it did."""

    def __str__(self) -> str:
        """The value, in every version of Python."""
        return str(self.value)


JUDGING = (RunMode.INCREMENTAL, RunMode.FULL)
"""Modes of the runs that say how a binding stands; one that carries out a person's decision judges nothing else."""

LOADING = (RunMode.INGEST, RunMode.INBOX)
"""Modes of the runs that bring in what was not there."""
