"""Finds the adapter of a binding's store among those that are installed."""

from __future__ import annotations

from syncd.adapters.base import StoreFactory
from syncd.config import BindingConfig
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
