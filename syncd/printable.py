r"""Text that others wrote, in a form that a terminal shows and does not obey.

Labels, names and what servers say may hold characters that move the cursor, set colours or titles, begin a line,
reverse the direction of writing, or cannot be seen at all. Each of them is replaced by its escape (``\x1b``,
``\n``, ``\u202e``). Letters, combining marks and emoji of every script stay as they are, and so do the invisible
characters that belong to them: the joiners of Indic and Arabic script, of an emoji of several parts, and the selectors
of a variant of a character.
"""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = (
    r"\x00-\x1f\x7f-\x9f"  # controls (C0, DEL, C1), among them the escape character and the line breaks
    r"\u2028\u2029"  # line and paragraph separators
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # directions of writing
    r"\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff"  # of no width
    r"\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # hyphens, fillers and joiners that are not drawn
    r"\ufe00-\ufe0f\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"  # selectors, annotations, no characters, half characters
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # shorthand, music, tags and more selectors
)
_UNSEEN_CHARACTER = re.compile(f"[{_UNSEEN}]")

_OTHER_BLANK = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
"""Blanks that are drawn like the usual one, or nearly so."""

ZWNJ, ZWJ, KEYCAP = "\u200c", "\u200d", "\u20e3"
_VIRAMA = 9
"""Combining class of the sign after which a joiner says how an Indic consonant is joined to the next."""
_FIRST_SYMBOL = 0x2190
"""No emoji is joined from characters below this one."""


def printable(text: str) -> str:
    """The text on one line, with nothing in it that steers a terminal or that a reader cannot see."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN_CHARACTER.sub(_replaced, text)


def visible(text: str) -> str:
    r"""As :func:`printable`, in quotes where nobody would see otherwise what blanks are in it.

    A label with a blank at its end, with two where there should be one, or with one of another kind (``\xa0``) is
    another label than the one that looks the same; so is an empty one.
    """
    line = _OTHER_BLANK.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), printable(text))
    plain = line == line.strip(" ") and "  " not in line and line and not (line[0] == line[-1] == '"')
    if plain and not _OTHER_BLANK.search(text):
        return line
    return '"' + line.replace('"', '\\"') + '"'


def printable_lines(text: str, indent: str = "") -> str:
    """As :func:`printable`, for text of several lines; all but the first line begin with ``indent``."""
    return f"\n{indent}".join(map(printable, text.split("\n")))


def printable_json(document: str) -> str:
    r"""A JSON document that reads as the same values, with every such character inside its texts as ``\uXXXX``."""
    return _UNSEEN_CHARACTER.sub(_in_json, document)


def _replaced(found: re.Match[str]) -> str:
    character = found.group()
    if _belongs(found.string, found.start()):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _in_json(found: re.Match[str]) -> str:
    character = found.group()
    if character == "\n":  # between values: inside of texts it is escaped already
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _belongs(text: str, at: int) -> bool:
    """Whether an invisible character is part of the writing around it, and changes how that is drawn."""
    before, character, after = text[at - 1 : at] if at else "", text[at], text[at + 1 : at + 2]
    if not before:
        return False
    if character in (ZWNJ, ZWJ):
        return (
            unicodedata.combining(before) == _VIRAMA
            or (_is_arabic(before) and _is_arabic(after))
            or (character == ZWJ and _is_symbol(before) and _is_symbol(after))
        )
    if "\ufe00" <= character <= "\ufe0f":
        return after == KEYCAP or (before > "\x7f" and unicodedata.category(before) in ("So", "Sm", "Po", "Pd", "Lo"))
    if "\U000e0100" <= character <= "\U000e01ef":
        return unicodedata.category(before) == "Lo" and unicodedata.east_asian_width(before) == "W"
    return False


def _is_arabic(character: str) -> bool:
    return bool(character) and unicodedata.bidirectional(character) in ("AL", "NSM")


def _is_symbol(character: str) -> bool:
    """Whether it may be a part of an emoji: a symbol, a skin tone, a selector; also one that is newer than Python."""
    if not character or ord(character) < _FIRST_SYMBOL:
        return False
    return character == "\ufe0f" or unicodedata.category(character) in ("So", "Sm", "Sk", "Cn")
