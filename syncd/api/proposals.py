"""Terms that reviewers propose: made in the App, answered by a curator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from syncd.actor import person
from syncd.adapters.connect import open_database
from syncd.api.rows import Row, Rows, rows_of
from syncd.config import BindingConfig, Config
from syncd.engine.state import State, open_state
from syncd.errors import ConfigError
from syncd.store import proposals
from syncd.vocabulary.add import add_term, table_of_terms
from syncd.vocabulary.load import vocabulary_now
from syncd.vocabulary.schema import why_poison

LONGEST = 200
"""Characters of a term."""

LIST = "`syncd vocabulary proposals list` shows the open ones."


@dataclass(frozen=True)
class ProposalRow(Row):
    """A proposed term, and what became of it: ``open``, ``accepted`` or ``rejected``."""

    id: int
    binding: str
    term: str
    parent: str | None
    note: str | None
    actor: str
    status: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    answer: str | None


@dataclass(frozen=True)
class ProposalList(Rows[ProposalRow]):
    """Proposed terms, the oldest first."""

    def as_json(self) -> dict[str, Any]:
        """The document of ``syncd vocabulary proposals list``."""
        return {"proposals": [each.as_json() for each in self]}

    def _repr_html_(self) -> str:
        columns = ("id", "term", "below", "by", "proposed", "note", "status")
        cells = (
            (each.id, each.term, each.parent, each.actor, each.proposed_at, each.note, each.status) for each in self
        )
        return self._table("proposals", columns, cells)


def propose(config: Config, name: str, term: str, *, parent: str | None = None, note: str | None = None) -> ProposalRow:
    """Proposes a term, as the actor; one that is proposed already is that proposal.

    ``ConfigError`` for what is a term, or can be none, and where the binding has no vocabulary.
    """
    binding, term = config.binding(name), term.strip()
    why = _why_no_term(term)
    if why is not None:
        raise ConfigError(f"{term[:LONGEST]!r} cannot be a term: {why}.", remedy="Propose another one.")
    vocabulary = vocabulary_now(config, binding)
    if vocabulary is None:
        raise ConfigError(
            f"{name!r} has no vocabulary, so that any label may be given.", remedy="Give it: nobody need accept it."
        )
    meant = vocabulary.meant(term)
    if meant is not None:
        said = "is a term already" if meant == term else f"is an alias of {meant!r}"
        raise ConfigError(f"{term!r} {said}.", remedy=f"Relabel as {meant!r}.")
    if parent is not None and parent not in vocabulary.names:
        raise ConfigError(
            f"{parent!r}, under which it would stand, is no term.", remedy="Leave it out, or name a term."
        )
    with open_state(config) as state:
        at = datetime.now(timezone.utc)
        number = proposals.propose(
            state.connection, state.tables, binding.name, term, parent=parent, note=note, actor=person(), at=at
        )
        state.connection.commit()
        return _one(state, number)


def listed(config: Config, names: list[str], *, everything: bool = False) -> ProposalList:
    """The open proposals of these bindings, the oldest first; ``everything`` takes those that are answered too."""
    with open_state(config) as state:
        status = None if everything else proposals.OPEN
        found = proposals.query(state.connection, state.tables, bindings=names, status=status)
    return ProposalList(rows_of(ProposalRow, found), len(found))


def accept(
    config: Config, number: int, *, parent: str | None = None, note: str | None = None, only: str | None = None
) -> ProposalRow:
    """Accepts a proposal, as the actor: the term goes into the vocabulary's table, unless it is there by now.

    ``parent`` is the term under which it stands, instead of the one proposed. What waits with that label goes through
    in the next run. ``ConfigError`` where syncd does not write the vocabulary, and for what is no open proposal (of the
    binding ``only``).
    """
    with open_state(config) as state:
        found = _open_one(state, number, only)
        binding = config.binding(found.binding)
        _put(config, binding, found.term, parent if parent is not None else found.parent)
        return _decided(state, found, proposals.ACCEPTED, note)


def reject(config: Config, number: int, *, note: str | None = None, only: str | None = None) -> ProposalRow:
    """Rejects a proposal, as the actor; labels that have the term wait until somebody gives them another one."""
    with open_state(config) as state:
        return _decided(state, _open_one(state, number, only), proposals.REJECTED, note)


def _put(config: Config, binding: BindingConfig, term: str, parent: str | None) -> None:
    vocabulary = vocabulary_now(config, binding)
    if vocabulary is not None and term in vocabulary.names:
        return
    if parent is not None and vocabulary is not None and parent not in vocabulary.names:
        raise ConfigError(f"{parent!r}, under which it would stand, is no term.", remedy="Name one that is.")
    table_of_terms(binding, term)
    with open_database(config.database.url.get_secret_value()) as connection:
        try:
            add_term(binding, connection, term, parent)
            connection.commit()
        finally:
            connection.engine.dispose()


def _decided(state: State, found: ProposalRow, status: str, note: str | None) -> ProposalRow:
    at = datetime.now(timezone.utc)
    done = proposals.decide(state.connection, state.tables, found.id, status, actor=person(), answer=note, at=at)
    state.connection.commit()
    if not done:
        raise _not_open(_one(state, found.id))
    return _one(state, found.id)


def _open_one(state: State, number: int, only: str | None) -> ProposalRow:
    found = _one(state, number)
    if only is not None and found.binding != only:
        raise ConfigError(f"Proposal {number} is about {found.binding!r}.", remedy="Open that binding.")
    if found.status != proposals.OPEN:
        raise _not_open(found)
    return found


def _not_open(found: ProposalRow) -> ConfigError:
    return ConfigError(
        f"Proposal {found.id} ({found.term!r}) is not open any more: {found.decided_by} {found.status} it.", remedy=LIST
    )


def _one(state: State, number: int) -> ProposalRow:
    found = [] if abs(number) >= 2**63 else proposals.query(state.connection, state.tables, ids=[number], status=None)
    if not found:
        raise ConfigError(f"There is no proposal {number}.", remedy=LIST)
    return rows_of(ProposalRow, found)[0]


def _why_no_term(term: str) -> str | None:
    if not term:
        return "it is empty"
    if len(term) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    return why_poison(term)
