"""Links from a change: to its sample in FiftyOne's App, and the command that takes it back. Pure."""

from __future__ import annotations

from urllib.parse import quote

from syncd.model.result import Status


def in_the_app(app_url: str | None, dataset: str | None, sample_id: str | None) -> str | None:
    """The App's page with this sample opened; ``None`` where one of the three is not known."""
    if app_url is None or dataset is None or sample_id is None:
        return None
    return f"{app_url.rstrip('/')}/datasets/{quote(dataset, safe='')}?id={quote(sample_id, safe='')}"


def undo_command(seq: int, status: str) -> str | None:
    """What to type to take the change back; ``None`` for one that never came into effect."""
    return f"syncd undo {seq}" if status == Status.APPLIED else None
