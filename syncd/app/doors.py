"""The doors of FiftyOne's server: which requests a viewer may send; pure.

What is not known to only look is refused, so that a door that a new FiftyOne opens stays shut until somebody looks at
it. Known are those of FiftyOne 1.22; ``tests/integration/layer/test_doors.py`` goes through all of the installed one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

PLUGIN = "@syncd/syncd"

LOOKING_OPERATORS = frozenset(
    [
        f"{PLUGIN}/{name}"
        for name in ("history", "preview", "refresh_embeddings", "report", "syncd", "syncd_history", "syncd_dashboard")
    ]
    + [
        f"@voxel51/operators/{name}"
        for name in (
            *("get_label_schemas", "list_valid_annotation_fields", "get_field_schema", "load_group_by"),
            *("list_saved_views", "load_saved_view", "list_workspaces", "load_workspace"),
        )
    ]
)
"""Operators that change nothing, and the panels of syncd's plugin, whose callbacks that write ask for the role."""

FILE_OPERATORS = frozenset({"@voxel51/operators/list_files"})
"""They show any folder of the server; that is for its own user alone."""

LOOKING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

LOOKING_POSTS = re.compile(
    r"/(aggregate|frames|geo|get-similar-labels-frames|tagging|values|video-labels/(index|window)"
    r"|embeddings/(plot|selection|extended-stage|color-by-choices)"
    r"|embeddings/v2/(runs-status|run-info|geometry|ids|color|masks|lasso-stage|sample-info)"
    r"|operators|operators/resolve-placements)"
)

BY_OPERATOR = re.compile(
    r"/operators/(execute|execute/generator|resolve-type|resolve-execution-options|subscribe-execution-store)"
)
"""Doors behind which an operator's code runs: it is named in the body."""

GRAPHQL, EVENTS = "/graphql", "/events"

OF_THE_WINDOW = frozenset(
    {
        *("setDataset", "setView", "setGroupSlice", "setSample", "setSpaces", "setFieldVisibilityStage"),
        *("setSelected", "setSelectedSamples", "setSelectedLabels", "searchSelectFields"),
        *("setSampleSelectionStyle", "setLabelSelectionStyle"),
    }
)
"""Mutations that tell the server what a window shows; those of others write to the database."""


class Verdict(Enum):
    """What a request does."""

    LOOKS = "looks"
    TELLS = "tells"
    """It tells the server, and by it all other windows, what this window shows."""

    CHANGES = "changes"


@dataclass(frozen=True)
class Asked:
    """A request, as far as it matters here; ``body`` is read only where it is needed."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""


def needs_body(method: str, path: str) -> bool:
    """Whether what a request does is in its body."""
    return method == "POST" and (path in (GRAPHQL, EVENTS) or BY_OPERATOR.fullmatch(path) is not None)


def verdict(asked: Asked) -> Verdict:
    """What a request does."""
    if asked.method in LOOKING_METHODS:
        # A query may stand in the address; the App never sends it so.
        return Verdict.LOOKS if asked.path != GRAPHQL or "query" not in asked.query else Verdict.CHANGES
    if asked.method != "POST":
        return Verdict.CHANGES
    if LOOKING_POSTS.fullmatch(asked.path):
        return Verdict.LOOKS
    if not needs_body(asked.method, asked.path):
        return Verdict.CHANGES
    body = _document(asked.body)
    if asked.path == GRAPHQL:
        found = mutations(body)
        if not found:
            return Verdict.CHANGES if found is None else Verdict.LOOKS
        return Verdict.TELLS if OF_THE_WINDOW.issuperset(found) else Verdict.CHANGES
    if asked.path == EVENTS:
        return Verdict.LOOKS if _is_a_window(body) else Verdict.CHANGES
    return Verdict.LOOKS if _operator(body) in LOOKING_OPERATORS else Verdict.CHANGES


def shows_files(asked: Asked) -> bool:
    """Whether a request has the server show its folders, whichever they are."""
    return BY_OPERATOR.fullmatch(asked.path) is not None and _operator(_document(asked.body)) in FILE_OPERATORS


def mutations(body: dict[str, Any]) -> list[str] | None:
    """The mutations that a GraphQL request asks for; ``None`` where that cannot be told."""
    from graphql import GraphQLError, parse
    from graphql.language import FieldNode, OperationDefinitionNode, OperationType

    try:
        document = parse(body["query"])
    except (KeyError, TypeError, GraphQLError):
        return None
    found = []
    for each in document.definitions:
        if not isinstance(each, OperationDefinitionNode) or each.operation is OperationType.QUERY:
            continue
        for chosen in each.selection_set.selections:
            if not isinstance(chosen, FieldNode):
                return None
            found.append(chosen.name.value)
    return found


def _is_a_window(body: dict[str, Any]) -> bool:
    """Whether it is a window of the App that listens; a session of the SDK would tell everybody what to show."""
    first = body.get("initializer")
    return isinstance(first, dict) and "_CLS" not in first


def _operator(body: dict[str, Any]) -> str | None:
    named = body.get("operator_uri")
    return named if isinstance(named, str) else None


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode())
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
