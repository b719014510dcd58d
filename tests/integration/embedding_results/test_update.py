"""Results in FiftyOne: what is written, what a second call does, what an edit changes, and what belongs to others."""

from __future__ import annotations

from typing import Any

import fiftyone.brain as fob
import numpy as np
import pytest
from bson import ObjectId

from integration.embedding_results.conftest import MODEL, Bench
from syncd.errors import ConfigError

SUSPECT, SAID, CLUSTER = f"suspect_{MODEL}", f"suspect_{MODEL}_label", f"cluster_{MODEL}"
KEY, SIMILAR = f"{MODEL}_pca", f"{MODEL}_similarity"


def label_of(bench: Bench, key: str) -> dict[str, Any]:
    return next(each for each in bench.world.raw_labels() if str(each["_id"]) == key)


def mislabel(bench: Bench, key: str, label: str) -> None:
    """A reviewer gives a label another class."""
    found = label_of(bench, key)
    bench.world.review(found["annotation_id"], label=label)


def test_a_wrong_label_is_scored_given_a_suggestion_and_shown_in_the_saved_view(patches: Bench) -> None:
    borne = patches.all()
    victim = next(each for each in borne if sum(other.label == each.label for other in borne) > 5)
    wrong = next(each.label for each in borne if each.label != victim.label)
    mislabel(patches, victim.key, wrong)
    made = patches.update(layout=None, similarity=False)
    found = label_of(patches, victim.key)
    assert found[SUSPECT] > 0.6 and found[SAID] == victim.label
    assert made.suspects is not None and made.suspects.suspects >= 1
    assert made.suspects.judged + made.suspects.not_judged == len(borne)
    view = patches.dataset.load_saved_view("suspect-labels")
    assert victim.key in view.values("ground_truth.detections.id", unwind=True)
    assert len(view.values("ground_truth.detections.id", unwind=True)) == made.suspects.suspects
    assert view.first()["ground_truth"].detections[0][SUSPECT] > 0.6


def test_a_second_call_writes_nothing(patches: Bench) -> None:
    first = patches.update(clusters=True)
    assert first.layout is not None and first.layout.written
    before = patches.stamps()
    again = patches.update(clusters=True)
    assert again.layout is not None and not again.layout.written
    assert again.suspects is not None and again.suspects.written == 0
    assert patches.stamps() == before


def test_after_a_correction_only_those_around_it_are_written(patches: Bench) -> None:
    borne = patches.all()
    victim = next(each for each in borne if sum(other.label == each.label for other in borne) > 5)
    mislabel(patches, victim.key, next(each.label for each in borne if each.label != victim.label))
    patches.update(layout=None, similarity=False)
    mislabel(patches, victim.key, victim.label)
    made = patches.update(layout=None, similarity=False)
    assert made.suspects is not None and 0 < made.suspects.written < len(borne) / 2
    assert label_of(patches, victim.key)[SUSPECT] < 0.6


def test_results_are_no_edits(patches: Bench) -> None:
    patches.update(clusters=True)
    result = patches.world.reconcile(full=True)
    assert not result.recorded


@pytest.mark.parametrize("bench", ["samples", "patches"])
def test_the_layout_is_in_the_app_with_a_point_for_each(bench: str, request: pytest.FixtureRequest) -> None:
    this: Bench = request.getfixturevalue(bench)
    made = this.update(suspects=False)
    results = this.dataset.load_brain_results(KEY)
    keys = [each.key for each in this.all()]
    ids = results.sample_ids if bench == "samples" else results.label_ids
    assert made.layout is not None and made.layout.points == len(keys)
    assert sorted(map(str, ids)) == sorted(keys)
    assert np.abs(results.points).max() <= 100
    assert results.config.patches_field == (None if bench == "samples" else "ground_truth")
    assert this.dataset.get_brain_info(KEY).config.type == "visualization"


def test_new_samples_are_placed_and_no_point_moves(samples: Bench) -> None:
    borne = samples.all()
    samples.store.compact(keep=[each.key for each in borne[:-4]])
    samples.update(similarity=False, suspects=False)
    before = samples.dataset.load_brain_results(KEY)
    at = dict(zip(before.sample_ids.tolist(), before.points.tolist(), strict=True))
    time = samples.dataset.get_brain_info(KEY).timestamp
    stamps = samples.stamps()
    samples.embed(borne[-4:])
    made = samples.update(similarity=False, suspects=False)
    after = samples.dataset.load_brain_results(KEY)
    now = dict(zip(after.sample_ids.tolist(), after.points.tolist(), strict=True))
    assert len(now) == len(borne) and made.layout is not None and made.layout.placed == 4
    assert all(now[key] == point for key, point in at.items())
    assert samples.dataset.get_brain_info(KEY).timestamp > time  # by which a browser notices
    changed = {key for key, stamp in samples.stamps().items() if stamp != stamps[key]}
    assert changed == {each.key for each in borne[-4:]}
    field = samples.dataset.get_brain_info(KEY).config.points_field
    stored = {str(each["_id"]): each.get(field) for each in samples.world.samples.find()}
    assert all(stored[key] == pytest.approx(point) for key, point in now.items())


def test_a_lasso_is_asked_of_mongodb_and_no_later_point_is_refused(samples: Bench) -> None:
    samples.update(suspects=False, similarity=False)
    field = samples.dataset.get_brain_info(KEY).config.points_field
    everything = [[-101, -101], [101, -101], [101, 101], [-101, 101]]
    found = samples.world.samples.count_documents({field: {"$geoWithin": {"$polygon": everything}}})
    assert found == len(samples.all())
    one = samples.world.samples.find_one({field: {"$ne": None}})
    samples.world.samples.update_one({"_id": one["_id"]}, {"$set": {field: [99.9, -99.9]}})  # an index may refuse it


def test_a_view_has_a_layout_of_its_own(samples: Bench) -> None:
    samples.dataset.save_view("a few", samples.dataset.limit(20))
    whole = samples.update(suspects=False, similarity=False)
    part = samples.update(suspects=False, similarity=False, view="a few")
    assert part.layout is not None and part.layout.brain_key == f"{KEY}_a_few" and part.layout.points <= 20
    assert set(samples.dataset.list_brain_runs()) == {KEY, f"{KEY}_a_few"}
    assert len(samples.dataset.load_brain_view(f"{KEY}_a_few")) == 20
    assert whole.layout is not None and len(samples.dataset.load_brain_results(KEY).points) == whole.layout.points


def test_a_view_that_there_is_not_is_named_with_those_that_are(samples: Bench) -> None:
    samples.dataset.save_view("a few", samples.dataset.limit(20))
    with pytest.raises(ConfigError, match="no saved view 'all'; it has 'a few'"):
        samples.update(view="all")


@pytest.mark.parametrize("key", [KEY, SIMILAR])
def test_a_key_that_somebody_elses_run_has_is_refused_before_anything_is_written(samples: Bench, key: str) -> None:
    points = np.random.default_rng(0).normal(size=(len(samples.dataset), 2))
    fob.compute_visualization(samples.dataset, points=points, brain_key=key)
    before = samples.stamps()
    with pytest.raises(ConfigError, match=f"The brain key '{key}'.*that syncd did not make") as raised:
        samples.update()
    assert "delete_brain_run" in str(raised.value)
    assert np.allclose(samples.dataset.load_brain_results(key).points, points)
    assert samples.stamps() == before


def test_a_view_that_somebody_else_saved_under_the_name_stays(patches: Bench) -> None:
    patches.dataset.save_view("suspect-labels", patches.dataset.limit(3))
    with pytest.raises(ConfigError, match="a saved view 'suspect-labels' that syncd did not make"):
        patches.update(layout=None, similarity=False)
    assert len(patches.dataset.load_saved_view("suspect-labels")) == 3


def test_a_field_of_another_type_stays(samples: Bench, fiftyone: Any) -> None:
    samples.dataset.add_sample_field(CLUSTER, fiftyone.IntField)
    with pytest.raises(ConfigError, match=f"a field '{CLUSTER}' already, a IntField"):
        samples.update(suspects=False, similarity=False, clusters=True)


def test_a_run_that_fails_leaves_no_empty_one_behind(samples: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from fiftyone.core.brain import BrainMethod

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(BrainMethod, "save_run_results", full)
    with pytest.raises(OSError, match="no space left"):
        samples.update(suspects=False)
    monkeypatch.undo()
    samples.dataset.reload()
    assert samples.dataset.list_brain_runs() == []
    assert samples.update(suspects=False).layout is not None


def test_a_run_without_results_of_a_killed_process_is_made_good(samples: Bench) -> None:
    samples.update(suspects=False)
    document = runs_document(samples, KEY)
    samples.world.mongo["runs"].update_one({"_id": document}, {"$unset": {"results": ""}})
    samples.dataset.reload()
    made = samples.update(suspects=False)
    assert made.layout is not None and made.layout.written
    assert samples.dataset.load_brain_results(KEY) is not None


def runs_document(bench: Bench, key: str) -> ObjectId:
    found = bench.world.mongo["datasets"].find_one({"name": bench.world.dataset})
    assert found is not None
    run: ObjectId = found["brain_methods"][key]
    return run


def test_similarity_sorts_by_the_vectors_and_knows_later_ones(samples: Bench) -> None:
    borne = samples.all()
    samples.store.compact(keep=[each.key for each in borne[:-1]])
    made = samples.update(suspects=False, layout=None)
    assert made.similarity == SIMILAR
    index = samples.dataset.load_brain_results(SIMILAR)
    assert index.total_index_size == len(borne) - 1
    samples.embed(borne[-1:])
    samples.update(suspects=False, layout=None)
    assert samples.dataset.load_brain_results(SIMILAR).total_index_size == len(borne)
    alike = samples.dataset.sort_by_similarity(borne[-1].key, k=3, brain_key=SIMILAR)
    label = {each.key: each.label for each in borne}
    assert {label[str(each)] for each in alike.values("id")} == {borne[-1].label}


def test_similarity_of_patches_finds_patches(patches: Bench) -> None:
    patches.update(suspects=False, layout=None)
    index = patches.dataset.load_brain_results(SIMILAR)
    assert sorted(map(str, index.label_ids)) == sorted(each.key for each in patches.all())


def test_vectors_of_other_settings_take_the_place_of_all_earlier_ones(samples: Bench) -> None:
    borne = samples.all()
    samples.update(suspects=False)
    samples.embed(borne[:-3], settings="t", seed=1)
    made = samples.update(suspects=False)
    assert made.vectors == len(borne) - 3
    samples.dataset.reload()
    kept = samples.dataset.exists(f"embedding_{MODEL}").values("id")
    assert sorted(map(str, kept)) == sorted(each.key for each in borne[:-3])
    assert len(samples.dataset.load_brain_results(KEY).points) == len(borne) - 3


def test_a_sample_with_several_labels_is_not_judged_as_one(samples: Bench) -> None:
    several = {
        str(each["_id"]) for each in samples.world.samples.find() if len(each["ground_truth"]["detections"]) != 1
    }
    made = samples.update(layout=None, similarity=False)
    scored = {str(each["_id"]) for each in samples.world.samples.find({SUSPECT: {"$ne": None}})}
    assert several and not scored & several
    assert made.suspects is not None and made.suspects.judged == len(scored)


def test_labels_that_name_no_class_have_no_say(patches: Bench) -> None:
    borne = patches.all()
    nobody = borne[0].label
    patches.world.overrides["extra_labels"] = [nobody]  # type: ignore[index]
    made = patches.update(layout=None, similarity=False)
    assert made.suspects is not None
    assert made.suspects.judged <= sum(each.label != nobody for each in borne)
    assert all(SUSPECT not in label_of(patches, each.key) for each in borne if each.label == nobody)


def test_clusters_hold_what_looks_alike_and_stay_with_it(patches: Bench) -> None:
    made = patches.update(suspects=False, similarity=False, clusters=True)
    label = {each.key: each.label for each in patches.all()}
    cluster = {str(each["_id"]): each.get(CLUSTER) for each in patches.world.raw_labels()}
    assert made.clusters is not None and made.clusters > 1
    for name in {each for each in cluster.values() if each is not None}:
        classes = [label[key] for key, each in cluster.items() if each == name]
        assert max(map(classes.count, classes)) / len(classes) > 0.5
    before = patches.stamps()
    patches.update(suspects=False, similarity=False, clusters=True)
    assert patches.stamps() == before


def test_patches_of_labels_without_boxes_are_refused(fiftyone: Any, patches: Bench) -> None:
    from syncd.adapters.fiftyone.computed_fields import Of
    from syncd.adapters.fiftyone.dataset import describe
    from syncd.embedding_results.workplace import bearers_of

    dataset = fiftyone.Dataset()
    dataset.add_sample(fiftyone.Sample("/x.png", species=fiftyone.Classification(label="a")))
    info = describe(patches.world.mongo, dataset.name, "species")
    with pytest.raises(ConfigError, match="holds Classification, whose labels have no box"):
        bearers_of(patches.world.config().bindings[0], info, Of.PATCHES)


def test_without_vectors_it_says_what_to_run(samples: Bench) -> None:
    samples.store.compact(keep=[])
    made = samples.update()
    assert made.vectors == 0 and "syncd embed" in made.notes[0]
    assert samples.dataset.list_brain_runs() == []
