"""The vocabulary of a binding: what is in use beside it, a plan that corrects it, and what FiftyOne offers of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from syncd.api.actions import Phase
from syncd.config import Config
from syncd.engine import plan_file
from syncd.engine.session import open_session
from syncd.engine.vocabulary_fix import Fix, fix_plan
from syncd.model import Json
from syncd.model.run import RunMode
from syncd.vocabulary.check import Checked, check_vocabulary, required
from syncd.vocabulary.load import loaded_now
from syncd.vocabulary.push import Pushed, push_vocabulary


@dataclass(frozen=True)
class VocabularyCheck:
    """Labels in use that are not in the vocabulary (``found``), and, where it was asked for, how to correct them.

    ``plan`` is the file that the plan was saved to, for ``apply``; ``None`` where nothing can be corrected for certain.
    """

    found: Checked
    fix: Fix | None = None
    plan: Path | None = None

    @property
    def exit_code(self) -> int:
        """That of the command: 3 where a label is not in the vocabulary, or this has faults."""
        return self.found.exit_code

    def as_json(self) -> dict[str, Json]:
        """The document of ``syncd vocabulary check --json``."""
        document = self.found.as_json()
        if self.fix is not None:
            document["fix"] = {
                "plan": None if self.plan is None else str(self.plan),
                "changes": len(self.fix.plan.changes),
                "left": {**self.fix.left},
            }
        return document


@dataclass(frozen=True)
class PushedVocabulary:
    """What FiftyOne's annotation offers now. ``labels`` is how many the vocabulary has; ``notes`` are sentences."""

    binding: str
    pushed: Pushed
    labels: int
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """The document of ``syncd vocabulary push --json``."""
        return {"binding": self.binding, **self.pushed.as_json(), "notes": list(self.notes)}


def check(config: Config, name: str, fix: Path | None, *, force: bool, phase: Phase) -> VocabularyCheck:
    """Counts the labels in use on both sides; saves the plan that corrects what is certain to ``fix``, if that is."""
    phase("counting labels")
    found = check_vocabulary(config, name)
    if fix is None:
        return VocabularyCheck(found)
    phase("looking up what can be corrected")
    with open_session(config, found.binding, migrated=False) as session:
        made = fix_plan(session, found.meant)
    if made.plan.is_empty:
        return VocabularyCheck(found, made)
    plan_file.save(fix, [made.plan], forced=force, command=RunMode.MADE)
    return VocabularyCheck(found, made, fix)


def push(config: Config, name: str, *, phase: Phase) -> PushedVocabulary:
    """Writes the vocabulary to the dataset, as the label schema of the field."""
    binding = config.binding(name)
    phase("reading the vocabulary")
    loaded = required(binding, loaded_now(config, binding))
    phase("writing the label schema")
    pushed = push_vocabulary(config, binding, loaded.vocabulary)
    return PushedVocabulary(binding.name, pushed, len(loaded.vocabulary.names), loaded.notes)
