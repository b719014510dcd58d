"""What reviewers and curators do with a binding besides relabelling: approve, flag, send back, propose terms.

The methods are those of :class:`syncd.api.binding.Binding`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.api import actions
from syncd.api.calls import Calls
from syncd.api.labels import chosen
from syncd.api.progress import Counting, Progress
from syncd.api.wake import wake
from syncd.engine.session import Session, open_session
from syncd.errors import Busy
from syncd.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from syncd.api.proposals import ProposalList, ProposalRow
    from syncd.api.review import Reviewed
    from syncd.api.terms import PushedVocabulary, VocabularyCheck


class Curation(Calls):
    """Methods of a binding for whoever reviews and curates it."""

    def approve(
        self,
        *,
        annotation_ids: Collection[str] | None = None,
        label_ids: Collection[str] | None = None,
        view: Any = None,
        note: str | None = None,
        progress: Progress | Counting | None = None,
    ) -> Reviewed:
        """Approves labels, as the actor: an edit of them that waits goes through, and ``verified`` is set.

        Which labels: as of :meth:`relabel`. What goes through is carried at once, whatever the quiet period; where
        another run is at the binding, by the next one.
        """
        from syncd.api.review import approve

        return self._said(approve, annotation_ids, label_ids, view, note, progress)

    def flag(
        self,
        *,
        annotation_ids: Collection[str] | None = None,
        label_ids: Collection[str] | None = None,
        view: Any = None,
        note: str | None = None,
        progress: Progress | Counting | None = None,
    ) -> Reviewed:
        """Flags labels as wrong, for a person to look at, as the actor; changes no label."""
        from syncd.api.review import flag

        return self._said(flag, annotation_ids, label_ids, view, note, progress)

    def send_back(
        self,
        *,
        annotation_ids: Collection[str] | None = None,
        label_ids: Collection[str] | None = None,
        view: Any = None,
        note: str | None = None,
        force: bool = False,
        progress: Progress | Counting | None = None,
    ) -> Reviewed:
        """Gives labels back what was agreed, as the actor: refuses edits that wait, and takes flags off.

        ``force`` releases the brakes, once.
        """
        from syncd.api.review import send_back

        def back(session: Session, **given: Any) -> Reviewed:
            return send_back(session, force=force, **given)

        return self._said(back, annotation_ids, label_ids, view, note, progress)

    def _said(
        self,
        say: Callable[..., Reviewed],
        annotation_ids: Collection[str] | None,
        label_ids: Collection[str] | None,
        view: Any,
        note: str | None,
        progress: Progress | Counting | None,
    ) -> Reviewed:
        with self._call(progress) as phase:
            with open_session(self._config, self._settings.name) as session:
                which = chosen(session, self._settings, annotation_ids, label_ids, view)
                done = say(session, **which, note=note, progress=phase)
            if done.result is None or done.result.held is not None:
                return done
            return self._carried(done, phase)

    def _carried(self, done: Reviewed, phase: actions.Phase) -> Reviewed:
        """What was said, with the run that hears it.

        It takes no other edits along, which may be young. Where edits wait for review none goes along that nobody
        approved, and a tag that a run is limited to would count as an approval.
        """
        review = self._settings.review
        tags = (done.tag,) if done.tag is not None else (*review.error, *review.approve)
        limited = review.mode != "tagged" or done.tag in review.approve
        try:
            heard = next(iter(tags), None) if limited else None
            run = actions.reconcile(self._config, self._settings.name, tag=heard, phase=phase)
        except Busy:
            wake(self._config, self._settings.name)
            return done
        return replace(done, carried=run)

    def vocabulary(self) -> Vocabulary | None:
        """The terms that a label may be, as they are now; ``None`` where any label may be given."""
        from syncd.vocabulary.load import vocabulary_now

        with self._call():
            return vocabulary_now(self._config, self._settings)

    def check_vocabulary(
        self,
        *,
        fix: str | Path | None = None,
        force: bool = False,
        progress: Progress | Counting | None = None,
    ) -> VocabularyCheck:
        """Which labels in use, on either side, are not in the vocabulary; changes neither side.

        ``fix`` is a file: for a plan of the corrections that are certain, which ``apply`` takes. ``force`` lets that
        plan pass the brakes. ``ConfigError`` where the binding has no vocabulary.
        """
        from syncd.api.terms import check

        with self._call(progress) as phase:
            return check(self._config, self.name, None if fix is None else Path(fix), force=force, phase=phase)

    def push_vocabulary(self, *, progress: Progress | Counting | None = None) -> PushedVocabulary:
        """Has FiftyOne's annotation offer these terms, and no others."""
        from syncd.api.terms import push

        with self._call(progress) as phase:
            return push(self._config, self.name, phase=phase)

    def propose(self, term: str, *, parent: str | None = None, note: str | None = None) -> ProposalRow:
        """Proposes a term that the vocabulary does not have, as the actor, for a curator to answer."""
        from syncd.api.proposals import propose

        with self._call():
            return propose(self._config, self._settings.name, term, parent=parent, note=note)

    def proposals(self, *, answered: bool = False) -> ProposalList:
        """The proposed terms that nobody has answered, the oldest first; ``answered``: the others too."""
        from syncd.api.proposals import listed

        with self._call():
            return listed(self._config, [self._settings.name], everything=answered)

    def accept_proposal(self, number: int, *, parent: str | None = None, note: str | None = None) -> ProposalRow:
        """Accepts a proposal, as the actor: the term goes into the vocabulary's table, and the next run takes labels.

        ``ConfigError`` where the vocabulary is no table, unless the term was added to it by hand.
        """
        from syncd.api.proposals import accept

        with self._call():
            done = accept(self._config, number, parent=parent, note=note, only=self._settings.name)
        wake(self._config, self._settings.name)
        return done

    def reject_proposal(self, number: int, *, note: str | None = None) -> ProposalRow:
        """Rejects a proposal, as the actor."""
        from syncd.api.proposals import reject

        with self._call():
            return reject(self._config, number, note=note, only=self._settings.name)

    def pictures(self, labels: Collection[tuple[str, str | None, Sequence[float] | None]]) -> list[str | None]:
        """Small pictures of labels with their boxes, as addresses that need no network; ``None`` where none can be had.

        Each label is given by its sample, its own id, and the box to show where the label is gone.
        """
        from syncd.report.pictures import PlacedLabel, of_labels

        wanted = [PlacedLabel(sample, label, None if box is None else tuple(box)) for sample, label, box in labels]
        with self._call():
            found = of_labels(self._config, self._settings.name, wanted) if wanted else {}
        return [found.get(each) for each in wanted]
