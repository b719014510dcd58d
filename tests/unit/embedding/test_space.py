"""The space in which vectors are compared, and how it grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from syncd_embedding import space as module
from syncd_embedding.neighbours import NONE
from syncd_embedding.space import Space, space
from unit.embedding.lookalikes import groups

KEYS = [f"k{number:03d}" for number in range(90)]


def test_the_reduced_vectors_are_as_far_apart_as_the_centred_directions() -> None:
    vectors, _ = groups([45, 45], width=24)
    there = space(KEYS, vectors * 7)  # lengths do not count
    full = there.projection.directions(vectors)
    apart = np.linalg.norm(full[:, None] - full[None], axis=2)
    reduced = np.linalg.norm(there.reduced[:, None] - there.reduced[None], axis=2)
    assert there.reduced.shape == (90, 24)  # all of them, where there are no more than components
    assert np.allclose(apart, reduced, atol=1e-4)


def test_half_precision_does_for_what_is_stored() -> None:
    vectors, _ = groups([45, 45], width=64)
    exact, stored = space(KEYS, vectors), space(KEYS, vectors.astype(np.float16))
    same = [
        len(set(a) & set(b)) for a, b in zip(exact.near.indices.tolist(), stored.near.indices.tolist(), strict=True)
    ]
    assert sum(same) / exact.near.indices.size > 0.98


def test_a_vector_that_is_not_finite_is_left_out_and_harms_no_other() -> None:
    vectors, _ = groups([45, 45])
    vectors[4] = np.nan
    vectors[5, 2] = np.inf
    there = space(KEYS, vectors)
    assert np.flatnonzero(~there.usable).tolist() == [4, 5]
    assert (there.near.indices[[4, 5]] == NONE).all() and not np.isin(there.near.indices, [4, 5]).any()


def test_many_vectors_are_projected_block_by_block_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = groups([400, 300, 300], width=48)
    keys = [str(number) for number in range(1000)]
    whole = space(keys, vectors)
    monkeypatch.setattr(module, "_BLOCK", 128)
    assert np.allclose(space(keys, vectors).reduced, whole.reduced, atol=1e-4)


def test_a_grown_space_keeps_what_it_knew_and_has_what_is_new() -> None:
    vectors, _ = groups([45, 45])
    before = space(KEYS[:80], vectors[:80], settings="s")
    changed = vectors.copy()
    changed[7] = vectors[80]
    kept = [number for number in range(90) if number != 12]
    after = space([KEYS[number] for number in kept], changed[kept], settings="s", known=before)
    assert after.keys.tolist() == KEYS  # the one that is gone keeps its row, and is nobody's neighbour
    assert not after.usable[12] and not (after.near.indices == 12).any()
    same = [number for number in range(80) if number not in (7, 12)]
    assert np.array_equal(after.reduced[same], before.reduced[same])
    assert np.allclose(after.reduced[7], after.reduced[80])
    assert after.fingerprint != before.fingerprint


def test_a_space_in_which_nothing_changed_is_the_same_one() -> None:
    vectors, _ = groups([45, 45])
    before = space(KEYS, vectors, settings="s", digests=KEYS)
    assert space(KEYS[::-1], vectors[::-1], settings="s", digests=KEYS[::-1], known=before) is before


@pytest.mark.parametrize("settings", ["other", "s"])
def test_other_settings_or_mostly_new_vectors_make_a_space_anew(settings: str) -> None:
    vectors, _ = groups([45, 45])
    before = space(KEYS[:30], vectors[:30], settings="s")
    after = space(KEYS, vectors, settings=settings, known=before)
    assert after.keys.tolist() == KEYS
    assert not np.array_equal(after.projection.mean, before.projection.mean)


def test_what_is_saved_is_read_again_and_damage_is_noticed(tmp_path: Path) -> None:
    vectors, _ = groups([45, 45])
    there = space(KEYS, vectors, settings="s")
    file = tmp_path / "deep" / "space.npz"
    there.save(file)
    again = Space.load(file)
    assert again is not None and again.fingerprint == there.fingerprint and again.settings == "s"
    assert np.array_equal(again.near.indices, there.near.indices)
    assert space(KEYS, vectors, settings="s", known=again) is again
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(file.read_bytes()[:500])
    assert Space.load(file) is None
    assert Space.load(tmp_path / "nothing.npz") is None
    assert replace(there, settings="t").fingerprint != there.fingerprint
