"""Packages of an extra, imported when they are needed; a missing one is told in a sentence that names the extra."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

from syncd_embedding.errors import ExtraMissing, install


def scikit_learn() -> Any:
    """The package ``sklearn``; ``ExtraMissing`` where it is not installed."""
    return needed("sklearn", "scikit-learn", "embedding", "Neighbours and clusters")


def umap() -> Any:
    """The package ``umap``; importing it compiles, which takes seconds."""
    return needed("umap", "umap-learn", "embedding", "A layout by UMAP")


def pacmap() -> Any:
    """The package ``pacmap``."""
    return needed("pacmap", "pacmap", "embedding-pacmap", "A layout by PaCMAP")


def needed(module: str, package: str, extra: str, purpose: str) -> Any:
    """Import a module; ``ExtraMissing`` names what is to be installed where it is missing or does not load."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what packages say of others that they would like beside them
            return import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module
        why = "is not installed" if missing else f"cannot be imported: {error}"
        raise ExtraMissing(f"{purpose} needs {package}, which {why}.", remedy=install(extra)) from error
