"""FiftyOne's evaluation of the predictions, and what is said of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ingest_lab import IngestLab
from syncd.config import Config
from syncd.errors import Busy, ConfigError
from syncd.ingest.evaluate import Evaluated, evaluate
from syncd.ingest.evaluation import Evaluation
from syncd.ingest.result import IngestError

PREDICTED = {"field": "predicted", "label": "guess", "confidence": "score"}
SINGLE: dict[str, Any] = {"predictions": [PREDICTED], "columns": {"box": None}}
BOXES: dict[str, Any] = {"predictions": [PREDICTED]}
SAID = [
    ("Copepoda", "Copepoda"),
    ("Copepoda", "Diatom"),
    ("Diatom", "Diatom"),
    ("Diatom", None),
    ("Ciliate", "Ciliate"),
    (None, "Krill"),
]


def one_per_image(lab: IngestLab) -> Config:
    """A sample for each of the pairs."""
    for number, (label, guess) in enumerate(SAID):
        lab.image(f"{number}.png")
        lab.row(f"id-{number}", f"{number}.png", label, guess=guess, score=0.5)
    config = lab.config(**SINGLE)
    lab.ingest(config)
    return config


def boxed(lab: IngestLab, said: list[list[tuple[str | None, str | None]]]) -> Config:
    """A sample with a box for each of its pairs, beside each other."""
    for number, pairs in enumerate(said):
        lab.image(f"{number}.png")
        for index, (label, guess) in enumerate(pairs):
            box = (0.2 * index, 0.0, 0.2, 1.0)
            lab.row(f"id-{number}-{index}", f"{number}.png", label, guess=guess, box=box)
    config = lab.config(**BOXES)
    lab.ingest(config)
    return config


def only(evaluated: Evaluated) -> Evaluation:
    [evaluation] = evaluated.evaluations
    return evaluation


def scores(evaluation: Evaluation) -> dict[str, tuple[float, float, float, int, int]]:
    return {
        each.label: (each.precision, each.recall, each.f1, each.support, each.predicted) for each in evaluation.classes
    }


def cells(evaluation: Evaluation) -> dict[tuple[str, str], int]:
    return {(each.truth, each.predicted): each.count for each in evaluation.cells}


def check_against_fiftyone(lab: IngestLab, evaluation: Evaluation) -> None:
    """The stored results say the same."""
    results = lab.loaded().load_evaluation_results(evaluation.key)
    report = results.report()
    for each in evaluation.classes:
        theirs = report[each.label]
        ours = (each.precision, each.recall, each.f1, each.support)
        assert ours == pytest.approx((theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"]))
    for name, mean in (("macro avg", evaluation.macro), ("weighted avg", evaluation.weighted)):
        theirs = report[name]
        assert (mean.precision, mean.recall, mean.f1) == pytest.approx(
            (theirs["precision"], theirs["recall"], theirs["f1-score"])
        )
    assert evaluation.accuracy == pytest.approx(results.metrics()["accuracy"])
    names = [*(str(each) for each in results.classes), results.missing]
    matrix = results.confusion_matrix(include_missing=True)
    theirs_cells = {
        (truth, said): int(matrix[row, place])
        for row, truth in enumerate(names)
        for place, said in enumerate(names)
        if matrix[row, place]
    }
    assert cells(evaluation) == theirs_cells


def test_one_label_per_image_is_scored_class_by_class(lab: IngestLab) -> None:
    evaluation = only(evaluate(one_per_image(lab), "lab"))
    assert (evaluation.field, evaluation.key) == ("predicted", "syncd_predicted")
    assert (evaluation.samples, evaluation.left_out, evaluation.pairs) == (5, 1, 5)
    assert math.isclose(evaluation.accuracy, 3 / 5)
    assert scores(evaluation) == {
        "Copepoda": (1.0, 0.5, 2 / 3, 2, 1),
        "Diatom": (0.5, 0.5, 0.5, 2, 2),
        "Ciliate": (1.0, 1.0, 1.0, 1, 1),
    }
    assert [each.label for each in evaluation.classes] == ["Copepoda", "Diatom", "Ciliate"]
    assert cells(evaluation) == {
        ("Copepoda", "Copepoda"): 1,
        ("Copepoda", "Diatom"): 1,
        ("Diatom", "Diatom"): 1,
        ("Diatom", "(none)"): 1,
        ("Ciliate", "Ciliate"): 1,
    }
    check_against_fiftyone(lab, evaluation)


def test_each_sample_knows_whether_its_prediction_was_right(lab: IngestLab) -> None:
    evaluate(one_per_image(lab), "lab")
    assert lab.loaded().sort_by("media_uri").values("syncd_predicted") == [True, False, True, False, True, None]


def test_boxes_are_matched_whatever_their_class_so_that_confusions_are_seen(lab: IngestLab) -> None:
    said: list[list[tuple[str | None, str | None]]] = [
        [("Copepoda", "Copepoda"), ("Copepoda", "Diatom"), ("Diatom", "Copepoda")],
        [("Diatom", "Diatom"), ("Ciliate", None)],
    ]
    evaluation = only(evaluate(boxed(lab, said), "lab"))
    assert (evaluation.samples, evaluation.left_out, evaluation.pairs) == (2, 0, 5)
    assert cells(evaluation) == {
        ("Copepoda", "Copepoda"): 1,
        ("Copepoda", "Diatom"): 1,
        ("Diatom", "Copepoda"): 1,
        ("Diatom", "Diatom"): 1,
        ("Ciliate", "(none)"): 1,
    }
    assert [(each.truth, each.predicted) for each in evaluation.confusions] == [
        ("Ciliate", "(none)"),
        ("Copepoda", "Diatom"),
        ("Diatom", "Copepoda"),
    ]
    assert scores(evaluation) == {
        "Copepoda": (0.5, 0.5, 0.5, 2, 2),
        "Diatom": (0.5, 0.5, 0.5, 2, 2),
        "Ciliate": (0.0, 0.0, 0.0, 1, 0),
    }
    check_against_fiftyone(lab, evaluation)


def test_a_predicted_box_elsewhere_is_no_match(lab: IngestLab) -> None:
    lab.sql("ALTER TABLE annotation ADD px float8, ADD py float8, ADD pw float8, ADD ph float8")
    lab.image("0.png")
    own = {"px": 0.8, "py": 0.8, "pw": 0.2, "ph": 0.2}
    lab.row("id-0", "0.png", "Copepoda", box=(0.0, 0.0, 0.2, 0.2), guess="Copepoda", **own)
    config = lab.config(predictions=[PREDICTED | {"box": ["px", "py", "pw", "ph"]}])
    lab.ingest(config)
    evaluation = only(evaluate(config, "lab"))
    assert cells(evaluation) == {("Copepoda", "(none)"): 1, ("(none)", "Copepoda"): 1}
    assert scores(evaluation) == {"Copepoda": (0.0, 0.0, 0.0, 1, 1)}
    check_against_fiftyone(lab, evaluation)


@pytest.mark.parametrize("shape", ["single", "boxes"])
def test_a_second_evaluation_replaces_the_first(lab: IngestLab, shape: str) -> None:
    config = one_per_image(lab) if shape == "single" else boxed(lab, [[("Diatom", "Krill")]])
    first = only(evaluate(config, "lab"))
    lab.sql("UPDATE annotation SET guess = label")
    lab.ingest(config)
    second = only(evaluate(config, "lab"))
    assert (first.accuracy < 1, second.accuracy, second.confusions) == (True, 1.0, ())
    assert lab.loaded().list_evaluations() == ["syncd_predicted"]
    check_against_fiftyone(lab, second)


def test_an_evaluation_of_the_same_fields_by_another_method_is_replaced_too(lab: IngestLab) -> None:
    config = one_per_image(lab)
    lab.loaded().evaluate_classifications(
        "predicted", "ground_truth", "syncd_predicted", method="binary", classes=["Diatom", "Copepoda"]
    )
    check_against_fiftyone(lab, only(evaluate(config, "lab")))


@pytest.mark.parametrize("shape", ["single", "boxes"])
def test_after_an_evaluation_both_sides_still_agree(lab: IngestLab, shape: str) -> None:
    config = one_per_image(lab) if shape == "single" else boxed(lab, [[("Diatom", "Krill"), ("Ciliate", None)]])
    evaluate(config, "lab")
    result = lab.reconcile(config, full=True)
    assert result.plan is not None
    assert (result.plan.is_empty, result.plan.conflicts) == (True, ())
    again = lab.ingest(config)
    assert [(each.added, each.updated, each.removed) for each in again.predictions] == [(0, 0, 0)]


def test_a_key_can_be_chosen_and_several_models_have_keys_of_their_own(lab: IngestLab) -> None:
    lab.fill(2)
    lab.sql("UPDATE annotation SET guess = label, second = 'Krill'")
    models = [{"field": "one", "label": "guess"}, {"field": "the other", "label": "second"}]
    config = lab.config(predictions=models, columns={"box": None})
    lab.ingest(config)
    assert [each.key for each in evaluate(config, "lab").evaluations] == ["syncd_one", "syncd_the_other"]
    chosen = evaluate(config, "lab", "spring").evaluations
    assert [(each.key, each.accuracy) for each in chosen] == [("spring_one", 1.0), ("spring_the_other", 0.0)]
    assert evaluate(lab.config(**SINGLE | {"predictions": [models[0]]}), "lab", "mine").evaluations[0].key == "mine"


def test_lists_of_classifications_are_said_to_have_no_evaluation(lab: IngestLab) -> None:
    lab.fill(2, each=2)
    config = lab.config(predictions=[PREDICTED], columns={"box": None}, ingest={"label_type": "Classifications"})
    lab.ingest(config)
    evaluated = evaluate(config, "lab")
    assert evaluated.evaluations == ()
    assert evaluated.notes == ("predicted: FiftyOne cannot evaluate Classifications, several labels of a whole image",)
    assert lab.loaded().list_evaluations() == []


@pytest.mark.parametrize("binding", [SINGLE, BOXES], ids=["single", "boxes"])
def test_without_any_label_nothing_is_evaluated(lab: IngestLab, binding: dict[str, Any]) -> None:
    lab.image("0.png")
    lab.row("id-0", "0.png", None, guess="Krill")
    config = lab.config(**binding)
    lab.ingest(config)
    evaluated = evaluate(config, "lab")
    assert (evaluated.evaluations, evaluated.notes) == ((), ("predicted: no sample has a label to compare with",))


def test_somebody_elses_evaluation_or_field_is_not_overwritten(lab: IngestLab) -> None:
    config = one_per_image(lab)
    dataset = lab.loaded()
    dataset.clone_sample_field("predicted", "another")
    dataset.evaluate_classifications("another", gt_field="ground_truth", eval_key="theirs")
    with pytest.raises(IngestError, match=r"'theirs' of .* compares 'another' with 'ground_truth'"):
        evaluate(config, "lab", "theirs")
    with pytest.raises(IngestError, match="has a field 'media_uri' already"):
        evaluate(config, "lab", "media_uri")
    assert lab.loaded().list_evaluations() == ["theirs"]


def test_a_key_that_fiftyone_would_not_take_is_a_usage_error(lab: IngestLab) -> None:
    for key in ("two words", "_hidden", "1st", ""):
        with pytest.raises(ConfigError, match="is no evaluation key"):
            evaluate(lab.config(**SINGLE), "lab", key)
    with pytest.raises(ConfigError, match="maps no predictions"):
        evaluate(lab.config(), "lab")


def test_an_evaluation_waits_for_no_other_run(lab: IngestLab) -> None:
    from syncd.engine.session import open_session
    from syncd.store.lock import one_run

    config = one_per_image(lab)
    with open_session(config, "lab") as session, one_run(session.writing, session.schema, "lab"), pytest.raises(Busy):
        evaluate(config, "lab")
