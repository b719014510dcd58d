"""What syncd does to each of its own tables, and so the rights on them that its role needs."""

from __future__ import annotations

RIGHTS = {
    "run": "SELECT, INSERT, UPDATE",
    "baseline": "SELECT, INSERT, UPDATE, DELETE",
    "change": "SELECT, INSERT, UPDATE",
    "conflict": "SELECT, INSERT, UPDATE",
    "cursor": "SELECT, INSERT, DELETE",
    "held": "SELECT, INSERT, UPDATE, DELETE",
    "waiting": "SELECT, INSERT, DELETE",
    "answered": "SELECT, INSERT, DELETE",
    "captured": "SELECT, INSERT, DELETE",
    "daemon": "SELECT, INSERT, UPDATE, DELETE",
}
"""By table; the change log is never deleted from."""

SEQUENCES = {"change": "seq", "conflict": "id", "waiting": "id", "captured": "seq"}
"""Columns whose sequence is drawn from: USAGE."""

VERSION_TABLE = "alembic_version"
"""Read by every command."""
