"""Finds the adapter of a binding's store among those that are installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Connection

from syncd.adapters.base import Opening, OpenStore, StoreFactory
from syncd.adapters.connect import open_database
from syncd.adapters.sql.limits import LIMITS
from syncd.config import BindingConfig, Config
from syncd.config.store import GROUP, SQL, find_adapter
from syncd.errors import ConfigError


def kind_of(binding: BindingConfig) -> str:
    """The kind of store that a binding names: SQL, where it names none."""
    return SQL if binding.store is None else binding.store.kind


def factory_of(binding: BindingConfig) -> StoreFactory:
    """The factory that opens the binding's store; ``ConfigError`` where it is not installed."""
    kind = kind_of(binding)
    factory: StoreFactory | None = find_adapter(kind)
    if factory is None:
        raise ConfigError(
            f"The binding {binding.name!r} needs an adapter of kind {kind!r}, and none is installed "
            f"(an entry point of the group {GROUP}).",
            remedy="Install syncd again, or the package that brings the adapter.",
        )
    return factory


@contextmanager
def open_alone(config: Config, binding: BindingConfig) -> Iterator[tuple[OpenStore, Connection | None]]:
    """The binding's store, over a connection of its own; for a look at it that needs nothing else of the binding.

    With it comes the connection to the lab's database, where the store is SQL.
    """
    with ExitStack() as stack:
        lab = None
        if binding.store is None:
            lab = stack.enter_context(open_database(config.database.url.get_secret_value()))
            stack.callback(lab.engine.dispose)
        yield stack.enter_context(factory_of(binding).open(Opening(config, binding, LIMITS, lab))), lab
