"""A running App server keeps a layout in memory, and shows the old one until it is told to forget it."""

from __future__ import annotations

from typing import Any

from syncd.config import Config

OPERATOR = "@syncd/syncd/refresh_embeddings"
"""The operator of syncd's plugin that calls :func:`forget` in the server."""

PATIENCE_S = 10.0


def forget(dataset: Any) -> None:
    """Has this process's FiftyOne forget what it keeps of a dataset's brain runs; called within the App server."""
    dataset.clear_cache()


def refresh_app(config: Config, dataset: str) -> str | None:
    """Has the App server at ``fiftyone.app_url`` show the new layout; says what is left to a person to do, if anything.

    A server that does not answer, or has no plugin of syncd's, is no failure: the results are in the dataset.
    """
    address = config.fiftyone.app_url
    if address is None:
        return (
            "An App server that is running already may show the old layout: reload it there by the operator "
            "refresh_embeddings, or restart it. Set `fiftyone.app_url` and syncd does it by itself."
        )
    import httpx

    body = {"operator_uri": OPERATOR, "dataset_name": dataset, "params": {}}
    try:
        answer = httpx.post(f"{str(address).rstrip('/')}/operators/execute", json=body, timeout=PATIENCE_S)
        answer.raise_for_status()
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return f"The App server at {address} could not be told of the new layout ({_why(error)}): restart it."
    failed = said.get("error") if isinstance(said, dict) else "its answer is no JSON object"
    return f"The App server at {address} could not show the new layout: {_line(failed)}" if failed else None


def _why(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 404:
        return "it has no plugin of syncd's: `syncd plugin install`"
    return f"it answered {status}" if status is not None else type(error).__name__


def _line(said: object) -> str:
    return (str(said).strip().splitlines() or ["it does not say why"])[-1][:200]
