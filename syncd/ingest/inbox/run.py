"""Reads a binding's inbox once: loads or rejects what has arrived completely, and then ingests it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncd.config import Config
from syncd.engine.failures import clear_errors
from syncd.engine.session import require_table
from syncd.ingest.context import open_work
from syncd.ingest.inbox.arrival import Arrivals, Patience, image_columns, named_images
from syncd.ingest.inbox.faults import InboxError
from syncd.ingest.inbox.load import Bench, load
from syncd.ingest.inbox.place import open_place
from syncd.ingest.inbox.result import Became, InboxResult, Outcome
from syncd.ingest.inbox.stages import Claimed, Step, claimed, finish, manifests, name_of, reached
from syncd.ingest.inbox.table import open_table
from syncd.ingest.result import IngestResult
from syncd.ingest.run import IngestOptions, Report, ingest

LOOKS = 5
"""Looks of a single call at files that arrived only just now."""


def _silent(_: str, __: int, ___: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class InboxOptions:
    """How an inbox is looked at; with ``dry_run`` nothing is written or moved."""

    dry_run: bool = False
    patience: Patience = field(default_factory=Patience)
    progress: Report = _silent


def inbox_of(config: Config, name: str) -> Path:
    """The inbox of a binding; ``InboxError`` where it has none."""
    folder = config.binding(name).ingest.inbox
    if folder is None:
        raise InboxError(
            f"The binding {name!r} has no inbox.", remedy="Set `ingest.inbox` of the binding: the folder to watch."
        )
    return folder.expanduser().absolute()


def arrivals_of(config: Config, name: str, options: InboxOptions) -> Arrivals:
    """A memory of what arrives in the inbox, for `look`."""
    return Arrivals(image_columns(config.binding(name)), options.patience)


def empty_inbox(config: Config, name: str, options: InboxOptions) -> InboxResult:
    """Loads or rejects what is whole now; what arrived a moment ago is looked at more than once."""
    begun = time.monotonic()
    arrivals = arrivals_of(config, name, options)
    done: list[Outcome] = []
    ingested: IngestResult | None = None
    for number in range(1, LOOKS + 1):
        result = look(config, name, arrivals, options)
        done += [each for each in result.outcomes if each.became is not Became.WAITING]
        ingested = result.ingest or ingested
        waiting = result.of(Became.WAITING)
        if number == LOOKS or not any(each.soon for each in waiting):
            break
        time.sleep(options.patience.settle_s)
    return replace(result, outcomes=(*done, *waiting), ingest=ingested, seconds=time.monotonic() - begun)


def look(config: Config, name: str, arrivals: Arrivals, options: InboxOptions) -> InboxResult:
    """One look. Raises SyncdError where a server, the inbox or the place of the media is not usable.

    What was begun before that, by this process or another, is gone on with by the next look.
    """
    begun = time.monotonic()
    inbox = inbox_of(config, name)
    with clear_errors(), _clear_files(inbox):
        found = manifests(inbox)
        outcomes: list[Outcome] = []
        ready = []
        for each in found:
            verdict = arrivals.look(each)
            if verdict.waiting is None:
                ready.append(each)
            else:
                outcomes.append(
                    Outcome(name_of(inbox, each), Became.WAITING, waiting=verdict.waiting, soon=verdict.soon)
                )
        arrivals.forget_unseen(begun)
        if ready:
            outcomes += _load_all(config, name, inbox, ready, options)
        ingested = None
        if not options.dry_run:
            ingested, moved = _finish_all(config, name, inbox, options)
            outcomes = [replace(each, moved_to=moved.get(each.folder or "")) for each in outcomes]
    order = {name_of(inbox, each): at for at, each in enumerate(found)}
    outcomes.sort(key=lambda each: order[each.manifest])
    return InboxResult(name, str(inbox), options.dry_run, tuple(outcomes), ingested, time.monotonic() - begun)


def _load_all(config: Config, name: str, inbox: Path, ready: list[Path], options: InboxOptions) -> list[Outcome]:
    place = open_place(config, config.binding(name))
    require_table(config.binding(name), "syncd inbox")
    with (
        open_work(config, name, crops=config.binding(name).ingest.crops, dry_run=True) as work,
        open_table(work) as table,
    ):
        bench = Bench(work, table, place, inbox, options.dry_run, options.progress)
        done = [load(bench, each) for each in ready]
    return [each for each in done if each is not None]


def _finish_all(
    config: Config, name: str, inbox: Path, options: InboxOptions
) -> tuple[IngestResult | None, dict[str, str]]:
    """Ingests what is in the table, and moves what is claimed to ``done`` or ``rejected``; {folder: where it is}."""
    under_way = list(claimed(inbox))
    if not under_way:
        return None, {}
    reached(Step.CLAIMED)
    ingested = None
    if not all(each.rejected for each in under_way):
        ingested = ingest(config, name, IngestOptions(progress=options.progress))
        reached(Step.INGESTED)
    columns = image_columns(config.binding(name))
    moved = {}
    for each in under_way:
        target = finish(inbox, each, named_images(each.manifest, columns), _shared(inbox, each, columns))
        if target is not None:
            moved[each.folder.name] = target.relative_to(inbox).as_posix()
    return ingested, moved


def _shared(inbox: Path, one: Claimed, columns: frozenset[str]) -> frozenset[str]:
    """The images in the claimed manifest's folder that other manifests there name, too."""
    others = [each for each in manifests(inbox) if each.parent == one.origin]
    return frozenset(name for each in others for name in named_images(each, columns))


@contextmanager
def _clear_files(inbox: Path) -> Iterator[None]:
    """Translates what the file system raises."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise InboxError(
            f"The files of the inbox {inbox} could not be read or moved: {error.strerror or error}{where}.",
            remedy="Mend that, then run `syncd inbox` again: it goes on where it stopped.",
        ) from error
