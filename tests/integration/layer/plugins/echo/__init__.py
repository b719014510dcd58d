"""Says who is signed in, wherever code of a plugin runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from syncd.app.identity import current


def who() -> list[str] | None:
    """Looks after a while, in which others ask too."""
    before = current()
    time.sleep(0.2)
    assert current() == before
    return None if before is None else [before.actor, before.role.value]


class Echo(foo.Operator):
    @property
    def config(self) -> Any:
        return foo.OperatorConfig(name="echo", label="echo", unlisted=True)

    def execute(self, ctx: Any) -> dict[str, Any]:
        return {"who": who()}


class EchoSteps(foo.Operator):
    @property
    def config(self) -> Any:
        return foo.OperatorConfig(name="echo_steps", label="echo", unlisted=True, execute_as_generator=True)

    def execute(self, ctx: Any) -> Iterator[Any]:
        yield ctx.log(str(who()))


class EchoPanel(foo.Panel):
    @property
    def config(self) -> Any:
        return foo.PanelConfig(name="echo_panel", label="echo")

    def on_load(self, ctx: Any) -> None:
        ctx.panel.set_data("who", who())

    def render(self, ctx: Any) -> Any:
        return types.Property(types.Object())


def register(plugin: Any) -> None:
    for each in (Echo, EchoSteps, EchoPanel):
        plugin.register(each)
