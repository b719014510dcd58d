"""Weights and images in S3."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

import s3
import tiny_vit
from syncd_embedding import Embedder, Item, ModelSettings
from syncd_embedding.errors import ModelError
from syncd_embedding.weights import find


def test_weights_and_images_are_read_from_s3_and_etags_say_what_changed(
    s3_endpoint: str, s3_bucket: str, tmp_path: Path
) -> None:
    client = s3.plain_client(s3_endpoint)
    client.upload_file(str(tiny_vit.save_weights(tmp_path)), s3_bucket, "models/ours.pth")
    paths = tiny_vit.save_images(tmp_path / "images", 3)
    for path in paths:
        client.upload_file(str(path), s3_bucket, f"media/{path.name}")
    items = [Item(path.name, path.name, f"s3://{s3_bucket}/media/{path.name}") for path in paths]
    items.append(Item("gone", "gone", f"s3://{s3_bucket}/media/gone.png"))
    settings: Any = {"runtime": "torch", "device": "cpu"}

    def embedder() -> Embedder:
        return Embedder(
            ModelSettings(f"s3://{s3_bucket}/models/ours.pth", **settings),
            tmp_path / "vectors",
            downloads=tmp_path / "weights",
            s3=partial(s3.plain_client, s3_endpoint),
        )

    first = embedder().run(items)
    assert first.embedded == 3
    assert [(failure.key, failure.reason) for failure in first.failures] == [("gone", "is not there")]
    assert embedder().plan(items).unchanged == 3
    client.upload_file(str(paths[0]), s3_bucket, "media/0001.png")
    plan = embedder().plan(items)
    assert (plan.changed, plan.unchanged) == (1, 2)
    (kept,) = (tmp_path / "weights").rglob("ours.pth")
    client.upload_file(str(tiny_vit.save_weights(tmp_path, seed=2)), s3_bucket, "models/ours.pth")
    assert embedder().plan(items).new == 3
    assert kept.exists()


@pytest.mark.parametrize("key", ["models/nowhere.pth", ""])
def test_weights_that_are_not_in_s3_are_told_with_their_address(s3_endpoint: str, s3_bucket: str, key: str) -> None:
    with pytest.raises(ModelError, match=f"The weights at s3://{s3_bucket}/{key} cannot be read"):
        find(f"s3://{s3_bucket}/{key}", s3=partial(s3.plain_client, s3_endpoint))
