"""``syncd demo``: the whole story on embedded servers, from two separate sides to agreement."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer
from rich.rule import Rule

from syncd.actor import person
from syncd.api import actions, queries
from syncd.app.serve import PORT
from syncd.cli.common import FAILED, err, handled, out
from syncd.cli.log import show_log
from syncd.cli.render.conflicts import show_conflicts
from syncd.cli.render.plan import show_plan
from syncd.cli.render.result import show_result
from syncd.cli.render.values import escape, plural
from syncd.cli.verify import show_verdict
from syncd.demo.data import notice
from syncd.demo.lab import BINDING
from syncd.demo.review import play_review
from syncd.demo.stage import DATASET, SEED, Stage, gather, stage
from syncd.embedded import ensure_mongod
from syncd.engine.verify import Verdict


@handled
def demo(
    pack: Annotated[
        Path | None,
        typer.Option(
            "--pack",
            help="A folder with annotations.csv and images, instead of generated ones.",
            metavar="DIR",
        ),
    ] = None,
    size: Annotated[int, typer.Option("--size", help="How many images to generate.")] = 150,
    app: Annotated[bool, typer.Option("--app", help="Open the FiftyOne App on it, until Ctrl-C.")] = False,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the servers running until Ctrl-C, to try more.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            help="Where to put it all [dim](default: a temporary folder)[/dim].",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Watch a dataset and a table, edited on both sides, come into agreement."""
    with _folder(folder) as place:
        err.print("[dim]Preparing images, PostgreSQL and MongoDB …[/dim]")
        data = gather(place, pack, size)
        if note := ensure_mongod().note:
            err.print(f"[dim]{escape(note)}[/dim]", soft_wrap=True)
        with stage(place, data) as scene:
            verdict = _play(scene)
            if app or stay:
                _wait(scene, app=app)
            else:
                _farewell()
    return FAILED if verdict.unexplained else 0


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as temporary:
        yield Path(temporary)


def _heading(number: int, text: str) -> None:
    out.print()
    out.print(Rule(f"[bold]{number}. {escape(text)}[/bold]", align="left", style="dim"), width=min(out.width, 100))


def _play(scene: Stage) -> Verdict:
    data = scene.data
    _heading(1, "Two sides that know nothing of each other")
    out.print(f"{plural(len(data.rows), 'annotation')} on {plural(len(data.images), 'image')}, in the lab's own table")
    out.print(f"public.annotation and, as Detections with the same ids, in the FiftyOne dataset {DATASET!r}.")
    out.print(f"[yellow]{escape(notice(data))}[/yellow]")

    _heading(2, "They meet: what is equal on both sides becomes the baseline")
    show_result(out, actions.reconcile(scene.config, BINDING))

    _heading(3, "A review: people edit both sides")
    for step in play_review(DATASET, scene.url, data, SEED):
        colour = "cyan" if step.side == "fiftyone" else "magenta"
        name = "FiftyOne" if step.side == "fiftyone" else "database"
        out.print(f"  [{colour}]{name:8}[/{colour}]  {escape(step.sentence)}")

    _heading(4, "syncd reconcile --dry-run: what it would do, and why")
    planned = actions.plan(scene.config, BINDING)
    if planned.plan is not None:
        show_plan(out, planned.plan)

    _heading(5, "syncd reconcile")
    done = actions.reconcile(scene.config, BINDING)
    show_result(out, done)

    _heading(6, "syncd log: each change once, with its reason")
    show_log(out, queries.log(scene.config, [BINDING], queries.LogFilter(run=done.run_id)))
    _heading(7, "syncd conflicts list: what nobody but a person should decide")
    show_conflicts(out, queries.conflicts(scene.config, [BINDING]), datetime.now(timezone.utc))
    _heading(8, "syncd verify: both sides read whole and compared")
    verdict = actions.verify(scene.config, BINDING)
    show_verdict(out, verdict)

    _heading(9, "Once more: nothing is left to do")
    show_result(out, actions.reconcile(scene.config, BINDING, full=True))
    return verdict


def _farewell() -> None:
    """What to try next."""
    _heading(10, "What to try next")
    for command, what in (
        ("syncd demo --stay", "the same, and the servers stay up for commands of your own"),
        ("syncd demo --app", "the same, in the FiftyOne App: edit a label, then reconcile"),
        ("syncd demo --pack DIR", "with your own images and an annotations.csv"),
        ("syncd init", "a configuration for your own dataset and table"),
    ):
        out.print(f"  [bold]{command:22}[/bold] {what}")


def _wait(scene: Stage, *, app: bool) -> None:
    """Keeps the servers up until Ctrl-C; that is the way out here, not an error."""
    _heading(10, "Your turn")
    out.print("In another terminal:", end="\n\n")
    out.print(f"  export SYNCD_CONFIG={scene.config_file}", soft_wrap=True, markup=False)
    for command in ("syncd status", "syncd conflicts show 1", f"syncd reconcile {BINDING} --dry-run", "syncd doctor"):
        out.print(f"  {command}", markup=False)
    out.print(
        f"\n  psql {scene.config.database.url.get_secret_value().replace('+psycopg2', '')!r}",
        soft_wrap=True,
        markup=False,
    )
    try:
        with _app(scene) if app else nullcontext():
            out.print("\n[dim]Ctrl-C ends the demo.[/dim]")
            while True:
                # An untimed wait would not notice a signal that the kernel hands to another thread (Arrow starts some).
                time.sleep(0.5)
    except KeyboardInterrupt:
        out.print()


@contextmanager
def _app(scene: Stage) -> Iterator[None]:
    """``syncd app`` in a process of its own, which gets the same Ctrl-C and is gone before the servers are."""
    command = [sys.executable, "-c", "from syncd.cli.main import main; main()"]
    arguments = ["app", BINDING, "--as", person(), "--port", str(_free_port()), "-c", str(scene.config_file)]
    process = subprocess.Popen([*command, *arguments])
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def _free_port() -> int:
    """FiftyOne's own port, or any free one where that is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return 0
    return PORT
