"""What FiftyOne shows besides labels: saved views that follow, evaluations that are marked, suspects as judged last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bson import ObjectId

from ingest_lab import IngestLab, ingest_lab
from integration.engine.answers import ids
from integration.engine.test_resolve import disagree
from syncd import Binding, ConfigError, open_binding
from syncd.adapters.fiftyone.compat import EVALUATION_NOTES
from worlds import BINDING, LIST, World

CHANGED, WAITING = "syncd: changed this week", "syncd: waiting for review"
PREDICTED: dict[str, Any] = {
    "predictions": [{"field": "predicted", "label": "guess", "confidence": "score"}],
    "columns": {"box": None},
}


@pytest.fixture
def b(world: World) -> Iterator[Binding]:
    with open_binding(BINDING, world.config()) as binding, binding.actor("bob"):
        yield binding


@pytest.fixture
def lab(database_url: str, mongo_uri: str, tmp_path: Path) -> Iterator[IngestLab]:
    with ingest_lab(database_url, mongo_uri, tmp_path) as made:
        for number, (label, guess) in enumerate([("Copepoda", "Copepoda"), ("Copepoda", "Diatom"), ("Krill", "Krill")]):
            made.image(f"{number}.png")
            made.row(f"id-{number}", f"{number}.png", label, guess=guess, score=0.5, depth_m=float(number))
        made.ingest(made.config(**PREDICTED))
        yield made


def set_up(world: World, b: Binding, fiftyone: ModuleType, maker: str = "Made by syncd: it.") -> Any:
    dataset = fiftyone.load_dataset(world.dataset)
    for each in b.kept_views():
        view = dataset.select_labels(ids=list(each.label_ids), fields=["ground_truth"])
        dataset.save_view(each.name, view, description=maker)
    return dataset


def shown(dataset: Any, name: str) -> set[str]:
    dataset.reload()
    return set(dataset.load_saved_view(name).values(f"{LIST}.annotation_id", unwind=True))


def test_a_saved_view_follows_what_it_names_and_is_written_where_it_differs_alone(
    world: World, b: Binding, fiftyone: ModuleType
) -> None:
    dataset = set_up(world, b, fiftyone)
    assert shown(dataset, CHANGED) == set()
    one = ids(world)[0]
    b.relabel("New", annotation_ids=[one])
    assert b.save_views_again() == (CHANGED,)
    assert shown(dataset, CHANGED) == {one}
    assert b.save_views_again() == ()
    disagree(world, ids(world)[1])
    assert WAITING not in b.save_views_again(), "by its tag it follows by itself"


def test_a_view_that_somebody_else_made_or_that_is_not_there_stays_so(
    world: World, b: Binding, fiftyone: ModuleType
) -> None:
    assert b.save_views_again() == ()
    dataset = set_up(world, b, fiftyone, maker="mine")
    dataset.delete_saved_view(WAITING)
    b.relabel("New", annotation_ids=[ids(world)[0]])
    assert b.save_views_again() == ()
    assert shown(dataset, CHANGED) == set()
    assert WAITING not in dataset.list_saved_views()


def test_an_evaluation_is_stale_when_labels_changed_and_fresh_when_it_is_made_again(lab: IngestLab) -> None:
    from fiftyone.operators.store import ExecutionStore

    with open_binding("lab", lab.config(**PREDICTED)) as b, b.actor("ada"):
        assert b.evaluations(mark=True) == ()
        (first,) = b.evaluate().evaluations
        (fresh,) = b.evaluations(mark=True)
        assert (fresh.key, fresh.predictions, fresh.is_stale) == (first.key, "predicted", False)
        b.relabel("Diatom", annotation_ids=["id-1"])
        (stale,) = b.evaluations(mark=True)
        assert (stale.changed, stale.as_json()["stale"]) == (1, True)
        dataset = lab.loaded()
        notes = ExecutionStore.create(EVALUATION_NOTES, dataset._doc.id)
        run = str(dataset._doc.evaluations[first.key].id)
        assert "1 label changed since" in notes.get("notes")[run]
        notes.set("notes", {run: "mine"})
        b.relabel("Diatom", annotation_ids=["id-0"])
        assert b.evaluations(mark=True)[0].changed == 2
        assert notes.get("notes")[run] == "mine", "a person's own note"
        (again,) = b.evaluate().evaluations
        assert [first.accuracy, again.accuracy] == pytest.approx([2 / 3, 2 / 3])
        assert not b.evaluations()[0].is_stale
        (model,) = b.report().content.models
        assert [model.before.accuracy, model.after.accuracy] == pytest.approx([2 / 3, 2 / 3])
        assert next((each.attribute, each.value) for each in model.scenarios) == ("depth", "0")


def test_without_predictions_there_is_nothing_to_evaluate(b: Binding) -> None:
    assert b.evaluations() == ()
    with pytest.raises(ConfigError, match="no predictions"):
        b.evaluate()


def test_suspects_are_listed_as_they_were_judged_last_without_those_that_were_corrected(world: World) -> None:
    document = world.document(embedding={"model": "dino_vits8", "of": "patches"})
    b = Binding(world.parse(document | {"embedding": {"models": {"dino_vits8": {}}}}), BINDING)
    assert (b.stored_suspects().total, len(b.stored_suspects())) == (0, 0)
    some = ids(world)[:4]
    for one, (score, said) in zip(some, [(0.7, "Other"), (0.9, "Other"), (0.3, "Other"), (0.8, "Same")], strict=True):
        sample, label = world.place(one)
        values = {"suspect_dino_vits8": score, "suspect_dino_vits8_label": said}
        if said == "Same":
            values["label"] = said
        world.samples.update_one(
            {"_id": sample},
            {"$set": {f"{LIST}.$[it].{name}": value for name, value in values.items()}},
            array_filters=[{"it._id": ObjectId(label)}],
        )
    found = b.stored_suspects()
    assert [(each.annotation_id, each.score, each.suggestion) for each in found] == [
        (some[1], 0.9, "Other"),
        (some[0], 0.7, "Other"),
    ]
    assert found.rows[0].label_id == str(world.place(some[1])[1])
    assert [each.annotation_id for each in b.stored_suspects(limit=1, offset=1)] == [some[0]]
    assert found.as_json()["total"] == 2
