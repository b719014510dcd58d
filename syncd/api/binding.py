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

from pymongo.errors import PyMongoError
from sqlalchemy.exc import SQLAlchemyError

from syncd.actor import acting_as
from syncd.adapters.connect import as_ours
from syncd.api import actions, queries
from syncd.api.actions import MadeReport, PlannedRun
from syncd.api.curation import Curation, chosen
from syncd.api.progress import Fractions, Progress, silent
from syncd.api.rows import ChangeLog, ConflictList, ConflictRow, WaitingList
from syncd.api.showing import Showing
from syncd.api.status import status as statuses
from syncd.api.wake import wake
from syncd.config import BindingConfig, Config, find_config, load_config
from syncd.engine.plan_file import SavedPlan
from syncd.engine.recover import Recovered
from syncd.engine.resolve import Resolved
from syncd.engine.result import RunResult
from syncd.engine.session import open_session
from syncd.engine.status import BindingStatus
from syncd.engine.undo import Undone
from syncd.engine.verify import Verdict
from syncd.errors import ConfigError, SyncdError
from syncd.model import Direction, Side
from syncd.store.held import HeldPlan

if TYPE_CHECKING:
    from syncd.api.embed import Embedded
    from syncd.api.embedding_results import AlikeList, SuspectList
    from syncd.api.relabel import Relabelled
    from syncd.api.why import Why


def configuration_of(config: Config | Path | str | None) -> Config:
    """A configuration as it is given: loaded already, a file, or (``None``) the one that a command would find."""
    if isinstance(config, Config):
        return config
    return load_config(find_config(None if config is None else Path(config)))


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


class Binding(Curation, Showing):
    """A binding of a configuration; made by :func:`open_binding`.

    Methods raise ``syncd.errors.SyncdError``. ``progress`` is called with each phase and how much of the whole is
    done (0 to 1).
    """

    def __init__(self, config: Config, name: str) -> None:
        self._settings: BindingConfig = config.binding(name)
        self._config = config
        self._closed = False

    @property
    def name(self) -> str:
        """The binding's name."""
        return self._settings.name

    @property
    def dataset(self) -> str:
        """The name of its dataset in FiftyOne."""
        return self._settings.dataset

    def close(self) -> None:
        """Ends it: no method works any more."""
        self._closed = True

    def __repr__(self) -> str:
        return f"<syncd binding {self.name!r}: {self.dataset}.{self._settings.label_field} = {self._settings.table}>"

    @contextmanager
    def _call(self, progress: Progress | None = None) -> Iterator[Fractions]:
        """A call: errors of drivers come out as syncd's own."""
        if self._closed:
            raise SyncdError(f"The binding {self.name!r} was closed.", remedy="Open it again: syncd.open_binding.")
        told = Fractions(progress or silent)
        try:
            yield told
        except (SQLAlchemyError, PyMongoError) as error:
            raise as_ours(error) from error
        told.done()

    # Who

    def actor(self, name: str) -> AbstractContextManager[None]:
        """Within ``with b.actor("ada"):`` it is Ada who decides: log and conflicts name her. Of this thread alone."""
        if not name.strip():
            raise ConfigError("An actor has a name.", remedy="Name the person who decides.")
        return acting_as(name)

    # How it stands

    def status(self) -> BindingStatus:
        """How it stands: in agreement or not, lag, open conflicts, what waits, the last run, the daemon."""
        with self._call():
            return statuses(self._config, [self.name])[0]

    def conflicts(
        self,
        *,
        kind: str | None = None,
        label: str | None = None,
        field: str | None = None,
        annotation_id: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        resolved: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> ConflictList:
        """The open conflicts, the oldest first; with ``resolved`` those too that are closed.

        ``actor``: those in which this person's value stands, on either side.
        """
        with self._call():
            return queries.conflicts(
                self._config,
                [self.name],
                kind=kind,
                label=label,
                field=field,
                annotation_id=annotation_id,
                actor=actor,
                since=since,
                everything=resolved,
                limit=limit,
                offset=offset,
            )

    def waiting(self, *, kind: str | None = None, limit: int | None = None, offset: int = 0) -> WaitingList:
        """The edits that wait for an approving tag, and the annotations that bear an error tag; the longest first."""
        with self._call():
            return queries.waiting(self._config, [self.name], kind=kind, limit=limit, offset=offset)

    def log(
        self,
        *,
        run: str | None = None,
        annotation_id: str | None = None,
        field: str | None = None,
        direction: Direction | str | None = None,
        status: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = 50,
        before: int | None = None,
    ) -> ChangeLog:
        """The change log, the newest last; ``limit`` keeps the newest (``None``: all of it), ``before`` a ``seq``."""
        with self._call():
            asked = queries.LogFilter(
                run=run,
                annotation_id=annotation_id,
                field=field,
                direction=None if direction is None else Direction(direction).value,
                status=status,
                actor=actor,
                since=since,
                until=until,
                limit=limit,
                before=before,
            )
            return queries.log(self._config, [self.name], asked)

    def history(self, annotation_id: str) -> ChangeLog:
        """Everything that was logged about an annotation, the newest last."""
        return self.log(annotation_id=annotation_id, limit=None)

    def why(self, annotation_id: str) -> Why:
        """Everything about one annotation: both sides, the baseline, and the rule that decides now.

        ``ConfigError`` where nobody knows the id.
        """
        from syncd.api.why import why

        with self._call():
            return why(self._config, self.name, annotation_id)

    def verify(self, *, progress: Progress | None = None) -> Verdict:
        """Reads both sides completely and compares them, whatever baseline and cursors say."""
        with self._call(progress) as phase:
            return actions.verify(self._config, self.name, phase=phase)

    def report(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        run: str | None = None,
        actor: str | None = None,
        label: str | None = None,
        field: str | None = None,
        direction: Direction | str | None = None,
        title: str | None = None,
        progress: Progress | None = None,
    ) -> MadeReport:
        """What changed: totals, transitions, people, conflicts, and every change; ``.write("week.html")`` writes it."""
        with self._call(progress) as phase:
            return actions.report(
                self._config,
                [self.name],
                since=since,
                until=until,
                run=run,
                actor=actor,
                label=label,
                field=field,
                direction=direction,
                title=title,
                phase=phase,
            )

    # What is done

    def plan(
        self, *, full: bool = False, force: bool = False, tag: str | None = None, progress: Progress | None = None
    ) -> PlannedRun:
        """What a reconcile would do; changes nothing. ``full`` reads everything, ``force`` releases the brakes.

        With ``tag`` only edits are taken from FiftyOne whose label or sample bears it.
        """
        with self._call(progress) as phase:
            return actions.plan(self._config, self.name, full=full, force=force, tag=tag, phase=phase)

    def reconcile(
        self, *, full: bool = False, force: bool = False, tag: str | None = None, progress: Progress | None = None
    ) -> RunResult:
        """Brings both sides into agreement, once. Options as of :meth:`plan`."""
        with self._call(progress) as phase:
            return actions.reconcile(self._config, self.name, full=full, force=force, tag=tag, phase=phase)

    def apply(
        self, plan: PlannedRun | SavedPlan | HeldPlan | str | Path, *, progress: Progress | None = None
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

    def held(self) -> HeldPlan | None:
        """The plan that a brake holds, if one does."""
        with self._call():
            return queries.held(self._config, self.name)

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
        progress: Progress | None = None,
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
        progress: Progress | None = None,
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
        progress: Progress | None = None,
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
        self, side: Side | str, *, accept: bool = False, dry_run: bool = False, progress: Progress | None = None
    ) -> Recovered:
        """Brings a side (``"fiftyone"``, ``"database"``) forward again that went back in time, or accepts it."""
        with self._call(progress) as phase:
            return actions.recover(self._config, self.name, Side(side), accept=accept, dry_run=dry_run, phase=phase)

    def embed(
        self,
        *,
        model: str | None = None,
        view: Any = None,
        tag: str | None = None,
        of: str | None = None,
        only_new: bool = False,
        layout: bool | None = None,
        similarity: bool | None = None,
        suspects: bool | None = None,
        clusters: bool = False,
        refit: bool = False,
        device: str | None = None,
        ray: str | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Embedded:
        """Makes vectors of what is new or changed, and brings what the App shows of them up to date.

        ``view`` (a saved view's name, or a view) and ``tag`` choose; ``of`` is ``"samples"`` or ``"patches"``. What is
        not given is as the configuration has it. ``dry_run`` says how many there are, and how long they take.
        """
        from syncd.api.embed import EmbedOptions, embed

        options = EmbedOptions(
            model=model,
            of=of,
            view=view,
            tag=tag,
            only_new=only_new,
            layout=layout,
            similarity=similarity,
            suspects=suspects,
            clusters=clusters,
            refit=refit,
            device=device,
            ray=ray,
            dry_run=dry_run,
        )
        with self._call(progress) as phase:
            return embed(self._config, self.name, options, report=lambda name, _done, _total: phase(name))

    def suspects(
        self,
        *,
        top: int = 50,
        model: str | None = None,
        of: str | None = None,
        output: str | Path | None = None,
        progress: Progress | None = None,
    ) -> SuspectList:
        """The labels that disagree most with what looks alike, judged as they are now; no label is changed.

        ``output`` is a page to write, with pictures. ``model`` and ``of`` are as the configuration has them.
        """
        from syncd.api import embedding_results

        with self._call(progress) as phase:
            found = embedding_results.suspects(self._config, self.name, model=model, of=of, top=top, phase=phase)
            if output is not None:
                embedding_results.write_list(self._config, found, output)
            return found

    def similar(
        self,
        asked: str | Path,
        *,
        top: int = 50,
        model: str | None = None,
        of: str | None = None,
        output: str | Path | None = None,
        progress: Progress | None = None,
    ) -> AlikeList:
        """What looks most like an annotation, a sample or a label (its id), or like an image file.

        Options as of :meth:`suspects`.
        """
        from syncd.api import embedding_results

        with self._call(progress) as phase:
            name = str(asked)
            found = embedding_results.similar(self._config, self.name, name, model=model, of=of, top=top, phase=phase)
            if output is not None:
                embedding_results.write_list(self._config, found, output)
            return found

    def wake(self) -> bool:
        """Has the daemon at ``daemon.http`` look at the binding now; whether one does."""
        return wake(self._config, self.name)
