"""Moves a dataset's media to S3: uploads what is local, then points the samples to it.

Nothing is rewritten before every upload has ended and been verified. The samples first learn the URI, and then the new
path: whatever moment a call is killed at, the next one finds each file's object again and does the rest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone.dataset import DatasetInfo
from syncd.adapters.fiftyone.dataset import describe as describe_dataset
from syncd.adapters.fiftyone.media import declare_text, sample_media
from syncd.adapters.fiftyone.sdk import fiftyone_for
from syncd.adapters.s3.client import s3_client
from syncd.config import BindingConfig, Config, S3Prefix
from syncd.ingest.crops import folder_of_crops
from syncd.ingest.dataset_setup import S3_ETAG, S3_URI
from syncd.ingest.media.rewrite import locked, refusal, rewrite
from syncd.ingest.media.store import Edition, edition
from syncd.ingest.media.transfer import (
    FAILED,
    PRESENT,
    SENT,
    Failed,
    Outcome,
    Report,
    UploadResult,
    destinations,
    transfer,
)


def _silent(_: str, __: int, ___: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class UploadOptions:
    """Where the media are to go, and how.

    ``rewrite`` None means: where FiftyOne can read S3 itself (Enterprise). ``root`` is the folder that keys are
    relative to; None means that of the binding, else the one that all files share.
    """

    to: S3Prefix
    dry_run: bool = False
    rewrite: bool | None = None
    root: Path | None = None
    progress: Report = _silent


def upload_media(config: Config, name: str, options: UploadOptions) -> UploadResult:
    """Uploads every local file that samples of the binding's dataset point to, and rewrites their paths.

    A file that fails is listed and stops no other. Raises MappingError, before anything is done, where other paths
    would part samples from their rows; Busy where another run goes on for long; and what S3, FiftyOne and the database
    raise.
    """
    began = time.monotonic()
    binding = config.binding(name)
    wanted = edition(config) is Edition.ENTERPRISE if options.rewrite is None else options.rewrite
    with fiftyone_database(config) as mongo:
        dataset = describe_dataset(mongo, binding.dataset, binding.label_field)
        samples = mongo[dataset.collection]
        options.progress("reading the samples", 0, 0)
        media = sample_media(samples, S3_URI, S3_ETAG)
        local = media.filter(pl.col("path").is_not_null() & ~pl.col("path").str.contains("://", literal=True))
        planned = _plan(config, binding, dataset, local, options)
        refused = refusal(config, dataset.name, _moved(local, planned), crops=dataset.crops)
        if wanted and refused is not None:
            raise refused
        outcomes = transfer(
            s3_client(config.s3),
            planned,
            options.to,
            workers=config.s3.connections,
            dry_run=options.dry_run,
            report=options.progress,
        )
        moved = _moved(local, _arrived(outcomes))
        result = replace(
            _counted(outcomes, binding, options),
            rewrite=wanted,
            samples=media.height,
            elsewhere=media.height - local.height,
            to_rewrite=moved.height,
            refusal=None if refused is None else refused.message,
        )
        if wanted and not options.dry_run and moved.height:
            declare_text(fiftyone_for(config), dataset.name, (S3_URI, S3_ETAG))
            with locked(config, dataset.name) as sure:
                count = rewrite(samples, moved, sure, options.progress)
            result = replace(result, rewritten=count, overtaken=moved.height - count)
    return replace(result, seconds=time.monotonic() - began)


def _plan(
    config: Config, binding: BindingConfig, dataset: DatasetInfo, local: pl.DataFrame, options: UploadOptions
) -> pl.DataFrame:
    """The object for each local file."""
    files = local.group_by("path").agg(known_uri=pl.col("uri").drop_nulls().first()).sort("path")
    media = binding.ingest.media
    if dataset.crops:
        # The URI that a crop carries may be that of its frame.
        files = files.with_columns(known_uri=pl.lit(None, pl.String))
        return destinations(files, options.to, options.root or folder_of_crops(config, dataset.name))
    if isinstance(media, S3Prefix):
        return destinations(files, options.to, options.root, media)
    return destinations(files, options.to, options.root or media)


def _arrived(outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """The files whose objects are in S3 (in a dry run: would be)."""
    good = [each for each in outcomes if each.status != FAILED]
    columns = {name: [getattr(each, name) for each in good] for name in ("path", "uri", "etag")}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _moved(local: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """The samples of these files, with the URI that they have and the one that they are to have."""
    return local.drop("etag").join(files.rename({"uri": "new_uri"}), on="path", maintain_order="left")


def _counted(outcomes: Sequence[Outcome], binding: BindingConfig, options: UploadOptions) -> UploadResult:
    sent = [each.size_bytes for each in outcomes if each.status == SENT]
    return UploadResult(
        binding=binding.name,
        dataset=binding.dataset,
        to=str(options.to),
        dry_run=options.dry_run,
        rewrite=False,
        samples=0,
        elsewhere=0,
        sent=len(sent),
        sent_bytes=sum(sent),
        present=sum(each.status == PRESENT for each in outcomes),
        failed=tuple(Failed(each.path, each.reason or "") for each in outcomes if each.status == FAILED),
        to_rewrite=0,
    )
