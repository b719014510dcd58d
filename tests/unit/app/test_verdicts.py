"""What a request does, read off its method, path and body."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from syncd.app.doors import Asked, Verdict, verdict
from syncd.app.layer import is_media
from syncd.app.reports import new_report


def graphql(query: str, **more: Any) -> Asked:
    return Asked("POST", "/graphql", body=json.dumps({"query": query, **more}).encode())


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Asked("GET", "/datasets/lab"), Verdict.LOOKS),
        (Asked("HEAD", "/media", "filepath=/a.png"), Verdict.LOOKS),
        (Asked("GET", "/graphql", "query=mutation{setView}"), Verdict.CHANGES),
        (Asked("POST", "/aggregate"), Verdict.LOOKS),
        (Asked("POST", "/embeddings/v2/lasso-stage"), Verdict.LOOKS),
        (Asked("POST", "/aggregate/"), Verdict.CHANGES),
        (Asked("POST", "/unheard-of"), Verdict.CHANGES),
        (Asked("PUT", "/aggregate"), Verdict.CHANGES),
        (Asked("PATCH", "/dataset/a/sample/b"), Verdict.CHANGES),
        (Asked("DELETE", "/dataset/a/sample/b/tags"), Verdict.CHANGES),
        (Asked("POST", "/tag"), Verdict.CHANGES),
        (Asked("POST", "/event"), Verdict.CHANGES),
        (Asked("POST", "/sort"), Verdict.CHANGES),
        (Asked("POST", "/events", body=b'{"initializer": {"dataset": "a"}}'), Verdict.LOOKS),
        (Asked("POST", "/events", body=b'{"initializer": {"_CLS": "a.StateDescription"}}'), Verdict.CHANGES),
        (Asked("POST", "/events", body=b'{"initializer": null}'), Verdict.CHANGES),
        (Asked("POST", "/operators/execute", body=b'{"operator_uri": "@syncd/syncd/history"}'), Verdict.LOOKS),
        (Asked("POST", "/operators/execute", body=b'{"operator_uri": "@syncd/syncd/relabel"}'), Verdict.CHANGES),
        (Asked("POST", "/operators/execute/generator", body=b'{"operator_uri": "@evil/a/b"}'), Verdict.CHANGES),
        (Asked("POST", "/operators/resolve-type", body=b'{"operator_uri": "@evil/a/b"}'), Verdict.CHANGES),
        (Asked("POST", "/operators/subscribe-execution-store", body=b'{"operator_uri": "@evil/a/b"}'), Verdict.CHANGES),
        (Asked("POST", "/operators/execute", body=b"not json"), Verdict.CHANGES),
        (Asked("POST", "/operators/execute", body=b"[]"), Verdict.CHANGES),
        (Asked("POST", "/operators/execute", body=b'{"operator_uri": ["@syncd/syncd/history"]}'), Verdict.CHANGES),
        (graphql("query a { version }"), Verdict.LOOKS),
        (graphql("{ version }"), Verdict.LOOKS),
        (graphql("mutation a { setView(subscription: 1) }"), Verdict.TELLS),
        (graphql("mutation a { harmless: deleteSavedView(viewName: 1) }"), Verdict.CHANGES),
        (graphql("mutation a { setView(subscription: 1) deleteSavedView(viewName: 1) }"), Verdict.CHANGES),
        (graphql("query a { version } mutation b { deleteSavedView }", operationName="a"), Verdict.CHANGES),
        (graphql("mutation a { ...b } fragment b on Mutation { deleteSavedView }"), Verdict.CHANGES),
        (graphql("subscription a { setView }"), Verdict.TELLS),
        (graphql("mutation {"), Verdict.CHANGES),
        (Asked("POST", "/graphql", body=b'[{"query": "mutation { setColorScheme }"}]'), Verdict.CHANGES),
        (Asked("POST", "/graphql", body=b'------multipart'), Verdict.CHANGES),
        (Asked("POST", "/graphql", body=b'{"query": 5}'), Verdict.CHANGES),
    ],
)  # fmt: skip
def test_what_is_not_known_to_only_look_changes(asked: Asked, found: Verdict) -> None:
    assert verdict(asked) is found


@pytest.mark.parametrize(
    ("query", "media"),
    [
        ("filepath=/data/a.png", True),
        ("filepath=%2Fdata%2FA.JPEG", True),
        ("filepath=/data/scan.nii", True),
        ("", True),
        ("filepath=/etc/passwd", False),
        ("filepath=/etc/syncd/syncd.yaml", False),
        ("filepath=/data/a.png&filepath=/etc/passwd", False),
        ("filepath=/etc/passwd%00.png", True),  # no such file: FiftyOne's own answer
    ],
)
def test_only_media_files_are_handed_out(query: str, media: bool) -> None:
    assert is_media(query) is media


def test_a_report_of_ours_is_given_out_and_no_other_page() -> None:
    report = new_report("a/b")
    assert is_media(f"filepath={quote(str(report))}")
    assert not is_media(f"filepath={quote(str(report.parent.parent / report.name))}")
    assert not is_media(f"filepath={quote(str(report.with_suffix('.yaml')))}")
    assert not is_media(f"filepath={quote(str(report.parent))}/../{report.name}")
