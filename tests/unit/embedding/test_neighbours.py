"""Neighbours: exact ones, those found through cells, and what remains of them when points change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from syncd_embedding import neighbours as module
from syncd_embedding.neighbours import NONE, nearest, neighbours, updated
from unit.embedding.lookalikes import groups


def brute_force(points: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.float64]:
    """The distances of each point to its nearest others, by the definition."""
    apart = np.linalg.norm(points[:, None].astype(float) - points[None].astype(float), axis=2)
    np.fill_diagonal(apart, np.inf)
    return np.sort(apart, axis=1)[:, :k]


def test_each_point_gets_its_nearest_others_and_not_itself() -> None:
    points, _ = groups([40, 30, 5])
    found = neighbours(points, 6)
    assert np.allclose(found.distances, brute_force(points, 6), atol=1e-4)
    assert not (found.indices == np.arange(75)[:, None]).any()


def test_equal_points_are_neighbours_of_each_other_and_never_of_themselves() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 8, axis=0)
    found = neighbours(points, 4)
    assert not (found.indices == np.arange(24)[:, None]).any()
    assert np.allclose(found.distances, 0)


def test_a_point_that_is_not_finite_has_and_is_no_neighbour() -> None:
    points, _ = groups([10])
    points[3, 0] = np.nan
    found = neighbours(points, 20)
    assert (found.indices[3] == NONE).all() and not (found.indices == 3).any()
    assert ((found.indices != NONE).sum(axis=1) == np.where(np.arange(10) == 3, 0, 8)).all()


@pytest.mark.parametrize("number", [0, 1])
def test_nothing_and_one_point_have_no_neighbours(number: int) -> None:
    found = neighbours(np.ones((number, 4), np.float32), 5)
    assert found.indices.shape == (number, 5) and (found.indices == NONE).all()


def test_cells_find_nearly_all_of_the_true_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    points, _ = groups([150] * 20, width=16, spread=0.5)
    true = neighbours(points, 10)
    monkeypatch.setattr(module, "EXACT_UP_TO", 1_000)
    seen: list[float] = []
    found = neighbours(points, 10, progress=seen.append)
    hits = [len(set(a) & set(b)) for a, b in zip(true.indices.tolist(), found.indices.tolist(), strict=True)]
    assert sum(hits) / (10 * len(points)) > 0.99
    assert not (found.indices == np.arange(len(points))[:, None]).any()
    assert seen == sorted(seen) and seen[-1] == 1.0


def test_after_changes_the_graph_is_that_of_all_points() -> None:
    points, _ = groups([60, 60, 60])
    before = neighbours(points, 7)
    more, _ = groups([6], seed=2)
    after = np.concatenate([points, more])
    after[[3, 70]] = after[[130, 5]] + 0.01  # moved
    after[150] = np.nan  # gone
    changed = np.isin(np.arange(len(after)), [3, 70, 150]) | (np.arange(len(after)) >= len(points))
    found = updated(before, after, changed)
    anew = neighbours(after, 7)
    assert np.allclose(found.distances, anew.distances, atol=1e-5)
    assert not (found.indices == 150).any() and (found.indices[150] == NONE).all()


def test_a_list_that_was_short_for_want_of_points_is_filled_when_there_are_more() -> None:
    points, _ = groups([30])
    before = neighbours(points[:28], 28)
    found = updated(before, points, np.arange(30) >= 28)
    assert (found.indices != NONE).all()


def test_a_query_finds_the_point_that_it_equals() -> None:
    points, _ = groups([20, 20])
    found = nearest(points, points[[7, 33]], 3)
    assert found.indices[:, 0].tolist() == [7, 33]
    assert np.allclose(found.distances[:, 0], 0, atol=1e-3)
