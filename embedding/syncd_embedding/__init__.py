"""Embeddings of annotated media; usable without the rest of syncd.

What needs torch is imported when it is asked for, so that stored vectors can be read without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncd_embedding.errors import EmbeddingError as EmbeddingError
    from syncd_embedding.layouts import layout as layout
    from syncd_embedding.store import Row as Row
    from syncd_embedding.store import VectorStore as VectorStore
    from syncd_embedding.suspicion import suspects as suspects

_WHERE = {
    "EmbeddingError": "errors",
    "Row": "store",
    "VectorStore": "store",
    "layout": "layouts",
    "suspects": "suspicion",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'syncd_embedding' has no attribute {name!r}")
    return getattr(import_module(f"syncd_embedding.{_WHERE[name]}"), name)
