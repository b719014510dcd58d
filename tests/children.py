"""Runs of syncd in processes of their own, to be killed or to be in the way.

A fork server imports syncd once; every child is a fork of it that has opened nothing yet.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["syncd.engine.run", "syncd.daemon.daemon", "children", "daemons"])

PATIENCE_S = 60


def die_at(document: Mapping[str, Any], binding: str, step: str, slice_size: int, options: Mapping[str, Any]) -> None:
    """Reconciles and kills itself, as ``kill -9`` would, at the first time the step is reached."""
    from syncd.config import parse_config
    from syncd.engine import apply
    from syncd.engine.options import Options
    from syncd.engine.run import reconcile_binding
    from syncd.engine.steps import observed

    apply.SLICE = slice_size
    with observed(lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached.value == step else None):
        reconcile_binding(parse_config(dict(document)), binding, Options(**options))


def kill_at(
    document: Mapping[str, Any], binding: str, step: str, *, slice_size: int = 1_000, **options: Any
) -> int | None:
    """The exit code of a child that died at the step: -9 where it did, 0 where it never reached it."""
    child = context.Process(target=die_at, args=(document, binding, step, slice_size, options), daemon=True)
    child.start()
    child.join(PATIENCE_S)
    assert not child.is_alive(), "the child hangs"
    return child.exitcode


def suspend_at(document: Mapping[str, Any], binding: str, step: str, seconds: int) -> None:
    """Reconciles and suspends itself, as Ctrl-Z would, at the first time the step is reached.

    The server puts up with that for so many seconds.
    """
    from functools import partial

    from syncd.adapters.sql.limits import Limits
    from syncd.config import parse_config
    from syncd.engine import run as by_name
    from syncd.engine.options import Options
    from syncd.engine.steps import observed

    limits = Limits(transaction_s=seconds)
    by_name.open_session = partial(by_name.open_session, limits=limits)  # type: ignore[assignment]
    with observed(lambda reached: os.kill(os.getpid(), signal.SIGSTOP) if reached.value == step else None):
        by_name.reconcile_binding(parse_config(dict(document)), binding, Options())


def _state(pid: int | None) -> str:
    """The letter by which Linux tells what a process does; T where it is suspended."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else ""


@contextmanager
def suspended_at(document: Mapping[str, Any], binding: str, step: str, *, seconds: int) -> Iterator[Any]:
    """A child that is suspended at the step; it is woken when the context ends, and has to end by itself."""
    child = context.Process(target=suspend_at, args=(document, binding, step, seconds), daemon=True)
    child.start()
    deadline = time.monotonic() + PATIENCE_S
    while _state(child.pid) != "T":
        assert child.is_alive() and time.monotonic() < deadline, "the child never came to the step"
        time.sleep(0.05)
    try:
        yield child
    finally:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGCONT)
        child.join(PATIENCE_S)
    assert not child.is_alive(), "the child hangs"


def stop_at(document: Mapping[str, Any], binding: str, step: str, line: Connection) -> None:
    """Reconciles; says when the step is reached, and waits there until it is told to go on."""
    from syncd.config import parse_config
    from syncd.engine.options import Options
    from syncd.engine.run import reconcile_binding
    from syncd.engine.steps import observed

    def wait(reached: Any) -> None:
        if reached.value == step:
            line.send("there")
            line.poll(PATIENCE_S)

    with observed(wait):
        reconcile_binding(parse_config(dict(document)), binding, Options())


@contextmanager
def held_at(document: Mapping[str, Any], binding: str, step: str) -> Iterator[Any]:
    """A child whose run stands at the step; it goes on when the context ends, if it is still alive."""
    ours, theirs = context.Pipe()
    child = context.Process(target=stop_at, args=(document, binding, step, theirs), daemon=True)
    child.start()
    theirs.close()
    assert ours.poll(PATIENCE_S), "the child never came to the step"
    assert ours.recv() == "there"
    try:
        yield child
    finally:
        if child.is_alive():
            ours.send("go on")
        child.join(PATIENCE_S)
        ours.close()
    assert not child.is_alive(), "the child hangs"


def keep_reconciling(document: Mapping[str, Any], binding: str, line: Connection) -> None:
    """Run after run, every fourth of them complete, until told to stop; then says how many there were: one at least."""
    from syncd.config import parse_config
    from syncd.engine.options import Options
    from syncd.engine.run import reconcile_binding

    config, runs = parse_config(dict(document)), 0
    while not runs or not line.poll():
        reconcile_binding(config, binding, Options(full=runs % 4 == 3))
        runs += 1
    line.send(runs)


@contextmanager
def reconciling(document: Mapping[str, Any], binding: str, runs: list[int]) -> Iterator[None]:
    """A child that reconciles in a tight loop for the length of the block; ``runs`` then holds how often it did."""
    ours, theirs = context.Pipe()
    child = context.Process(target=keep_reconciling, args=(document, binding, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        yield
        ours.send("stop")
        assert ours.poll(PATIENCE_S), "the child never came to an end"
        runs.append(ours.recv())
    finally:
        child.kill()
        child.join(PATIENCE_S)
        ours.close()
