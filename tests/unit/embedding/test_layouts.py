"""Layouts: none of their points moves, later ones are among their like, and none leaves the bounds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from syncd_embedding import layouts as module
from syncd_embedding.errors import ExtraMissing
from syncd_embedding.layouts import BOUND, Layout, Method, laid_out, layout
from syncd_embedding.space import space
from unit.embedding.lookalikes import groups

KEYS = [f"k{number:03d}" for number in range(120)]


def test_the_points_fill_the_bounds_and_keep_their_shape() -> None:
    vectors, _ = groups([60, 60])
    there = space(KEYS, vectors)
    points = laid_out(there, method="pca").points
    assert np.abs(points).max() == pytest.approx(0.95 * BOUND, abs=1e-3)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    true = np.linalg.norm(there.reduced[:, None, :2] - there.reduced[None, :, :2], axis=2)
    assert np.corrcoef(apart.ravel(), true.ravel())[0, 1] == pytest.approx(1, abs=1e-5)


def test_later_points_are_placed_among_their_like_and_no_earlier_one_moves() -> None:
    vectors, labels = groups([60, 60])
    first = [number for number in range(120) if number % 4]
    known_space = space([KEYS[number] for number in first], vectors[first], settings="s")
    known = laid_out(known_space, method="pca")
    grown = space(KEYS, vectors, settings="s", known=known_space)
    after = laid_out(grown, method="pca", known=known)
    at = dict(zip(after.keys.tolist(), after.points, strict=True))
    before = dict(zip(known.keys.tolist(), known.points, strict=True))
    assert all(np.array_equal(at[key], point) for key, point in before.items())
    assert after.placed == pytest.approx(0.25)
    label_of = dict(zip(KEYS, labels, strict=True))
    centre = {
        label: np.mean([before[key] for key in before if label_of[key] == label], axis=0) for label in ("g0", "g1")
    }
    for key in KEYS[::4]:
        nearest = min(centre, key=lambda label: float(np.linalg.norm(centre[label] - at[key])))
        assert nearest == label_of[key]


def test_whatever_comes_later_stays_within_the_bounds() -> None:
    vectors, _ = groups([60, 60])
    there = space(KEYS[:60], vectors[:60], settings="s")
    known = laid_out(there, method="pca")
    strange = np.random.default_rng(0).normal(size=(50, vectors.shape[1])).astype(np.float32) * 100
    grown = space(KEYS[:110], np.concatenate([vectors[:60], strange]), settings="s", known=there)
    after = laid_out(grown, method="pca", known=known)
    assert len(after) == 110 and np.abs(after.points).max() <= BOUND


def test_a_vector_that_changed_goes_where_it_belongs_now_and_one_that_is_gone_has_no_point() -> None:
    vectors, _ = groups([60, 60])
    there = space(KEYS, vectors, settings="s")
    known = laid_out(there, method="pca")
    moved = vectors.copy()
    moved[0] = vectors[100]
    grown = space(KEYS[:-1], moved[:-1], settings="s", known=there)
    after = laid_out(grown, method="pca", known=known)
    assert after.keys.tolist() == KEYS[:-1]
    assert np.array_equal(after.points[1:], known.points[1:-1])
    assert np.linalg.norm(after.points[0] - known.points[100]) < 1
    assert not after.fitted[0]


def test_the_layout_of_a_view_has_its_points_alone() -> None:
    vectors, _ = groups([60, 60])
    there = space(KEYS, vectors)
    part = laid_out(there, method="pca", among=KEYS[10:30])
    assert part.keys.tolist() == KEYS[10:30] and part.fitted.all()


def test_another_method_or_other_settings_are_laid_out_anew() -> None:
    vectors, _ = groups([60, 60])
    known = laid_out(space(KEYS, vectors, settings="s"), method="pca")
    later = laid_out(space(KEYS, vectors[:, ::-1].copy(), settings="t"), method="pca", known=known)
    assert later.settings == "t" and later.fitted.all()


def test_of_too_many_points_some_are_laid_out_and_the_others_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = groups([60, 60])
    monkeypatch.setattr(module, "FITTED_UP_TO", 50)
    shown = laid_out(space(KEYS, vectors), method="pca")
    assert shown.fitted.sum() == 50 and np.isfinite(shown.points).all()


@pytest.mark.parametrize("number", [0, 1, 2, 4])
def test_a_few_vectors_have_a_layout_without_any_package(number: int) -> None:
    vectors, _ = groups([5])
    shown = layout(vectors[:number])
    assert shown.points.shape == (number, 2) and np.isfinite(shown.points).all()


def test_a_vector_that_is_not_finite_has_no_point() -> None:
    vectors, _ = groups([10])
    vectors[6] = np.nan
    assert layout(vectors, method=Method.PCA).keys.tolist() == [str(number) for number in range(10) if number != 6]


@pytest.mark.parametrize(("method", "package"), [("umap", "umap-learn"), ("pacmap", "pacmap")])
def test_a_missing_package_is_named_with_its_extra(method: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = groups([30])
    monkeypatch.setitem(sys.modules, method, None)
    with pytest.raises(ExtraMissing, match=package) as raised:
        layout(vectors, method=method)
    assert "pip install '.[embedding" in str(raised.value)


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    vectors, _ = groups([60, 60])
    there = space(KEYS, vectors, settings="s")
    shown = laid_out(there, method="pca")
    shown.save(tmp_path / "layout.npz")
    again = Layout.load(tmp_path / "layout.npz")
    assert again is not None and again.method is Method.PCA
    assert np.array_equal(laid_out(there, method="pca", known=again).points, shown.points)
    assert Layout.load(tmp_path / "none.npz") is None


def test_umap_puts_like_beside_like() -> None:
    """The one test that compiles UMAP."""
    vectors, labels = groups([100, 80, 60, 40], spread=0.5)
    keys = [str(number) for number in range(len(labels))]
    epochs: list[float] = []
    shown = laid_out(space(keys, vectors), progress=epochs.append)
    apart = np.linalg.norm(shown.points[:, None] - shown.points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    close = np.argsort(apart, axis=1)[:, :5]
    same = np.array(labels)[close] == np.array(labels)[:, None]
    assert same.mean() > 0.95
    assert np.abs(shown.points).max() <= BOUND
    assert epochs and epochs[-1] > 0.9
