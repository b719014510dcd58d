from collections import Counter

import pytest

from benchmarks.data import CLASSES, annotation, samples


def test_an_annotation_depends_on_its_number_alone() -> None:
    assert annotation(17, 5) == annotation(17, 5)
    assert annotation(17, 5) != annotation(18, 5)


@pytest.mark.parametrize(("labels", "per_sample", "sizes"), [(10, 5, [5, 5]), (12, 5, [5, 5, 2]), (3, 1, [1, 1, 1])])
def test_samples_hold_every_annotation_once(labels: int, per_sample: int, sizes: list[int]) -> None:
    found = list(samples(labels, per_sample))
    assert [len(each) for each in found] == sizes
    assert [each for sample in found for each in sample] == [annotation(n, per_sample) for n in range(labels)]
    assert all(len({each.media for each in sample}) == 1 for sample in found)
    assert len({sample[0].media for sample in found}) == len(found)


def test_values_are_such_as_both_sides_can_hold() -> None:
    found = [annotation(number, 5) for number in range(5_000)]
    assert len({each.annotation_id for each in found}) == len(found)
    assert set(Counter(each.label for each in found).values()) == {len(found) // len(CLASSES)}
    assert all(each.box[0] >= 0 and each.box[0] + each.box[2] <= 1 for each in found)
    assert all(each.box[1] >= 0 and each.box[1] + each.box[3] <= 1 for each in found)
    assert {each.verified for each in found} == {None, False, True}
    assert any(each.depth is None for each in found)
    assert all(each.depth is None or len(each.depth.partition(".")[2]) == 2 for each in found)
