"""Makes the evaluations of predictions again, against the labels as they are now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncd.app.plugin import background
from syncd.app.plugin.answers import INFO, WARNING, Reply
from syncd.app.plugin.asked import check_may_write
from syncd.app.plugin.operator import Act, Form, Work, plural, wants_thread, writing


class Evaluate(Act):
    """Evaluates the binding's predictions again."""

    word, title, icon = "evaluate", "evaluate predictions again", "fact_check"
    delegable = True
    about = "Compares the predictions with the labels as they are now; stale evaluations are replaced"

    def ask(self, form: Form) -> None:
        """Which are stale, and whether it goes on in the background."""
        if (found := form.binding()) is None:
            return
        check_may_write(form.ctx)
        work = Work(found[0], found[1], None)
        states = work.opened().evaluations()
        stale = [each for each in states if each.is_stale]
        for each in stale:
            form.notice(
                each.key, f"{each.key}: {plural(each.changed, 'label')} changed since it was made.", warning=True
            )
        if states and not stale:
            form.notice("fresh", "No label has changed since they were made.")
        form.inputs.bool("background", label="In the background", default=False)
        form.submit = "Evaluate again"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Evaluates, at once or in the background."""
        work = writing(ctx, params, named=False)

        def run(progress: Callable[[str, float], None]) -> Reply:
            return _evaluated(work, progress)

        if not wants_thread(ctx, params):
            return run(lambda phase, part: ctx.set_progress(part, phase))
        name = work.binding.name
        if not background.start(name, run):
            return Reply(f"A run of {name!r} is at work in the background already.", {"binding": name}, WARNING)
        return Reply("Evaluating in the background: the syncd panel shows how far it is.", {"binding": name}, INFO)


def _evaluated(work: Work, progress: Callable[[str, float], None]) -> Reply:
    done = work.opened().evaluate(progress=progress)
    said = "; ".join(f"{each.field} agrees with {each.accuracy:.1%} of the labels" for each in done.evaluations)
    said = ". ".join(filter(None, (said, *done.notes)))
    # The App shows the fields that an evaluation writes after a reload alone.
    touched = frozenset[str]() if done.evaluations else None
    return Reply(f"{said}.", {"binding": work.binding.name} | done.as_json(), INFO, touched)
