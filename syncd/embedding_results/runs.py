"""Brain runs: a layout's, and similarity's. One is registered when it is complete, and none is left behind empty.

syncd's own runs carry a mark in their configuration. A key that somebody else's run has is refused, never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from syncd.adapters.fiftyone.compat import Private, has_run_results, private
from syncd.errors import ConfigError

OWNER = "syncd"
"""The setting of a run that says who made it: ``{"binding": …, "model": …}``."""


def owner(dataset: Any, key: str) -> dict[str, Any] | None:
    """What the mark of a run says; ``None`` where there is no such run.

    ``ConfigError`` where the run is somebody else's.
    """
    if not dataset.has_brain_run(key):
        return None
    try:
        config = dataset.get_brain_info(key).config
        mark = getattr(config, OWNER, None)
        told = f"{config.type}, {config.method}"
    except Exception:  # noqa: BLE001 - of another version of FiftyOne, in which anything may be wrong
        mark, told = None, "one that this FiftyOne cannot read"
    if not mark:
        raise ConfigError(
            f"The brain key {key!r} of {dataset.name!r} belongs to a run that syncd did not make ({told}).",
            remedy="Set `embedding.brain_key` of the binding to another key, or remove that run: "
            f"dataset.delete_brain_run({key!r})",
        )
    return dict(mark)


def require_free(dataset: Any, key: str, binding: str) -> None:
    """``ConfigError`` where the key belongs to somebody else's run, or to another binding's."""
    mark = owner(dataset, key)
    if mark is not None and mark.get("binding") != binding:
        raise ConfigError(
            f"The brain key {key!r} of {dataset.name!r} belongs to the binding {mark.get('binding')!r}.",
            remedy="Set `embedding.brain_key` of one of the bindings.",
        )


def has_results(dataset: Any, key: str) -> bool:
    """Whether the run is there with its results: one of a process that was killed while it wrote is not."""
    return dataset.has_brain_run(key) and has_run_results(dataset, key)


def write_layout(
    dataset: Any,
    samples: Any,
    key: str,
    *,
    points: Any,
    sample_ids: Sequence[str],
    label_ids: Sequence[str] | None,
    patches_field: str | None,
    points_field: str | None,
    mark: dict[str, Any],
) -> None:
    """Puts a layout, (N, 2), in the place of the run ``key``. ``samples``: the dataset or the view that it is of.

    The run's time moves, by which browsers notice that the points are others. The field of points is left alone.
    """
    import numpy as np

    layouts = private(Private.LAYOUTS)
    config = layouts.ManualVisualizationConfig(
        patches_field=patches_field, num_dims=2, points_field=points_field, **{OWNER: mark}
    )
    method = config.build()
    results = layouts.VisualizationResults(
        samples,
        config,
        key,
        np.asarray(points, np.float32),
        sample_ids=np.asarray(sample_ids),
        label_ids=None if label_ids is None else np.asarray(label_ids),
    )
    with _complete(dataset, key):
        method.register_run(samples, key, overwrite=True, cleanup=False)
        method.save_run_results(samples, key, results)


def write_similarity(dataset: Any, key: str, *, field: str, patches_field: str | None, mark: dict[str, Any]) -> bool:
    """Registers similarity over the vectors of a field; ``False`` where it was there already.

    It reads the field whenever it is loaded, and so knows later vectors too.
    """
    import fiftyone.brain as fob

    if has_results(dataset, key) and dataset.get_brain_info(key).config.embeddings_field == field:
        return False
    with _complete(dataset, key):
        if dataset.has_brain_run(key):
            dataset.delete_brain_run(key)  # over another field, or of a process that was killed
        fob.compute_similarity(
            dataset,
            patches_field=patches_field,
            embeddings=field,
            brain_key=key,
            backend="sklearn",
            progress=False,
            **{OWNER: mark},
        )
    return True


@contextmanager
def _complete(dataset: Any, key: str) -> Iterator[None]:
    """Removes a run that has no results where what would have given it some fails."""
    try:
        yield
    except BaseException:
        if dataset.has_brain_run(key) and not has_results(dataset, key):
            private(Private.RUNS).BrainMethod.delete_run(dataset, key, cleanup=False)
        raise
