"""The frame of every call of the API: which configuration and binding it is about, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.api.faults import told_faults
from syncd.api.progress import Counting, Fractions, Progress, silent
from syncd.config import BindingConfig, Config, find_config, load_config
from syncd.errors import SyncdError


def configuration_of(config: Config | Path | str | None) -> Config:
    """A configuration as it is given: loaded already, a file, or (``None``) the one that a command would find."""
    if isinstance(config, Config):
        return config
    return load_config(find_config(None if config is None else Path(config)))


class Calls:
    """A binding of a configuration, and the frame of its methods."""

    def __init__(self, config: Config, name: str) -> None:
        self._settings: BindingConfig = config.binding(name)
        self._config = config
        self._closed = False

    @property
    def name(self) -> str:
        """The binding's name."""
        return self._settings.name

    @property
    def dataset(self) -> str:
        """The name of its dataset in FiftyOne."""
        return self._settings.dataset

    def close(self) -> None:
        """Ends it: no method works any more."""
        self._closed = True

    def __repr__(self) -> str:
        store = self._settings.store
        authority = self._settings.table if store is None else store.kind
        return f"<syncd binding {self.name!r}: {self.dataset}.{self._settings.label_field} = {authority}>"

    @contextmanager
    def _call(self, progress: Progress | Counting | None = None) -> Iterator[Fractions]:
        """A call: errors of drivers come out as syncd's own; the end is told where it ends well."""
        if self._closed:
            raise SyncdError(f"The binding {self.name!r} was closed.", remedy="Open it again: syncd.open_binding.")
        phase = Fractions(progress or silent)
        with told_faults():
            yield phase
        phase.done()
