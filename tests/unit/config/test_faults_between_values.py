"""Faults that lie between values are named at the value to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.config.support import MINIMAL, Row, check_row, faults_of, in_binding, replaced

CROSS: dict[str, Row] = {
    "attribute on the column of the label": (
        in_binding("attributes: {kind: label}"), "bindings[0].attributes.kind", 9, '"label"', "a column of its own",
        "bindings[0].columns.label has it already, on line 8",
    ),
    "attribute whose default column is taken": (
        in_binding("attributes: {media_uri: }"), "bindings[0].attributes.media_uri", 9, '"media_uri"',
        "a column of its own", "columns.media",
    ),
    "two attributes on one column": (
        in_binding("attributes: {a: {column: c}, b: {column: c}}"), "bindings[0].attributes.b.column", 9, '"c"',
        "a column of its own", "attributes.a.column",
    ),
    "box names a column twice": (
        replaced("media:", "box: [x, y, w, w], media:"), "bindings[0].columns.box[3]", 8, '"w"', "a column of its own",
        "box[2]",
    ),
    "error column is the label's": (
        in_binding("review: {error_column: label}"), "bindings[0].review.error_column", 9, '"label"',
        "a column of its own", "columns.label",
    ),
    "attribute is the id attribute": (
        in_binding("annotation_id: uid\nattributes: {uid: x}"), "bindings[0].attributes.uid", 10, "the id attribute",
        "any other attribute", None,
    ),
    "attribute is the default id attribute": (
        in_binding("attributes: {annotation_id: x}"), "bindings[0].attributes.annotation_id", 9, "the id attribute",
        "any other attribute", "columns.id",
    ),
    "attribute called label": (
        in_binding("attributes: {label: x}"), "bindings[0].attributes.label", 9, "reserved", "a name without",
        "under columns",
    ),
    "attribute called tags": (
        in_binding("attributes: {tags: x}"), "bindings[0].attributes.tags", 9, "reserved", "a name without", None,
    ),
    "id attribute called id": (
        in_binding("annotation_id: id"), "bindings[0].annotation_id", 9, '"id"', "a name without", None,
    ),
    "verified is not mapped": (
        in_binding("attributes: {verified: v}\nreview: {verified: verifed}"), "bindings[0].review.verified", 10,
        '"verifed"', "a mapped attribute", "did you mean verified?",
    ),
    "alias of an alias": (
        in_binding("aliases: {a: b, b: c}"), "bindings[0].aliases.a", 9, '"b"', "no alias itself", "aliases.b",
    ),
    "alias of itself": (
        in_binding("aliases: {a: a}"), "bindings[0].aliases.a", 9, "itself", "the term", None,
    ),
    "alias of no class": (
        in_binding("vocabulary: {classes: [Copepoda]}\naliases: {x: Copepda}"), "bindings[0].aliases.x", 10,
        '"Copepda"', "vocabulary.classes", "did you mean Copepoda?",
    ),
    "class given twice": (
        in_binding("vocabulary: {classes: [A, B, A]}"), "bindings[0].vocabulary.classes[2]", 9, '"A"', "once",
        "classes[0]",
    ),
    "tag that approves and flags": (
        in_binding("review: {approve: [ok], error: [ok]}"), "bindings[0].review.error[0]", 9, '"ok"',
        "does not approve", "approve[0]",
    ),
    "tagged without a tag": (
        in_binding("review: {mode: tagged, approve: []}"), "bindings[0].review.approve", 9, "an empty list",
        "at least one tag", None,
    ),
    "latest without times": (
        in_binding("policy: {on_conflict: latest}"), "bindings[0].policy.on_conflict", 9, '"latest"',
        "columns.updated_at", None,
    ),
    "an embedding by a model that there is not": (
        in_binding("embedding: {model: ourss}") + "embedding: {models: {ours: }}\n", "bindings[0].embedding.model", 9,
        '"ourss"', "the name of a model", "did you mean ours?",
    ),
    "an embedding that leaves the model open": (
        in_binding("embedding: {of: patches}") + "embedding: {models: {a: , b: }}\n", "bindings[0].embedding.model", 9,
        "nothing", "the name of a model", "embedding.models has a, b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", CROSS.values(), ids=CROSS.keys())
def test_values_that_do_not_go_together_give_one_fault(tmp_path: Path, row: Row) -> None:
    check_row(tmp_path, row)


@pytest.mark.parametrize(("key", "value"), [("name", "one"), ("label_field", "ground_truth")])
def test_two_bindings_may_not_share_a_name_or_a_label_field(tmp_path: Path, key: str, value: str) -> None:
    first = MINIMAL.partition("bindings:\n")[2]
    second = first.replace("name: one", "name: two").replace("ground_truth", "other")
    second = second.replace({"name": "name: two", "label_field": "label_field: other"}[key], f"{key}: {value}")
    (fault,) = faults_of(tmp_path, MINIMAL + second)
    assert fault.place == f"bindings[1].{key}"
    assert fault.hint is not None
    assert f"bindings[0].{key} has it already" in fault.hint
