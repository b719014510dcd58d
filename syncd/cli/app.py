"""``syncd app``."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import Annotated
from urllib.parse import quote

import typer

from syncd.adapters.connect import fiftyone_database, open_database
from syncd.adapters.fiftyone.compat import DATASETS
from syncd.app import serve
from syncd.app.recorder import Recorder
from syncd.cli.common import ConfigOption, config_path, configuration, handled, out, print_note
from syncd.cli.render.values import escape
from syncd.config import Config
from syncd.config.nearest import did_you_mean
from syncd.errors import ConfigError, MappingError
from syncd.store.migrate import require_current


@handled
def app_command(
    target: Annotated[
        str | None,
        typer.Argument(
            help="What to open: a binding, or a dataset [dim](default: the only binding, if there is one)[/dim].",
            metavar="BINDING|DATASET",
            show_default=False,
        ),
    ] = None,
    actor: Annotated[
        str | None,
        typer.Option(
            "--as", help="Who you are, as the log names you [dim](default: $SYNCD_ACTOR)[/dim].", show_default=False
        ),
    ] = None,
    trust_proxy: Annotated[
        str | None,
        typer.Option(
            "--trust-proxy",
            help="The header in which an authenticating proxy names who is signed in, such as X-Forwarded-User.",
            metavar="HEADER",
            show_default=False,
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Everybody looks, and nobody changes anything.")
    ] = False,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port; 0 is any free one.")] = serve.PORT,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    config: ConfigOption = None,
) -> int:
    """Serve FiftyOne's App with syncd's plugin, so that what people do in it is logged under their names."""
    path, settings = config_path(config), configuration(config)
    dataset = _dataset(settings, target)
    name = _name(actor, trust_proxy)
    door = serve.door_of(settings, actor=name, header=trust_proxy, read_only=read_only)
    _check_servers(settings, dataset)
    listener = serve.listen(host, port)
    link = _link(host, listener.getsockname()[1], dataset)
    with serve.fiftyone_server(settings, path, name) as app:
        for note in _notes(name, trust_proxy, host, read_only=read_only):
            print_note(note)

        def started() -> None:
            _say(settings, link, trust_proxy, dataset)
            if open_:
                webbrowser.open(link)

        with fiftyone_database(settings) as database:
            serve.serve(app, door, listener, started, Recorder(settings, database))
    out.print("The App has ended.")
    sys.stdout.flush()
    # What FiftyOne would do at the exit is to wait, for half a minute, for servers that may have gone before it.
    os._exit(0)


def _dataset(config: Config, target: str | None) -> str | None:
    """The dataset that is meant; ``None`` where none is named and there are several."""
    datasets = list(dict.fromkeys(each.dataset for each in config.bindings))
    if target is None:
        return datasets[0] if len(datasets) == 1 else None
    for each in config.bindings:
        if target == each.name:
            return each.dataset
    if target in datasets:
        return target
    names = [each.name for each in config.bindings] + datasets
    remedy = did_you_mean(target, names) or f"the configuration has: {', '.join(dict.fromkeys(names))}"
    raise ConfigError(f"There is no binding {target!r}, nor a dataset of one.", remedy=remedy)


def _name(actor: str | None, header: str | None) -> str | None:
    """Who acts where no proxy says it."""
    if header is not None:
        if actor is not None:
            raise ConfigError(
                "--as and --trust-proxy contradict each other: behind a proxy everybody has a name of their own.",
                remedy="Leave one of them out.",
            )
        if not serve.is_header(header):
            raise ConfigError(f"{header!r} is no name of a header.", remedy="Give one such as X-Forwarded-User.")
        return None
    name = (os.environ.get("SYNCD_ACTOR", "") if actor is None else actor).strip()
    if actor is not None and not name:
        raise ConfigError("--as is empty.", remedy="Give your name: --as ada")
    return name or None


def _check_servers(config: Config, dataset: str | None) -> None:
    """What the App needs before it starts: syncd's own tables, FiftyOne's database, and the dataset in it."""
    with open_database(config.state_url.get_secret_value()) as connection:
        require_current(connection, config.state.schema_name)
    with fiftyone_database(config) as database:
        if dataset is None or database[DATASETS].find_one({"name": dataset}, {"_id": 1}):
            return
        names = [each["name"] for each in database[DATASETS].find({}, {"name": 1}) if "name" in each]
    binding = next(each.name for each in config.bindings if each.dataset == dataset)
    hint = did_you_mean(dataset, names) or f"syncd ingest {binding} makes it."
    raise MappingError(f"FiftyOne has no dataset {dataset!r}.", remedy=hint)


def _link(host: str, port: int, dataset: str | None) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}{_page(dataset)}"


def _page(dataset: str | None) -> str:
    return f"/datasets/{quote(dataset, safe='')}" if dataset else "/"


def _notes(name: str | None, header: str | None, host: str, *, read_only: bool) -> list[str]:
    notes = []
    if header is None and name is None and not read_only:
        notes.append("nobody is named, so forms ask who decides, and edits by hand have no author: --as NAME says it.")
    if header is None and not serve.is_loopback(host) and not read_only:
        notes.append(
            f"whoever reaches {host} acts as {name or 'they please'}, without signing in: put a proxy in front "
            "(--trust-proxy; docs/app-serving.md), or keep to this machine."
        )
    return notes


def _say(config: Config, link: str, header: str | None, dataset: str | None) -> None:
    if header is None:
        out.print(f"FiftyOne's App is on [bold]{escape(link)}[/bold]", soft_wrap=True)
    else:
        outside = config.fiftyone.app_url
        out.print(f"FiftyOne's App waits for its proxy on {escape(link)}", soft_wrap=True)
        if outside:
            out.print(f"People open [bold]{escape(outside.rstrip('/') + _page(dataset))}[/bold]", soft_wrap=True)
    out.print("[dim]Ctrl-C ends it.[/dim]")
    sys.stdout.flush()
