"""Embeddings of annotated media; usable without the rest of syncd.

What needs torch is imported when it is asked for, so that stored vectors can be read without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncd_embedding.embedder import Embedder as Embedder
    from syncd_embedding.errors import EmbeddingError as EmbeddingError
    from syncd_embedding.layouts import layout as layout
    from syncd_embedding.settings import ModelSettings as ModelSettings
    from syncd_embedding.store import Row as Row
    from syncd_embedding.store import VectorStore as VectorStore
    from syncd_embedding.suspicion import suspects as suspects
    from syncd_embedding.worker import Item as Item

_WHERE = {
    "Embedder": "embedder",
    "EmbeddingError": "errors",
    "Item": "worker",
    "ModelSettings": "settings",
    "Row": "store",
    "VectorStore": "store",
    "layout": "layouts",
    "suspects": "suspicion",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'syncd_embedding' has no attribute {name!r}")
    try:
        return getattr(import_module(f"syncd_embedding.{_WHERE[name]}"), name)
    except ModuleNotFoundError as missing:
        if missing.name not in {"numpy", "torch"}:
            raise
        from syncd_embedding.errors import ExtraMissing, install

        raise ExtraMissing(
            f"Embeddings need the package {missing.name}, which is not installed.",
            remedy=install("embedding"),
        ) from None
