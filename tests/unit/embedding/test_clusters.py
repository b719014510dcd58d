"""Clusters: what lies together, named by size, and by the names it had before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from syncd_embedding import clusters as module
from syncd_embedding.clusters import clusters
from syncd_embedding.layouts import Layout, Method


def shown(sizes: list[int], seed: int = 0) -> Layout:
    random = np.random.default_rng(seed)
    parts = [random.normal((25 * number, 0), size=(size, 2)) for number, size in enumerate(sizes)]
    points = np.concatenate(parts).astype(np.float32)
    count = len(points)
    keys = np.array([str(number) for number in range(count)])
    return Layout(keys, points, np.ones(count, bool), np.zeros(count, np.uint64), Method.PCA, "s")


def test_what_lies_together_is_a_cluster_and_the_largest_is_the_first() -> None:
    found = clusters(shown([60, 100, 80]))
    names = [{name for name in found[begin:end] if name} for begin, end in ((0, 60), (60, 160), (160, 240))]
    assert names == [{"c002"}, {"c000"}, {"c001"}]


def test_a_cluster_keeps_its_name_when_it_grows() -> None:
    layout = shown([60, 100, 80])
    before = clusters(layout)
    more = shown([60, 100, 300])
    after = clusters(more, known=[*before, *[None] * 220])
    assert {name for name in after[160:] if name} == {"c001"}  # though it is the largest now
    assert {name for name in after[60:160] if name} == {"c000"}


def test_a_point_far_from_all_is_in_no_cluster() -> None:
    layout = shown([60, 60])
    points = np.concatenate([layout.points, np.array([[12, 90]], np.float32)])
    one_more = replace(layout, points=points, keys=np.append(layout.keys, "far"))
    assert clusters(one_more)[-1] is None


def test_of_too_many_points_the_others_join_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FITTED_UP_TO", 120)
    found = clusters(shown([200, 200]))
    assert len({name for name in found[:200] if name} & {name for name in found[200:] if name}) == 0
    assert sum(name is not None for name in found) > 300


def test_a_handful_of_points_has_no_clusters() -> None:
    assert clusters(shown([4])) == [None] * 4
