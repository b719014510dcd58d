"""``syncd plugin``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.app.plugin.enterprise import upload
from syncd.app.plugin_check import check, plugins_folder
from syncd.app.plugin_folder import NAME, install, remove, write_zip
from syncd.cli.common import DONE, FAILED, JsonOption, err, handled, out, print_json
from syncd.cli.render.values import escape
from syncd.errors import SetupError
from syncd.files import whole_file

app = typer.Typer(help="syncd's plugin in FiftyOne's App.", no_args_is_help=True, rich_markup_mode="rich")

VARIABLES = (
    ("SYNCD_CONFIG", "the configuration: its path, or its text"),
    ("SYNCD_ACTOR", "who acts in this App"),
    ("FIFTYONE_PLUGINS_CACHE_ENABLED=true", "or FiftyOne imports every plugin anew with each request"),
)


@app.command("install", epilog="Example: syncd plugin install")
@handled
def install_command(
    copy: Annotated[bool, typer.Option("--copy", help="A copy, not a link: to be renewed with each upgrade.")] = False,
    json: JsonOption = False,
) -> None:
    """Put the plugin where FiftyOne finds it, for an App that is started without `syncd app`."""
    done = install(plugins_folder(), copy=copy)
    if json:
        print_json({"plugin": NAME, "place": str(done.place), "how": done.how, "before": done.before})
        return
    if done.before:
        out.print(f"{NAME} is installed already: {escape(str(done.place))}", soft_wrap=True)
    else:
        out.print(f"Installed {NAME} as a {done.how}: {escape(str(done.place))}", soft_wrap=True)
    out.print("\n`syncd app` sets what it needs. An App that is started otherwise has to have in its environment:")
    for name, what in VARIABLES:
        out.print(f"  {name:36}{what}", markup=False)


@app.command("check", epilog="Example: syncd plugin check")
@handled
def check_command(json: JsonOption = False) -> int:
    """Check that FiftyOne finds the plugin and gets from it all that it declares. Exits 0 or 1."""
    found = check(plugins_folder())
    good = all(each.ok for each in found)
    if json:
        print_json({"plugin": NAME, "ok": good, "checks": [each.as_json() for each in found]})
        return DONE if good else FAILED
    for each in found:
        mark = "[green]ok[/green]    " if each.ok else "[bold red]failed[/bold red]"
        out.print(f"{mark}  {each.name:11} {escape(each.said)}", soft_wrap=True)
        if each.remedy:
            out.print(f"        [cyan]→[/cyan] {escape(each.remedy)}", soft_wrap=True)
    return DONE if good else FAILED


@app.command("remove", epilog="Example: syncd plugin remove")
@handled
def remove_command(json: JsonOption = False) -> None:
    """Take the plugin out of FiftyOne's folder of plugins again."""
    removed = remove(plugins_folder())
    if json:
        print_json({"plugin": NAME, "removed": [str(each) for each in removed]})
        return
    for each in removed:
        out.print(f"Removed {escape(str(each))}", soft_wrap=True)
    if not removed:
        out.print(f"{NAME} is not installed.")


@app.command("zip", epilog="Example: syncd plugin zip -o syncd-plugin.zip")
@handled
def zip_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write it.")] = Path("syncd-plugin.zip"),
    uploaded: Annotated[bool, typer.Option("--upload", help="Then upload it, by Enterprise's SDK.")] = False,
    json: JsonOption = False,
) -> None:
    """Write the plugin as an archive, to be uploaded to FiftyOne Enterprise."""
    try:
        with whole_file(output) as file:
            names = write_zip(file)
    except OSError as error:
        raise SetupError(
            f"{output} cannot be written: {error.strerror or error}.", remedy="Name another place with --output."
        ) from error
    if uploaded:
        upload(output)
    if json:
        print_json({"plugin": NAME, "file": str(output), "contents": names, "uploaded": uploaded})
        return
    also = ", and uploaded it" if uploaded else ""
    out.print(f"Wrote {escape(str(output))} ({len(names)} files){also}.", soft_wrap=True)
    err.print("[dim]Its image needs syncd and psycopg2 as well: docs/app-serving.md, Enterprise.[/dim]")
