"""Fields that hold one label, or a list of labels without boxes."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.vocabulary import Term, Vocabulary
from syncd.vocabulary.check import check_vocabulary
from syncd.vocabulary.push import ontology_name, push_vocabulary
from worlds import BINDING, World

TREE = Vocabulary((Term("Top"), Term("Copepoda", "Top"), Term("Medusa", "Top")), ("unknown",))


def classified(world: World, kind: str) -> Any:
    """The configuration of a dataset with a field ``kind`` in which two labels stand and one is missing."""
    import fiftyone as fo

    def field(label: str | None) -> Any:
        one = fo.Classification(label=label)
        return fo.Classifications(classifications=[one]) if kind == "Classifications" else one

    dataset = fo.Dataset(f"{world.dataset}-{kind}")
    dataset.add_samples(
        [fo.Sample(filepath=f"/{label}.png", c=field(label)) for label in ("Copepoda", "Copepda", None)]
    )
    dataset.add_sample(fo.Sample(filepath="/none.png"))
    columns = {key: value for key, value in world.document()["bindings"][0]["columns"].items() if key != "box"}
    vocabulary = {"classes": ["Copepoda", "Medusa"]}
    return world.config(dataset=dataset.name, label_field="c", columns=columns, attributes={}, vocabulary=vocabulary)


@pytest.mark.parametrize("kind", ["Classification", "Classifications"])
def test_its_labels_are_counted(world: World, kind: str) -> None:
    found = check_vocabulary(classified(world, kind), BINDING)
    assert [(each.fiftyone, each.nearest) for each in found.strays if each.label == "Copepda"] == [(1, ("Copepoda",))]
    assert found.no_text == 0


@pytest.mark.parametrize("kind", ["Classification", "Classifications"])
def test_it_is_offered_a_list_or_a_tree(world: World, kind: str) -> None:
    import fiftyone as fo

    config = classified(world, kind)
    binding = config.bindings[0]
    dataset = fo.load_dataset(binding.dataset)
    assert push_vocabulary(config, binding, Vocabulary((Term("Medusa"), Term("Copepoda")))).changed
    dataset.reload()
    assert dataset.label_schemas["c"]["classes"] == ["Medusa", "Copepoda"]
    assert dataset.label_schemas["c"]["type"] == kind.lower()
    assert push_vocabulary(config, binding, TREE).changed
    assert push_vocabulary(config, binding, Vocabulary(TREE.terms[::2])).deprecated == ("Copepoda",)
    dataset.reload()
    assert dataset.label_schemas["c"]["applied_ontology"] == ontology_name(binding)
