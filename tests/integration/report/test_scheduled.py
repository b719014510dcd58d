"""Reports by schedule: each once, whole, and where the configuration says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

import s3
from syncd.config import Config, load_config
from syncd.errors import ConfigError
from syncd.report.schedule import Written, write_due
from worlds import World

NAME = "syncd-2026-11-16--2026-11-23.md"


@pytest.fixture
def monday(world: World) -> datetime:
    """A Monday's morning. What the world's log holds was done the week before."""
    last = datetime(2026, 11, 20, tzinfo=timezone.utc)
    world.review(min(world.rows()), label="海胆")
    world.reconcile()
    world.sql("UPDATE syncd.change SET applied_at = :last", last=last)
    world.sql("UPDATE syncd.run SET started_at = :last", last=last)
    return datetime(2026, 11, 23, 8, tzinfo=timezone.utc)


def config(world: World, folder: Path, to: str, **more: Any) -> Config:
    document = world.document() | {"report": {"to": to, "format": "markdown"}} | more
    path = folder / "syncd.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_config(path)


def due(settings: Config, now: datetime) -> Written | None:
    assert settings.report is not None
    return write_due(settings, settings.report, None, now)


def test_the_week_that_is_over_is_reported_once_beside_the_configuration(
    world: World, monday: datetime, tmp_path: Path
) -> None:
    settings = config(world, tmp_path, "reports")

    first = due(settings, monday)

    assert first is not None
    assert (first.link, first.changes, first.annotations) == (str(tmp_path / "reports" / NAME), 1, 1)
    assert "海胆" in (tmp_path / "reports" / NAME).read_text()
    assert due(settings, monday) is None
    assert due(settings, monday + timedelta(days=6)) is None
    following = due(settings, monday + timedelta(days=7))
    assert following is not None
    assert following.changes == 0


def test_of_the_time_before_the_first_run_nothing_is_told(world: World, monday: datetime, tmp_path: Path) -> None:
    assert due(config(world, tmp_path, "reports"), monday - timedelta(days=7)) is None
    assert not (tmp_path / "reports").exists()


def test_in_s3_it_is_written_once_too(
    world: World, monday: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.keys(monkeypatch, tmp_path)
    with s3.server() as endpoint:
        client = s3.plain_client(endpoint)
        client.create_bucket(Bucket="lab")
        settings = config(world, tmp_path, "s3://lab/reports", s3={"endpoint_url": endpoint})

        written = due(settings, monday)

        assert written is not None
        assert written.link == f"s3://lab/reports/{NAME}"
        body = client.get_object(Bucket="lab", Key=f"reports/{NAME}")["Body"].read().decode()
        assert "海胆" in body
        assert due(settings, monday) is None


def test_a_place_that_cannot_be_written_to_is_named_with_a_way_out(
    world: World, monday: datetime, tmp_path: Path
) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be written to"):
        due(config(world, tmp_path, "reports"), monday)
