"""Suspect labels: found among shuffled ones, refreshed after a correction, quiet about what cannot be judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from syncd_embedding.space import space
from syncd_embedding.suspicion import SUSPECT, Suspects, duplicates, judged, suspects
from trust import many, tried
from unit.embedding.lookalikes import groups, share_in_top, shuffled

SIZES = [80, 60, 40, 20, 3, 1]


def test_shuffled_labels_of_real_digits_are_at_the_top() -> None:
    digits = load_digits()
    there = space([str(number) for number in range(len(digits.data))], digits.data)
    found, above = [], []
    seeds = many(5, 20)
    for seed in range(seeds):
        labels, wrong = shuffled([str(each) for each in digits.target], 0.05, seed)
        scores = judged(there, labels).scores
        found.append(share_in_top(scores, wrong, 0.05))
        above.append(float((scores[wrong] >= SUSPECT).mean()))
    tried("cases", seeds)
    assert np.mean(found) >= 0.9
    assert np.mean(above) >= 0.98


def test_a_wrong_label_is_given_the_class_of_its_neighbours() -> None:
    vectors, labels = groups(SIZES)
    wrong = list(labels)
    wrong[10] = "g2"
    found = suspects(vectors, wrong)
    assert found.ranked(1).tolist() == [10]
    assert found.suggestion(10) == "g0" and found.label(10) == "g2"
    assert found.scores[10] > 0.8 and np.nanmax(np.delete(found.scores, 10)) < 0.5


def test_scores_are_between_zero_and_one() -> None:
    vectors, labels = groups(SIZES, spread=1.5)
    scores = suspects(vectors, shuffled(labels, 0.3, 3)[0]).scores
    assert np.nanmin(scores) >= 0 and np.nanmax(scores) <= 1


def test_a_label_alone_in_its_class_and_one_without_a_vector_are_not_judged() -> None:
    vectors, labels = groups(SIZES)
    vectors[2] = np.nan
    found = suspects(vectors, [None if number == 1 else each for number, each in enumerate(labels)])
    assert np.flatnonzero(~found.judged).tolist() == [1, 2, 203]
    assert found.suggestion(203) is None and found.label(1) is None


def test_a_label_without_a_class_has_no_say() -> None:
    vectors, labels = groups([20, 20])
    nobody = [None if number % 2 else each for number, each in enumerate(labels)]
    found = suspects(vectors, nobody)
    assert found.judged.sum() == 20 and np.nanmax(found.scores) < 0.5


def test_members_of_a_tiny_class_are_not_suspect_for_being_few() -> None:
    vectors, labels = groups([100, 100, 3])
    found = suspects(vectors, labels)
    assert (found.scores[200:] < 0.3).all()


def test_one_class_alone_has_no_suspects() -> None:
    vectors, labels = groups([30])
    assert (suspects(vectors, labels).scores < SUSPECT).all()


def test_no_vectors_and_no_labels_give_nothing() -> None:
    assert len(suspects(np.empty((0, 8), np.float32), [])) == 0
    vectors, _ = groups([5])
    assert not suspects(vectors, [None] * 5).judged.any()


def test_after_a_correction_those_around_it_are_judged_again_and_no_others() -> None:
    vectors, labels = groups(SIZES, spread=0.9)
    there = space([str(number) for number in range(len(labels))], vectors)
    wrong, rows = shuffled(labels, 0.1, 4)
    before = judged(there, wrong)
    corrected = list(wrong)
    for row in rows[:3]:
        corrected[row] = labels[row]
    after, anew = judged(there, corrected, known=before), judged(there, corrected)
    around = set(rows[:3].tolist()) | {
        row for row, near in enumerate(there.near.indices[:, :10].tolist()) if set(near) & set(rows[:3].tolist())
    }
    differs = set(np.flatnonzero(~np.isclose(after.scores, before.scores, equal_nan=True)).tolist())
    assert differs and differs <= around | {row for row, each in enumerate(corrected) if labels.count(each) <= 20}
    touched = sorted(around)
    assert np.allclose(after.scores[touched], anew.scores[touched], atol=1e-5, equal_nan=True)
    # The centres of large classes hardly move by three labels, so that the others may keep their scores.
    assert np.nanmax(np.abs(after.scores - anew.scores)) < 0.02
    assert np.allclose(after.sums, anew.sums) and after.sizes.tolist() == anew.sizes.tolist()


def test_a_class_that_was_never_there_before_is_refreshed_too() -> None:
    vectors, labels = groups([30, 30, 30])
    there = space([str(number) for number in range(90)], vectors)
    before = judged(there, labels)
    renamed = ["a new one" if number in (3, 4, 5) else each for number, each in enumerate(labels)]
    after, anew = judged(there, renamed, known=before), judged(there, renamed)
    assert after.classes.tolist() == anew.classes.tolist()
    assert np.allclose(after.scores[[3, 4, 5]], anew.scores[[3, 4, 5]], atol=1e-5)
    assert [after.suggestion(row) for row in (3, 4, 5)] == ["g0"] * 3
    assert judged(there, renamed, known=after) is after


def test_moved_vectors_are_judged_anew() -> None:
    vectors, labels = groups([30, 30])
    keys = [str(number) for number in range(60)]
    there = space(keys, vectors, settings="s")
    before = judged(there, labels)
    vectors[3] = vectors[40]
    after = judged(space(keys, vectors, settings="s", known=there), labels, known=before)
    assert before.scores[3] < 0.5 < after.scores[3]


def test_nearly_equal_pictures_with_different_labels_are_pairs() -> None:
    vectors, labels = groups([30, 30])
    vectors[50] = vectors[3] * 1.001
    vectors[4] = vectors[9]  # alike, and of the same class
    there = space([f"k{number}" for number in range(60)], vectors)
    found = duplicates(there, vectors.__getitem__, judged(there, labels))
    assert [(each.first, each.second, each.first_label, each.second_label) for each in found] == [
        ("k3", "k50", "g0", "g1")
    ]
    assert found[0].distance < 0.01


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    vectors, labels = groups(SIZES)
    there = space([str(number) for number in range(len(labels))], vectors)
    found = judged(there, labels)
    found.save(tmp_path / "suspects.npz")
    again = Suspects.load(tmp_path / "suspects.npz")
    assert again is not None and judged(there, labels, known=again) is again
    (tmp_path / "suspects.npz").write_text("damaged")
    assert Suspects.load(tmp_path / "suspects.npz") is None
