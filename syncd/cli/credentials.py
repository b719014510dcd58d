"""``syncd credentials``."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated

import typer

from syncd.api.installation import credentials_policy, issue_credentials, policy_of_bucket
from syncd.cli.common import ConfigOption, JsonOption, configuration, err, handled, out, print_json
from syncd.cli.render.values import escape, when
from syncd.config import Config, format_duration, parse_duration
from syncd.config.kinds import s3_place
from syncd.config.load import NoConfig
from syncd.credentials.renew import Renewal
from syncd.errors import ConfigError

app = typer.Typer(
    help="Access to S3: the least that is needed, and for a limited time.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command(epilog="Example: syncd credentials policy --bucket s3://plankton/highmag --write")
@handled
def policy(
    config: ConfigOption = None,
    bucket: Annotated[
        str | None,
        typer.Option(
            "--bucket",
            help="A bucket, or s3://bucket/prefix [dim](default: credentials.bucket, else the bindings' media)[/dim].",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        bool | None,
        typer.Option(
            "--write/--read", help="Also to upload [dim](default: credentials.write)[/dim].", show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the least IAM policy that ingest and viewing need, as JSON."""
    del json  # a policy is JSON
    place = None if bucket is None else s3_place(bucket, "--bucket")
    settings = configuration(config) if place is None else _configuration_if_there(config)
    if place is not None and settings is None:
        print_json(policy_of_bucket(place, write=bool(write)))
    else:
        print_json(credentials_policy(settings, bucket=place, write=write))


@app.command(epilog="Example: syncd credentials issue --if-expiring 2h")
@handled
def issue(
    config: ConfigOption = None,
    if_expiring: Annotated[
        str | None,
        typer.Option(
            "--if-expiring",
            help="Do nothing while the present keys are good for longer than this: 30m, 2h, 2d.",
            metavar="DURATION",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make time-limited keys through STS and hand them over; prints where they are and until when, never the keys."""
    settings = configuration(config)
    margin = None if if_expiring is None else _duration(if_expiring)
    if margin is not None and margin >= settings.credentials.duration:
        lasting = format_duration(settings.credentials.duration)
        err.print(
            f"[yellow]Keys last {lasting} (`credentials.duration`), which is not longer than --if-expiring "
            f"{escape(str(if_expiring))}: every call makes new ones.[/yellow]",
            soft_wrap=True,
        )
    done = issue_credentials(settings, if_expiring=margin)
    if json:
        print_json(done.as_json())
    else:
        _show(done)


def _configuration_if_there(path: Path | None) -> Config | None:
    """A policy for a bucket that is named needs no configuration; one that is there must be right, though."""
    try:
        return configuration(path)
    except NoConfig:
        return None


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--if-expiring {text!r} is no duration: {error}.") from None


def _show(done: Renewal) -> None:
    where = "in FiftyOne Enterprise" if done.file is None else f"in {done.file}, profile [{done.profile}],"
    moment = when(done.issued.expires_at)
    if not done.renewed:
        out.print(f"Nothing to do: the keys {escape(where)} are good until {moment}.", soft_wrap=True)
        return
    out.print(f"New keys for {escape(done.issued.role_arn)} ({escape(done.issued.scope)})", soft_wrap=True)
    left = done.issued.expires_at - datetime.now(timezone.utc)
    rounded = format_duration(timedelta(minutes=max(0, round(left.total_seconds() / 60))))
    out.print(f"are {escape(where)} good until {moment} ({rounded}).", soft_wrap=True)
