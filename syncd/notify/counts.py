"""Counts of messages that were sent, retried and given up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NoticeCounts:
    """Since the notifier was made. ``given_up``: refused or undeliverable; ``dropped``: the queue was full."""

    delivered: int = 0
    given_up: int = 0
    dropped: int = 0
    waiting: int = 0
