"""Embeddings of annotated media; usable without the rest of syncd."""
