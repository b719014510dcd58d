"""One binding, as people and programs work with it: what the commands do, as methods.

    from syncd import open_binding

    with open_binding("planktivore") as b, b.actor("ada"):
        b.plan()
        b.relabel("Calanoida", label_ids=selected)

Every call opens the servers that it needs and closes them again, so that a binding may stay open for days; it changes
nothing of the process that it runs in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.actor import acting_as
from syncd.api import actions, queries
from syncd.api.actions import PlannedRun
from syncd.api.calls import configuration_of
from syncd.api.curation import Curation
from syncd.api.embedding import Embedding
from syncd.api.inspection import Inspection
from syncd.api.labels import chosen
from syncd.api.loading import Loading
from syncd.api.progress import Counting, Progress
from syncd.api.rows import ConflictRow
from syncd.api.showing import Showing
from syncd.api.upkeep import Upkeep
from syncd.api.wake import wake
from syncd.config import Config
from syncd.engine.plan_file import SavedPlan
from syncd.engine.recover import Recovered
from syncd.engine.resolve import Resolved
from syncd.engine.result import RunResult
from syncd.engine.session import open_session
from syncd.engine.undo import Undone
from syncd.errors import ConfigError
from syncd.model import Side
from syncd.store.held import HeldPlan

if TYPE_CHECKING:
    from syncd.api.relabel import Relabelled


@contextmanager
def open_binding(name: str, config: Config | Path | str | None = None) -> Iterator[Binding]:
    """Opens a binding of a configuration: a file, a configuration that is loaded, or the one that is found as usual.

    ``$SYNCD_CONFIG`` names that, else it is ``./syncd.yaml``. ``ConfigError`` where there is no such binding.
    """
    binding = Binding(configuration_of(config), name)
    try:
        yield binding
    finally:
        binding.close()


class Binding(Inspection, Curation, Embedding, Loading, Showing, Upkeep):
    """A binding of a configuration; made by :func:`open_binding`.

    Methods raise ``syncd.errors.SyncdError``. ``progress`` is called with each phase and how much of the whole is
    done (0 to 1).
    """

    def actor(self, name: str) -> AbstractContextManager[None]:
        """Within ``with b.actor("ada"):`` it is Ada who decides: log and conflicts name her. Of this thread alone."""
        if not name.strip():
            raise ConfigError("An actor has a name.", remedy="Name the person who decides.")
        return acting_as(name)

    def plan(
        self,
        *,
        full: bool = False,
        force: bool = False,
        tag: str | None = None,
        progress: Progress | Counting | None = None,
    ) -> PlannedRun:
        """What a reconcile would do; changes nothing. ``full`` reads everything, ``force`` releases the brakes.

        With ``tag`` only edits are taken from FiftyOne whose label or sample bears it.
        """
        with self._call(progress) as phase:
            return actions.plan(self._config, self.name, full=full, force=force, tag=tag, phase=phase)

    def reconcile(
        self,
        *,
        full: bool = False,
        force: bool = False,
        tag: str | None = None,
        progress: Progress | Counting | None = None,
    ) -> RunResult:
        """Brings both sides into agreement, once. Options as of :meth:`plan`."""
        with self._call(progress) as phase:
            return actions.reconcile(self._config, self.name, full=full, force=force, tag=tag, phase=phase)

    def apply(
        self, plan: PlannedRun | SavedPlan | HeldPlan | str | Path, *, progress: Progress | Counting | None = None
    ) -> RunResult:
        """Applies a plan: one of :meth:`plan`, a file, or the one that is :meth:`held`.

        ``StalePlan`` where either side has moved since it was made: then nothing was changed.
        """
        with self._call(progress) as phase:
            return actions.apply(self._config, self._planned(plan), phase=phase)

    def _planned(self, plan: PlannedRun | SavedPlan | HeldPlan | str | Path) -> PlannedRun | SavedPlan:
        if isinstance(plan, HeldPlan):
            plan = actions.held_plan(plan)
        if isinstance(plan, (str, Path)):
            found = [each for each in actions.load_plans(Path(plan)) if each.binding == self.name]
            if len(found) != 1:
                raise ConfigError(
                    f"{plan} holds no plan for {self.name!r}.", remedy="Open the binding that the plan was made for."
                )
            plan = found[0]
        if plan.binding != self.name:
            raise ConfigError(
                f"The plan is for {plan.binding!r}, and this is {self.name!r}.", remedy="Open that binding."
            )
        return plan

    def drop_held(self) -> None:
        """Forgets the plan that a brake holds. The edits that led to it are where they were."""
        with self._call():
            queries.drop_held(self._config, self.name)

    def resolve(
        self,
        ids: int | Collection[int] | Sequence[ConflictRow],
        *,
        take: Side | str | None = None,
        value: str | float | bool | Sequence[float] | None = None,
        note: str | None = None,
        dry_run: bool = False,
        progress: Progress | Counting | None = None,
    ) -> Resolved:
        """Answers these open conflicts alike, as the actor.

        ``take`` is ``"fiftyone"`` or ``"database"``; ``value`` a value of one's own. What cannot
        be answered so is named in the result and stays open. ``ConfigError`` for an id that is none.
        """
        take_ = actions.taken(take, value)
        asked = [ids] if isinstance(ids, int) else [each if isinstance(each, int) else each.id for each in ids]
        with self._call(progress) as phase:
            if not asked:
                raise ConfigError("No conflict is named.", remedy="Give ids of `conflicts()`.")
            found = queries.conflicts(self._config, [self.name], ids=asked)
            missing = sorted(set(asked) - {each.id for each in found})
            if missing:
                raise ConfigError(f"Conflict {missing[0]} is about another binding.", remedy="Open that binding.")
            return actions.resolve(self._config, self.name, found, take_, note=note, dry_run=dry_run, phase=phase)

    def relabel(
        self,
        label: str,
        *,
        annotation_ids: Collection[str] | None = None,
        label_ids: Collection[str] | None = None,
        view: Any = None,
        note: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        progress: Progress | Counting | None = None,
    ) -> Relabelled:
        """Gives labels another class, as the actor, on both sides; undone by ``undo(run=...)``.

        Which labels: by annotation id, by FiftyOne's own label id, or all that a view of the dataset shows; exactly one
        of the three. ``ConfigError`` for a class that is no term, with the nearest terms. With ``review.mode: tagged``
        FiftyOne is written, and the edit waits. ``force`` releases the brakes, once.
        """
        from syncd.api.relabel import relabel

        with self._call(progress) as phase, open_session(self._config, self.name) as session:
            return relabel(
                session,
                label,
                **chosen(session, self._settings, annotation_ids, label_ids, view),
                note=note,
                force=force,
                dry_run=dry_run,
                progress=phase,
            )

    def undo(
        self,
        *,
        run: str | None = None,
        change: int | None = None,
        since: datetime | None = None,
        actor: str | None = None,
        note: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        progress: Progress | Counting | None = None,
    ) -> Undone:
        """Takes back what was applied, on both sides: a run, one change (its ``seq``), or all since a moment.

        ``actor`` takes back only what this person did. What has been changed again since is left alone and named.
        """
        if sum(each is not None for each in (run, change, since)) != 1:
            raise ConfigError("Say what is to be taken back, once.", remedy="Give run=, change= or since=.")
        with self._call(progress) as phase:
            entries, hints = queries.undoable(
                self._config, [self.name], run=run, change=change, since=since, actor=actor
            )
            if not entries:
                said = "".join(f" {each[0].upper()}{each[1:]}." for each in hints)
                raise ConfigError(
                    f"No applied change matches; there is nothing to take back.{said}", remedy=queries.UNDO_REMEDY
                )
            return actions.undo(self._config, self.name, entries, dry_run=dry_run, force=force, note=note, phase=phase)

    def recover(
        self,
        side: Side | str,
        *,
        accept: bool = False,
        dry_run: bool = False,
        progress: Progress | Counting | None = None,
    ) -> Recovered:
        """Brings a side (``"fiftyone"``, ``"database"``) forward again that went back in time, or accepts it."""
        with self._call(progress) as phase:
            return actions.recover(self._config, self.name, Side(side), accept=accept, dry_run=dry_run, phase=phase)

    def wake(self) -> bool:
        """Has the daemon at ``daemon.http`` look at the binding now; whether one does."""
        return wake(self._config, self.name)
