"""Runs FiftyOne's own evaluation of the predictions that an ingest loads, and stores it in the dataset under a key.

It runs under the binding's lock: for detections it also writes to the labels, by their position in the list, so that no
reconcile may move them meanwhile.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.adapters.connect import fiftyone_database, first_line
from syncd.adapters.fiftyone.dataset import describe
from syncd.adapters.fiftyone.sdk import fiftyone_for
from syncd.config import BindingConfig, Config
from syncd.engine.failures import clear_errors, locked_errors
from syncd.engine.session import open_session
from syncd.errors import ConfigError
from syncd.ingest.context import LIMITS
from syncd.ingest.evaluation import PAIR, Evaluation, score
from syncd.ingest.result import IngestError
from syncd.model import Json, LabelType
from syncd.store.lock import one_run

Report = Callable[[str, int, int], None]
"""Called with the phase, how much of it is done, and how much there is."""

IOU = 0.5
"""How much a predicted box must overlap an annotation's to be matched with it: intersection over union."""


@dataclass(frozen=True)
class Evaluated:
    """The evaluations of a binding, one per prediction field; ``notes`` say what could not be evaluated."""

    evaluations: tuple[Evaluation, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The part of the document of ``syncd ingest --evaluate --json`` that is about evaluations."""
        return {
            "evaluations": [each.as_json() for each in self.evaluations],
            "evaluation_notes": list(self.notes),
        }


def evaluation_keys(binding: BindingConfig, key: str | None) -> dict[str, str]:
    """{prediction field: key}: ``syncd_<field>``, or the key that is given, with the field behind it if there are more.

    ``ConfigError`` where the binding maps no predictions, or where the key is none for FiftyOne.
    """
    fields = [each.field for each in binding.predictions]
    if not fields:
        raise ConfigError(
            f"The binding {binding.name!r} maps no predictions that could be evaluated.",
            remedy="Add `predictions` to the binding, or leave --evaluate out.",
        )
    if key is not None and (not key.isidentifier() or key.startswith("_")):
        raise ConfigError(
            f"--eval-key {key!r} is no evaluation key: expected letters, digits and underscores, none of the last in "
            "front.",
            remedy="Choose a key such as model_2026.",
        )
    plain = {field: re.sub(r"\W", "_", field) for field in fields}
    if key is None:
        keys = {field: f"syncd_{name}" for field, name in plain.items()}
    elif len(fields) == 1:
        keys = {fields[0]: key}
    else:
        keys = {field: f"{key}_{name}" for field, name in plain.items()}
    if len(set(keys.values())) < len(keys):
        raise ConfigError(
            f"The evaluations of {', '.join(map(repr, fields))} would share a key.",
            remedy="Give the prediction fields names that differ in letters or digits.",
        )
    return keys


def evaluate(
    config: Config, name: str, key: str | None = None, progress: Report = lambda *_: None, *, iou: float = IOU
) -> Evaluated:
    """Evaluates every prediction field of the binding; an evaluation under the same key is replaced.

    Raises ``IngestError`` where a key is taken by something else, or where FiftyOne cannot evaluate.
    """
    binding = config.binding(name)
    keys = evaluation_keys(binding, key)
    with (
        clear_errors(),
        open_session(config, name, limits=LIMITS) as session,
        one_run(session.writing, session.schema, name),
        locked_errors(session),
    ):
        session.rest()
        types = dict(_label_types(config, binding))
        dataset = fiftyone_for(config).load_dataset(binding.dataset)
        dataset.reload()
        todo = {field: each for field, each in keys.items() if types[field] is not LabelType.CLASSIFICATIONS}
        for field, each in todo.items():
            _make_room(dataset, binding.label_field, field, each)
        results = [
            _evaluate(dataset, binding.label_field, field, each, types[field], iou, progress)
            for field, each in todo.items()
        ]
    done = tuple(each for each in results if each is not None)
    return Evaluated(done, tuple(_notes(keys, types, done)))


def _label_types(config: Config, binding: BindingConfig) -> Iterator[tuple[str, LabelType]]:
    """The label type of each prediction field; all must be that of the labels."""
    with fiftyone_database(config) as mongo:
        truth = describe(mongo, binding.dataset, binding.label_field).label_type
        for each in binding.predictions:
            found = describe(mongo, binding.dataset, each.field).label_type
            if found is not truth:
                raise IngestError(
                    f"The predictions in {each.field!r} are {found.value}, the labels in {binding.label_field!r} are "
                    f"{truth.value}; FiftyOne compares labels of one type.",
                    remedy="Map the predictions to another field: the next ingest makes it of the right type.",
                )
            yield each.field, found


def _make_room(dataset: Any, truth: str, field: str, key: str) -> None:
    """Removes the evaluation that is to be replaced; what bears the key and is something else is left alone."""
    if dataset.has_evaluation(key):
        there = dataset.get_evaluation_info(key).config
        if (there.pred_field, there.gt_field) != (field, truth):
            raise IngestError(
                f"The evaluation {key!r} of {dataset.name!r} compares {there.pred_field!r} with {there.gt_field!r}, "
                f"not {field!r} with {truth!r}.",
                remedy="Choose another key: --eval-key KEY.",
            )
        dataset.delete_evaluation(key)
        return
    schema = dataset.get_field_schema()
    taken = [name for name in (key, f"{key}_tp", f"{key}_fp", f"{key}_fn") if name in schema]
    if taken:
        raise IngestError(
            f"The dataset {dataset.name!r} has a field {taken[0]!r} already, which the evaluation would overwrite.",
            remedy="Choose another key: --eval-key KEY.",
        )


def _evaluate(
    dataset: Any, truth: str, field: str, key: str, label_type: LabelType, iou: float, progress: Report
) -> Evaluation | None:
    """One field's evaluation; ``None`` where nothing is labelled."""
    from fiftyone import ViewField as F

    phase = f"evaluating {field}"
    if label_type.list_name is None:
        view = dataset.match(F(f"{truth}.label").exists())
    else:
        view = dataset.match(F(f"{truth}.{label_type.list_name}").filter(F("label").exists()).length() > 0)
    samples = view.count()
    progress(phase, 0, samples)
    if not samples:
        return None
    try:
        if label_type is LabelType.CLASSIFICATION:
            results = view.evaluate_classifications(field, gt_field=truth, eval_key=key, progress=False)
        else:
            # Not class by class: a wrong class on the right box is a confusion, and neither missed nor invented.
            # FiftyOne prints where results belong; a bar of its own would be in the midst of them.
            with redirect_stdout(sys.stderr):
                results = view.evaluate_detections(
                    field, gt_field=truth, eval_key=key, iou=iou, classwise=False, progress=False
                )
    except Exception as error:  # FiftyOne raises errors of many kinds here, each meaning the same
        raise IngestError(
            f"FiftyOne could not evaluate {field!r} of {dataset.name!r}: {first_line(error)}",
            remedy="What was ingested is in the dataset; run `syncd doctor` to look for labels that cannot be loaded.",
        ) from error
    progress(phase, samples, samples)
    pairs = pl.DataFrame({"truth": results.ytrue.tolist(), "predicted": results.ypred.tolist()}, schema=PAIR)
    left_out = dataset.count() - samples
    return score(pairs, results.missing, field=field, key=key, samples=samples, left_out=left_out)


def _notes(keys: dict[str, str], types: dict[str, LabelType], done: Sequence[Evaluation]) -> Iterator[str]:
    evaluated = {each.field for each in done}
    for field in keys:
        if types[field] is LabelType.CLASSIFICATIONS:
            yield f"{field}: FiftyOne cannot evaluate Classifications, several labels of a whole image"
        elif field not in evaluated:
            yield f"{field}: no sample has a label to compare with"
