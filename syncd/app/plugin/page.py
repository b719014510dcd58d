"""A part of a panel that is being made: what is shown, and the values that are shown in it.

Values go beside the schema, under the path of what shows them: a schema's defaults are taken once, and what changes
later would not be seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from fiftyone.operators import types

Callback: TypeAlias = "Callable[[Any], Any]"

TABLE = {"table": {"sx": {"minWidth": 0}, "size": "small"}}
"""Without this a table is wider than half a window, and its buttons are outside."""

WRAPPED = {"grid": {"sx": {"display": "flex", "flexWrap": "wrap", "& > *": {"width": "auto", "flex": "0 1 auto"}}}}
"""Without this what does not fit beside each other is outside of a narrow panel."""

_MARKED = re.compile(r"([\\`*_{}\[\]()<>#+!|~-])")


def quoted(text: object) -> str:
    """Others' text within Markdown, as it is."""
    return _MARKED.sub(r"\\\1", " ".join(str(text).split()))


class Page:
    """An object of a panel's schema, and its data."""

    def __init__(self, schema: Any = None) -> None:
        self.schema = types.Object() if schema is None else schema
        self.data: dict[str, Any] = {}
        self._count = 0

    def _name(self, name: str | None) -> str:
        self._count += 1
        return name or f"part{self._count}"

    def text(self, markdown: str, name: str | None = None) -> None:
        """A paragraph."""
        name = self._name(name)
        self.schema.str(name, view=types.MarkdownView())
        self.data[name] = markdown

    def notice(self, text: str, more: str = "") -> None:
        """Something to know."""
        self.schema.view(self._name(None), types.Notice(label=text, description=more))

    def warning(self, text: str, more: str = "") -> None:
        """Something to mind."""
        self.schema.view(self._name(None), types.AlertView(severity="warning", label=text, description=more))

    def error(self, text: str, more: str = "") -> None:
        """Something that is wrong."""
        self.schema.view(self._name(None), types.AlertView(severity="error", label=text, description=more))

    def image(self, uri: str, *, height: str = "150px", alt: str = "") -> None:
        """A picture."""
        name = self._name(None)
        self.schema.img(name, height=height, alt_text=alt)
        self.data[name] = uri

    def button(
        self,
        label: str,
        on_click: Callback,
        *,
        params: Mapping[str, Any] | None = None,
        icon: str | None = None,
        strong: bool = False,
        disabled: bool = False,
    ) -> None:
        """A button."""
        self.schema.btn(
            self._name(None),
            label,
            icon=icon,
            variant="contained" if strong else "outlined",
            disabled=disabled,
            on_click=on_click,
            params=dict(params or {}),
        )

    def row(self, **kwargs: Any) -> Page:
        """What stands side by side."""
        name = self._name(None)
        given = {"gap": 2, "align_y": "center", "componentsProps": WRAPPED} | kwargs
        inner = Page(self.schema.h_stack(name, **given))
        self.data[name] = inner.data
        return inner

    def column(self, **kwargs: Any) -> Page:
        """What stands one below the other."""
        name = self._name(None)
        inner = Page()
        # A stack that is vertical by name is as high as the panel, and cuts off what is wider.
        self.schema.define_property(name, inner.schema, view=types.GridView(**kwargs))
        self.data[name] = inner.data
        return inner

    def table(
        self,
        columns: Mapping[str, str],
        rows: Sequence[Mapping[str, Any]],
        actions: Sequence[tuple[str, str, str, Callback]] = (),
    ) -> None:
        """A table; ``actions`` are (name, label, icon, callback), and are told the row's number."""
        name = self._name(None)
        view = types.TableView(componentsProps=TABLE)
        for key, label in columns.items():
            view.add_column(key, label=label)
        for action, label, icon, callback in actions:
            view.add_row_action(action, callback, label=label, icon=icon)
        self.schema.list(name, types.Object(), view=view)
        self.data[name] = [dict(each) for each in rows]

    def plot(self, traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], *, height: int = 260) -> None:
        """A plot, by Plotly."""
        name = self._name(None)
        self.schema.plot(name, layout=dict(layout), height=height, config={"displayModeBar": False})
        self.data[name] = [dict(each) for each in traces]
