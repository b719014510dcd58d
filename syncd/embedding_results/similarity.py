"""Similarity in FiftyOne: the vectors in a field of their bearers, and the brain run that reads them there."""

from __future__ import annotations

from syncd.adapters.fiftyone.computed_fields import write_computed
from syncd.embedding_results import fields, runs
from syncd.embedding_results.names import Names
from syncd.embedding_results.workplace import Phase, Workplace

VECTORS = "vectors-in-fiftyone.npz"
"""File beside the vectors: which of them FiftyOne has."""

AT_ONCE = 20_000
"""Vectors that are in memory while they are written."""


def bring_similarity(place: Workplace, names: Names, tell: Phase) -> bool:
    """Registers similarity over the field of vectors; whether that is another than before."""
    tell("registering similarity")
    return runs.write_similarity(
        place.dataset,
        names.similarity,
        field=names.vectors,
        patches_field=place.bearers.patches_field,
        mark=place.mark,
    )


def bring_field(place: Workplace, names: Names, tell: Phase) -> int:
    """Writes the vectors that FiftyOne has not, or has otherwise, and takes away those of earlier settings.

    Returns how many were written.
    """
    tell("writing vectors")
    import numpy as np

    from syncd_embedding.arrays import load_arrays, save_arrays

    there, file = place.there, place.folder / VECTORS
    usable = np.flatnonzero(there.usable)
    keys, digests = there.keys[usable].tolist(), there.digests[usable].tolist()
    sample_of = dict(place.frame.select("key", "sample_id").iter_rows())
    stamp = f"{place.info.identity} {names.vectors} {there.settings}"
    is_there = place.dataset.get_field(place.bearers.path(names.vectors)) is not None
    known = load_arrays(file)
    if known is None or not is_there or str(known["stamp"]) != stamp:
        known = None
    had = {} if known is None else dict(zip(known["keys"].tolist(), known["digests"].tolist(), strict=True))
    if known is None and is_there:
        # Vectors of other settings have another meaning, perhaps another length: none of them may stay.
        ours = set(keys)
        others = [key for key in place.frame["key"].to_list() if key not in ours]
        of = [sample_of[key] for key in others]
        write_computed(place.samples, place.bearers, others, of, {names.vectors: [None] * len(others)})
    rows = [row for row, (key, digest) in enumerate(zip(keys, digests, strict=True)) if had.get(key) != digest]
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        wanted = [keys[row] for row in part]
        of = [sample_of[key] for key in wanted]
        vectors = place.rows(usable[part])
        fields.write_vectors(place.dataset, place.samples, place.bearers, names.vectors, wanted, of, vectors)
    if rows or known is None:
        save_arrays(file, keys=there.keys[usable], digests=there.digests[usable], stamp=np.array(stamp))
    return len(rows)
