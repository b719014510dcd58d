"""Notifications: signed messages to a web hook."""

from syncd.notify.counts import NoticeCounts
from syncd.notify.notifier import Notifier

__all__ = ["NoticeCounts", "Notifier"]
