"""What is asked about a binding without changing anything: how it stands, its conflicts, its log, a report.

The methods are those of :class:`syncd.api.binding.Binding`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from syncd.api import actions, queries
from syncd.api.actions import MadeReport
from syncd.api.calls import Calls
from syncd.api.progress import Counting, Progress
from syncd.api.rows import ChangeLog, ConflictList, WaitingList
from syncd.api.status import status as statuses
from syncd.engine.status import BindingStatus
from syncd.engine.verify import Verdict
from syncd.model import Direction
from syncd.store.held import HeldPlan

if TYPE_CHECKING:
    from syncd.api.why import Why


class Inspection(Calls):
    """Methods of a binding for whoever wants to know."""

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

    def verify(self, *, progress: Progress | Counting | None = None) -> Verdict:
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
        progress: Progress | Counting | None = None,
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

    def held(self) -> HeldPlan | None:
        """The plan that a brake holds, if one does."""
        with self._call():
            return queries.held(self._config, self.name)
