"""What `make audit` tells: what is known is told, and what could not be asked is never told as sound."""

from __future__ import annotations

from typing import Any

from tools.dependency_audit import NOT_AUDITED, SOUND, VULNERABLE, verdict

GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"], "aliases": []}]}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def told(*packages: dict[str, Any]) -> tuple[int, str]:
    return verdict({"dependencies": list(packages), "fixes": []})


def test_all_asked_and_nothing_known_is_sound() -> None:
    assert told(GOOD)[0] == SOUND


def test_a_known_vulnerability_is_named_with_the_version_that_mends_it() -> None:
    code, text = told(GOOD, BAD, UNKNOWN)
    assert code == VULNERABLE
    assert "bad 2: CVE-1, mended in 2.1" in text
    assert "NOT AUDITED" in text


def test_what_the_service_says_nothing_of_is_not_sound() -> None:
    code, text = told(GOOD, UNKNOWN)
    assert code == NOT_AUDITED
    assert "1 of 2" in text


def test_nothing_asked_is_not_sound() -> None:
    assert told()[0] == NOT_AUDITED
