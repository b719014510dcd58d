"""What two spellings of one label have in common for certain: everything but case, spaces and separators."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_DASHES = re.compile("[\u2010-\u2014\u2212]")
_BLANKS = re.compile(r"[\s_]+")
# "<" is how EcoTaxa separates a taxon from the one above it (egg<other).
_SEPARATORS = re.compile(r"[ \-./:<]+")


def spelling(label: str) -> str:
    """A label without its case, spaces and separators; two labels that mean different things differ in it.

    A separator that may carry meaning stays: between digits (1.2, 1-2 and 12 are three), a sign or comparison before
    a number (-5, <5), a minus at the end (A-). So do accents and all other punctuation (``Copepod?`` is a doubt).
    """
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", label)).casefold()
    text = _BLANKS.sub(" ", _DASHES.sub("-", text)).strip()
    return _SEPARATORS.sub(_kept, text)


def _kept(found: re.Match[str]) -> str:
    """What stays of a run of separators; it depends on the characters before and after (empty at an end)."""
    separators, bare = found[0], found[0].replace(" ", "")
    before, after = found.string[max(found.start() - 1, 0) : found.start()], found.string[found.end() : found.end() + 1]
    if before.isdigit() and after.isdigit():
        return bare or "_"
    if not before or not after:
        return bare if "-" in bare or "<" in bare or (after.isdigit() and bare.endswith(".")) else ""
    if "<" in bare:
        return bare if before.isdigit() or after.isdigit() else ""
    is_sign = after.isdigit() and separators.startswith(" ") and separators[-1] in "-."
    return bare if is_sign else ""
