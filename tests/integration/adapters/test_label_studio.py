"""What Label Studio's adapter makes of tokens, failures, odd regions, and of other writers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contract.label_studio_bench import LabelStudioBench
from label_studio_double import LabelStudio
from syncd.adapters.label_studio.config import LabelStudioConfig
from syncd.adapters.label_studio.connect import connect
from syncd.adapters.label_studio.store import LabelStudioStore
from syncd.adapters.rest.errors import LostAnswer, TokenRefused
from syncd.errors import ConfigError, DatabaseUnavailable
from syncd.model import BOX, Kind
from syncd.model.vocabulary import Term
from syncd.testing.contract.bench import item


@pytest.fixture
def bench() -> Iterator[LabelStudioBench]:
    made = LabelStudioBench()
    yield made
    made.close()


def test_a_personal_token_is_exchanged_and_renewed_when_it_expires() -> None:
    server = LabelStudio()
    client = connect(server.url, server.personal_token, transport=server.transport(), rate=0)
    assert client.get("current-user/whoami")["username"] == "syncd"
    server.access += 1  # what was given out is no longer good
    assert client.get("current-user/whoami")["username"] == "syncd"
    assert server.calls["POST token"] == 2
    client.close()


@pytest.mark.parametrize("token", ["wrong-token-of-nobody", "aaaa.bbbb.cccc"])
def test_a_wrong_token_is_named_and_never_shown(token: str) -> None:
    server = LabelStudio()
    client = connect(server.url, token, transport=server.transport(), rate=0, sleep=lambda _: None)
    with pytest.raises(TokenRefused) as caught:
        client.get("current-user/whoami")
    assert token not in str(caught.value)
    client.close()


def test_a_failing_server_is_asked_again_and_a_write_is_not(bench: LabelStudioBench) -> None:
    bench.put(item("a"))
    bench.client._sleep = lambda _: None
    bench.server.fails = [502, 502]
    assert bench.adapter.read_all().size == 1
    change = bench.update("a", "label", "Copepoda", "Ostracoda")

    def fail(method: str, _: str) -> None:
        if method == "PATCH":
            bench.server.before = None
            bench.server.fails = [502]

    bench.server.before = fail
    with pytest.raises(LostAnswer):
        bench.adapter.write([change])
    bench.server.fails = [502] * 99
    with pytest.raises(DatabaseUnavailable, match="Label Studio"):
        bench.adapter.read_all()


def test_what_others_have_in_the_same_annotation_stays(bench: LabelStudioBench) -> None:
    task = bench.server.task("/1.png")
    bench.server.annotate(task, [*bench._items("a", {"label": "Copepoda"}), *bench._items("b", {"label": "Krill"})])
    foreign = {"id": "x", "from_name": "polygon", "type": "polygonlabels", "value": {"points": [[1, 2]]}}
    [annotation] = bench.server.annotations.values()
    annotation["result"].append(foreign)
    bench.write(bench.update("a", "label", "Copepoda", "Ostracoda"), bench.delete("b"))
    assert [each["id"] for each in annotation["result"]] == ["a", "x"]
    assert annotation["result"][1] == foreign


def test_a_box_that_is_moved_takes_all_items_of_its_region_along(bench: LabelStudioBench) -> None:
    bench.put(item("a", note="hello", depth=1.5))
    bench.write(bench.update("a", BOX, [0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.25, 0.25]))
    [annotation] = bench.server.annotations.values()
    assert {each["value"]["x"] for each in annotation["result"]} == {50.0}


def test_a_turned_rectangle_and_two_labels_are_problems_and_never_overwritten(bench: LabelStudioBench) -> None:
    bench.put(item("turned"), item("both"))
    turned, both = bench.server.annotations.values()
    turned["result"][0]["value"]["rotation"] = 30
    both["result"][0]["value"]["rectanglelabels"] = ["Copepoda", "Krill"]
    rows = {row["annotation_id"]: row for row in bench.adapter.read_all().rows.iter_rows(named=True)}
    assert "box" in rows["turned"]["problems"]
    assert "label" in rows["both"]["problems"]
    assert bench.write(bench.update("both", "label", None, "Krill"))[0].matched is False


def test_a_skipped_annotation_is_none(bench: LabelStudioBench) -> None:
    bench.put(item("a"), item("b"))
    next(iter(bench.server.annotations.values()))["was_cancelled"] = True
    assert bench.adapter.read_all().rows["annotation_id"].to_list() == ["b"]


def test_a_region_goes_where_people_draw_already(bench: LabelStudioBench) -> None:
    bench.put(item("a", media="/1.png"))
    bench.put_sample("/2.png")
    bench.write(bench.insert("new", "/1.png"), bench.insert("alone", "/2.png"))
    found = {tuple(each["id"] for each in one["result"]) for one in bench.server.annotations.values()}
    assert found == {("a", "new"), ("alone",)}
    [refused] = bench.write(bench.insert("nowhere", "/3.png"))
    assert "no task" in str(refused.refused)


def opened(bench: LabelStudioBench, label: str = "label", **section: Any) -> LabelStudioStore:
    given = {"kind": "label-studio", "url": bench.server.url, "token": bench.server.token, "project": 3} | section
    binding: Any = bench.store._binding
    binding.columns.label.name = label
    return LabelStudioStore(bench.client, LabelStudioConfig.model_validate(given), binding)


def test_controls_are_described_and_wrong_ones_named(bench: LabelStudioBench) -> None:
    found = opened(bench).describe(crops=False)
    assert found.faults == ()
    kinds = {name: each.kind for name, each in found.fields.items()}
    assert kinds == {"label": Kind.TEXT, BOX: Kind.BOX, "note": Kind.TEXT, "depth": Kind.FLOAT}
    assert not found.can_write_media
    [(what, _)] = opened(bench, "nothing").describe(crops=False).faults
    assert "no control 'nothing'" in what
    [(what, _)] = opened(bench, "depth").describe(crops=False).faults
    assert "is a Number" in what
    assert BOX not in opened(bench, "kind").describe(crops=False).fields


def test_the_labels_of_the_setup_are_the_vocabulary(bench: LabelStudioBench) -> None:
    store = opened(bench)
    assert store.terms() == (Term("Copepoda"), Term("Ostracoda"), Term("Krill"))
    bench.put(item("a"), item("b"), item("c", label="Krill"))
    assert store.count_labels() == {"Copepoda": 2, "Krill": 1}
    assert [each.subject for each in store.probes()] == ["token", "permission", "control 'label'", "guard"]


def test_a_project_that_is_not_there_is_named(bench: LabelStudioBench) -> None:
    with pytest.raises(ConfigError, match="no project 7"):
        opened(bench, project=7)
