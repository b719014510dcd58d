"""Names under which results are found in FiftyOne."""

from __future__ import annotations

import re
from dataclasses import dataclass

from syncd.errors import ConfigError

SUSPECT_VIEW = "suspect-labels"
"""The saved view of the labels that are worth a look."""


@dataclass(frozen=True)
class Names:
    """Of one model's results: fields, and keys of brain runs.

    ``brain_key`` takes the place of the layout's own, ``field`` that of the field of vectors.
    """

    model: str
    layout_method: str = "umap"
    brain_key: str | None = None
    view: str | None = None
    field: str | None = None

    @property
    def _stem(self) -> str:
        return identifier(self.model)

    @property
    def vectors(self) -> str:
        """The field of vectors, where they are kept in FiftyOne."""
        return self.field or f"embedding_{self._stem}"

    @property
    def suspect(self) -> str:
        """The name of the field of suspects' scores (0 to 1)."""
        return f"suspect_{self._stem}"

    @property
    def suspect_label(self) -> str:
        """The field of what the neighbours say."""
        return f"suspect_{self._stem}_label"

    @property
    def cluster(self) -> str:
        """The name of the field of cluster numbers."""
        return f"cluster_{self._stem}"

    @property
    def layout(self) -> str:
        """The brain key of the layout; a view's has the view's name at its end."""
        key = self.brain_key or f"{self._stem}_{self.layout_method}"
        if not key.isidentifier():
            raise ConfigError(
                f"{key!r} is no key that FiftyOne takes: it expects letters, digits and underscores.",
                remedy="Mend `embedding.brain_key` of the binding.",
            )
        return key if self.view is None else f"{key}_{identifier(self.view)}"

    @property
    def points(self) -> str:
        """The field of the layout's points."""
        return f"points_{self.layout}"

    @property
    def similarity(self) -> str:
        """The brain key of the similarity."""
        return f"{self._stem}_similarity"


def identifier(name: str) -> str:
    """A name as FiftyOne's keys and fields may be: letters, digits and underscores, no digit first."""
    plain = re.sub(r"\W", "_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain
