"""The plugin ``@syncd/syncd`` as FiftyOne loads it: by this file alone, which imports the rest when it registers."""

from __future__ import annotations

from typing import Any


def register(plugin: Any) -> None:
    """Registers the operators and panels; where syncd cannot be imported, one operator that says so."""
    try:
        from syncd.app.plugin.registered import OPERATORS, PANELS
    except ImportError as error:
        plugin.register(_fallback(str(error)))
        return
    for each in (*OPERATORS, *PANELS):
        plugin.register(each)


def _fallback(why: str) -> type:
    """An operator in the place of ``sync`` that tells what is missing."""
    import fiftyone.operators as foo
    from fiftyone.operators import types

    said = (
        f"syncd cannot be imported by FiftyOne's Python: {why}. Install its wheel into the environment that serves the "
        "App, then restart the App's server."
    )

    class Missing(foo.Operator):
        """Says what is missing."""

        @property
        def config(self) -> Any:
            return foo.OperatorConfig(name="sync", label="syncd: not installed here", view_target=False)

        def resolve_input(self, ctx: Any) -> Any:
            del ctx
            form = types.Object()
            form.view("why", types.Error(label="syncd is not installed here", description=said))
            return types.Property(form)

        def execute(self, ctx: Any) -> dict[str, Any]:
            ctx.ops.notify(said, variant="error")
            return {"error": "ImportError", "message": said}

    return Missing
