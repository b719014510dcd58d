"""Power cuts: from one moment on nothing of syncd's reaches a server, as when its process is killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.engine.session import Session
from syncd.engine.steps import Step, observed


class PowerCut(BaseException):
    """The process is gone. No handler of syncd's may swallow it, nor write anything after it."""


class Cut:
    """Cuts the power at a step, or whenever an adapter raises :class:`PowerCut` itself."""

    def __init__(self, at: Step | None) -> None:
        self.at = at
        self.is_dead = False

    def step(self, step: Step) -> None:
        """To be told of every step."""
        if step is self.at:
            self.strike()

    def strike(self) -> None:
        """The power goes."""
        self.is_dead = True
        raise PowerCut

    def statement(self, *_: Any) -> None:
        """To be told before every statement: a dead process sends none."""
        if self.is_dead:
            raise PowerCut


@contextmanager
def power_cut(session: Session, at: Step | None) -> Iterator[Cut]:
    """Within the context the power may be cut; afterwards transactions are gone, as after a lost connection."""
    cut = Cut(at)
    connections: list[Connection] = [session.writing] if session.one_transaction else [session.writing, session.state]
    engines = {id(each.engine): each.engine for each in connections}.values()
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", cut.statement)
        sa.event.listen(engine, "commit", cut.statement)
    try:
        with observed(cut.step):
            yield cut
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", cut.statement)
            sa.event.remove(engine, "commit", cut.statement)
        for connection in connections:
            connection.rollback()  # of a lost connection: its own marks only
