"""What a viewer's window shows, kept apart from the other windows.

FiftyOne's server has one state for all its windows: the dataset, the view, the open sample, the panels. A window tells
it of each step and gets an answer that it needs, such as the view that its stages make. A viewer's window gets the same
answers from the same code, which works on a state that is thrown away.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any, cast

from syncd.adapters.fiftyone.compat import Private, private
from syncd.app.layer import Application

MUTATIONS, APART = Private.SERVER_MUTATIONS.value, "syncd_fiftyone_mutations_apart"


def apart() -> Application:
    """FiftyOne's GraphQL over a copy of its mutations that changes no state and tells no window."""
    import strawberry

    query = private(Private.SERVER_QUERIES).Query
    scalars = private(Private.SERVER_CONSTANTS).SCALAR_OVERRIDES
    schema = strawberry.Schema(mutation=_copy().Mutation, query=query, scalar_overrides=scalars)
    return cast("Application", private(Private.SERVER_CONTEXT).GraphQL(schema))


def _copy() -> ModuleType:
    found = find_spec(MUTATIONS)
    spec = None if found is None or found.origin is None else spec_from_file_location(APART, found.origin)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(MUTATIONS)
    module = module_from_spec(spec)
    # By this name the types of its arguments are looked up.
    sys.modules[APART] = module
    spec.loader.exec_module(module)
    module.__dict__.update(get_state=_state, dispatch_event=_tell_nobody)
    return module


def _state() -> Any:
    return private(Private.STATE).StateDescription()


async def _tell_nobody(_subscription: str | None, event: Any) -> Any:
    return event
