"""Text that others wrote neither steers a terminal nor hides anything from a reader, and stays readable."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.printable import printable, printable_json, printable_lines

STEERING = {
    "\x1b[2J": "\\x1b[2J",
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "\x9b31m": "\\x9b31m",
    "a\r\nb": "a\\r\\nb",
    "a\tb\x08\x7f": "a\\tb\\x08\\x7f",
    "a\x85b\x0bc\x0cd": "a\\x85b\\x0bc\\x0cd",
    "a\u2028b\u2029c": "a\\u2028b\\u2029c",
    "\u202egnp.exe\u202c": "\\u202egnp.exe\\u202c",
    "\u2066a\u2069\u200e\u200f\u061c": "\\u2066a\\u2069\\u200e\\u200f\\u061c",
    "Cope\u200bpoda": "Cope\\u200bpoda",
    "Cope\u200dpoda": "Cope\\u200dpoda",
    "\ufeffCopepoda\u2060": "\\ufeffCopepoda\\u2060",
    "Copepoda\ufe0f": "Copepoda\\ufe0f",
    "Cope\xadpoda\u3164": "Cope\\xadpoda\\u3164",
    "a\U000e0041\U000e007f": "a\\U000e0041\\U000e007f",
    "a\U000e0101": "a\\U000e0101",
    "half \ud83d": "half \\ud83d",
}

READABLE = (
    "Copepoda",
    "Ciliate sp. 3 – früh, naïve, Ωμέγα",
    "e\u0301toile",  # a combining mark
    "海胆 プランクトン 浮游生物",
    "葛\U000e0100城",  # a variant of a character
    "قنديل البحر",
    "می\u200cخواهم",  # a joiner of Persian
    "क्\u200dष श्\u200cरी",  # joiners of Hindi
    "🦐 🐙 👩\u200d🔬 🧑🏽\u200d🔬 ❤\ufe0f 🏳\ufe0f\u200d🌈 🐦\u200d⬛ 1\ufe0f\u20e3",
    "no\u00a0break",
)


@pytest.mark.parametrize("text", STEERING)
def test_what_steers_a_terminal_is_shown_by_its_escape(text: str) -> None:
    assert printable(text) == STEERING[text]


@pytest.mark.parametrize("text", READABLE)
def test_ordinary_text_of_every_script_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_all_controls_and_formats_that_nothing_needs_are_escaped() -> None:
    shown = "".join(map(chr, (each for each in range(0x110000) if printable(f"a{chr(each)}a") == f"a{chr(each)}a")))
    left = {each for each in shown if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    # Signs that are drawn, around digits or syllables, though Unicode counts them as formats.
    drawn = {
        "\u0600",
        "\u0601",
        "\u0602",
        "\u0603",
        "\u0604",
        "\u0605",
        "\u06dd",
        "\u070f",
        "\u0890",
        "\u0891",
        "\u08e2",
    }
    assert {each for each in left if each not in drawn and not "\U000110bd" <= each <= "\U0001345f"} == set()


@given(st.text())
def test_the_text_is_one_line_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert len(f"a{shown}a".splitlines()) == 1
    assert printable(shown) == shown
    shown.encode()


def test_lines_are_kept_where_several_are_meant() -> None:
    assert printable_lines("one\x1b\ntwo\r\nthree", "  ") == "one\\x1b\n  two\\r\n  three"


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_says_exactly_the_same(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    shown = printable_json(text)
    assert json.loads(shown) == value
    assert printable_lines(shown) == shown
    shown.encode()
