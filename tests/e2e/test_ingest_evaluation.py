"""``syncd ingest --evaluate`` as a user calls it: from a table with predictions to the printed scores."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from lab import Lab

from syncd.demo import lab as tables
from syncd.demo.data import DemoData


@pytest.fixture
def modelled(tmp_path: Path, database_url: str, mongo_uri: str, fiftyone: ModuleType, small: DemoData) -> Lab:
    """A table with predictions, and no dataset yet: every fifth is wrong, and one of each fifty is missing."""
    tables.create_lab(database_url, small)
    name = f"lab-{uuid.uuid4().hex[:8]}"
    settings: dict[str, Any] = tables.demo_config(database_url, mongo_uri, fiftyone.config.database_name, name)
    settings["bindings"][0]["predictions"] = [{"field": "model", "label": "guess", "confidence": "score"}]
    config = tmp_path / "syncd.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    lab = Lab(database_url, name, config, small)
    lab.sql("ALTER TABLE public.annotation ADD guess text, ADD score numeric(4, 3)")
    lab.sql(
        "UPDATE public.annotation SET score = 0.875, "
        "guess = CASE WHEN n % 50 = 0 THEN NULL WHEN n % 5 = 1 THEN 'unknown' ELSE label END "
        "FROM (SELECT annotation_id AS id, row_number() OVER (ORDER BY annotation_id) AS n FROM public.annotation) "
        "AS numbered WHERE annotation_id = id"
    )
    assert lab.syncd("migrate").code == 0
    return lab


def rows(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql("SELECT label, guess FROM public.annotation")


def test_one_call_loads_the_predictions_evaluates_them_and_prints_the_scores(modelled: Lab) -> None:
    done = modelled.syncd("ingest", tables.BINDING, "--evaluate")
    assert done.code == 0
    assert "Evaluation of model  stored in the dataset as syncd_model" in done.out
    for words in ("class", "labels", "precision", "recall", "largest confusions", "(no prediction)"):
        assert words in done.out
    right = sum(row["label"] == row["guess"] for row in rows(modelled)) / len(rows(modelled))
    assert f"accuracy {right:.1%}" in done.out
    assert modelled.dataset().list_evaluations() == ["syncd_model"]


def test_the_document_holds_ingest_and_evaluation(modelled: Lab) -> None:
    document = modelled.syncd("ingest", tables.BINDING, "--evaluate", "--eval-key", "spring", json=True).json
    table = rows(modelled)
    predicted = sum(row["guess"] is not None for row in table)
    assert document["predictions"] == {"model": {"total": predicted, "added": 0, "updated": 0, "removed": 0}}
    [evaluation] = document["evaluations"]
    assert (evaluation["field"], evaluation["eval_key"], evaluation["pairs"]) == ("model", "spring", len(table))
    counted = {(each["truth"], each["predicted"]): each["count"] for each in evaluation["confusion_matrix"]}
    pairs = [(row["label"], row["guess"] or "(none)") for row in table]
    assert counted == {pair: pairs.count(pair) for pair in set(pairs)}
    reconciled = modelled.syncd("reconcile", "--full", json=True).json["bindings"][0]
    assert (reconciled["applied"], reconciled["conflicts"]["open"]) == ({"to_database": 0, "to_fiftyone": 0}, 0)


def test_a_second_call_with_better_predictions_replaces_the_evaluation(modelled: Lab) -> None:
    modelled.syncd("ingest", tables.BINDING, "--evaluate")
    worse = sum(row["label"] != row["guess"] for row in rows(modelled))
    modelled.sql("UPDATE public.annotation SET guess = label")
    document = modelled.syncd("ingest", tables.BINDING, "--evaluate", json=True).json
    moved = document["predictions"]["model"]
    assert (moved["added"] + moved["updated"], moved["removed"], document["new"]) == (worse, 0, 0)
    assert [each["accuracy"] for each in document["evaluations"]] == [1.0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--evaluate", "--dry-run"], "--dry-run changes nothing"),
        (["--eval-key", "spring"], "--eval-key names the key of an evaluation"),
        (["--evaluate", "--eval-key", "two words"], "is no evaluation key"),
    ],
)
def test_options_that_contradict_each_other_end_before_anything_is_loaded(
    modelled: Lab, options: list[str], said: str
) -> None:
    done = modelled.syncd("ingest", tables.BINDING, *options)
    assert (done.code, said in done.err, done.out) == (2, True, "")
    assert modelled.sql("SELECT * FROM syncd.run") == []


def test_what_was_ingested_is_said_even_where_the_evaluation_fails(modelled: Lab) -> None:
    done = modelled.syncd("ingest", tables.BINDING, "--evaluate", "--eval-key", "ground_truth", json=True)
    assert (done.code, "has a field 'ground_truth' already" in done.err) == (1, True)
    assert (done.json["recorded"], done.json["evaluations"]) == (len(rows(modelled)), [])


def test_a_process_of_its_own_prints_one_document_and_nothing_else(modelled: Lab) -> None:
    done = modelled.process("ingest", tables.BINDING, "--evaluate", "--json")
    assert (done.code, len(done.json["evaluations"])) == (0, 1)
