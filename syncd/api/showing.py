"""What FiftyOne shows of a binding besides its labels: saved views, evaluations of predictions, suspect labels.

The methods are those of :class:`syncd.api.binding.Binding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.api.calls import Calls

if TYPE_CHECKING:
    from syncd.api.embedding_results import StoredSuspects
    from syncd.api.evaluations import EvaluationState
    from syncd.api.views import KeptView


class Showing(Calls):
    """Methods of a binding about what FiftyOne shows of it."""

    def kept_views(self) -> list[KeptView]:
        """The saved views that syncd keeps, with the labels that each shows now; nothing is written."""
        from syncd.api.views import kept_views

        with self._call():
            return kept_views(self._config, self._settings.name)

    def save_views_again(self) -> tuple[str, ...]:
        """Brings saved views that were set up in the App up to date; the names of those that changed. Makes none."""
        from syncd.api.views import save_views_again

        with self._call():
            return save_views_again(self._config, self._settings.name)

    def address_workspace(self, workspace: str) -> str:
        """Gives a saved workspace of the dataset an address that no other dataset's has; what a link names it by."""
        from syncd.api.views import address_workspace

        with self._call():
            return address_workspace(self._config, self._settings.name, workspace)

    def evaluations(self, *, mark: bool = False) -> tuple[EvaluationState, ...]:
        """The evaluations against the binding's labels, and how many labels changed since each was made.

        ``mark``: the App shows a note beside each that is stale.
        """
        from syncd.api.evaluations import evaluations

        with self._call():
            return evaluations(self._config, self._settings.name, mark=mark)

    def stored_suspects(self, *, model: str | None = None, limit: int = 50, offset: int = 0) -> StoredSuspects:
        """The suspect labels as they were judged last, the most suspect first; nothing is judged anew.

        One that bears by now what its neighbours say is left out. ``model`` is as the configuration has it.
        """
        from syncd.api.embedding_results import stored_suspects

        with self._call():
            return stored_suspects(self._config, self._settings.name, model=model, limit=limit, offset=offset)
