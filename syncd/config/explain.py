"""Explains Pydantic's errors in syncd's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from syncd.config.document import Document
from syncd.config.faults import Path, Problem
from syncd.config.kinds import EXPECTED
from syncd.config.nearest import did_you_mean
from syncd.config.shape import Location, expected_at, homes_of_key, known_keys, path_of
from syncd.config.store import section_model

Error = Mapping[str, Any]


def explain(error: ValidationError, model: type[BaseModel], document: Document) -> list[Problem]:
    """Each error of a failed validation as a problem, without the words or the input of pydantic."""
    explainer = _Explainer(model, document)
    return [explainer.problem(detail) for detail in error.errors(include_url=False, include_input=False)]


@dataclass(frozen=True)
class _Explainer:
    model: type[BaseModel]
    document: Document

    def problem(self, detail: Error) -> Problem:
        kind = detail["type"]
        location: Location = detail["loc"]
        path = path_of(location)
        if kind == EXPECTED:
            found = "this key" if location[-1:] == ("[key]",) else self.document.show(path)
            return Problem(path, found, detail["ctx"]["what"], detail["ctx"].get("hint"))
        if kind == "extra_forbidden":
            return self._unknown_key(location)
        if kind == "literal_error":
            return self._choice(path, detail["ctx"]["expected"])
        if kind == "invalid_key":
            return Problem(path, "a key that is not text", "text as the key", "put it in quotes")
        hint = "write [one] or [one, two]" if kind in ("tuple_type", "list_type") else None
        return Problem(path, self.document.show(path), expected_at(*self._within(location)), hint)

    def _within(self, location: Location) -> tuple[type[BaseModel], Location]:
        """The model in which a place lies, and where: of a store, the section is its adapter's own."""
        if location[:1] == ("bindings",) and location[2:3] == ("store",):
            section = section_model(self.document.at(path_of(location[:3])))
            if section is not None:
                return section, location[3:]
        return self.model, location

    def _unknown_key(self, location: Location) -> Problem:
        key = str(location[-1])
        model, place = self._within(location)
        known = list(known_keys(model, place[:-1]))
        hint = did_you_mean(key, known)
        homes = homes_of_key(self.model, key) if model is self.model else set()
        if len(homes) == 1:
            home = homes.pop()
            hint = f"{key} belongs under {home}" if home else f"{key} belongs at the top of the file"
        return Problem(path_of(location), "an unknown key", f"one of {', '.join(known)}", hint)

    def _choice(self, path: Path, expected: str) -> Problem:
        choices = expected.replace("'", "")  # pydantic says: 'a', 'b' or 'c'
        value = self.document.at(path)
        hint = None
        if isinstance(value, str) and path not in self.document.sources:
            hint = did_you_mean(value, choices.replace(" or ", ", ").split(", "))
        return Problem(path, self.document.show(path), choices, hint)
