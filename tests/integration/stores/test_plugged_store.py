"""A binding whose annotations are in a store of another kind: here the example adapter's JSON file, state in SQLite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from example_store.file_store import opened
from plugged import install
from syncd import open_binding
from syncd.adapters.connect import open_database
from syncd.config import Config, InvalidConfig, parse_config
from syncd.doctor.diagnosis import diagnose
from syncd.doctor.grants import grants
from syncd.engine.steps import Step, observed
from syncd.errors import NotForStore
from syncd.store.migrate import migrate
from worlds import BINDING, NO_BRAKES, World


class Lab:
    """The file, and the binding over it."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder, self.path = world, folder, folder / "annotations.json"
        kept = {
            name: {
                "media": media,
                "values": {"label": row["label"], "box": row["box"]},
                "edited_at": "2024-01-01T00:00:00+00:00",
                "edited_by": "curator",
            }
            for (name, row), media in zip(world.rows().items(), self._media(), strict=True)
        }
        self.path.write_text(json.dumps({"annotations": kept, "forbidden": {"label": ["noise"]}}), encoding="utf-8")

    def _media(self) -> list[str]:
        rows = self.world.sql("SELECT media_uri FROM annotation")
        return [row["media_uri"] for row in rows]

    def document(self, **over: Any) -> dict[str, Any]:
        """The configuration: no lab database anywhere."""
        document = self.world.document()
        [binding] = document["bindings"]
        for name in ("table", "read", "vocabulary", "extra_labels", "aliases", "attributes", "review", "predictions"):
            binding.pop(name, None)
        binding |= {
            "store": {"kind": "file", "path": str(self.path)},
            "columns": {"label": "label"},
            "brakes": NO_BRAKES,
        }
        binding |= over
        document.pop("database")
        document["state"] = {"url": f"sqlite:///{self.folder / 'state.sqlite'}"}
        return document

    @property
    def config(self) -> Config:
        """The same, checked."""
        return parse_config(self.document())

    def values(self, name: str) -> dict[str, Any]:
        """What the file holds of an annotation."""
        with opened(self.path, write=False) as held:
            return dict(held["annotations"][name]["values"])

    def edit(self, name: str, **values: Any) -> None:
        """A script of the lab's changes one."""
        with opened(self.path, write=True) as held:
            row = held["annotations"][name]
            row["values"] |= values
            row |= {"edited_at": datetime.now(timezone.utc).isoformat(), "edited_by": "curator"}

    def names(self) -> list[str]:
        """Every annotation."""
        with opened(self.path, write=False) as held:
            return sorted(held["annotations"])


@pytest.fixture
def kept(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A dataset, and its annotations in a file."""
    install(tmp_path, monkeypatch, "file", "example_store.file_store:STORE")
    made = Lab(world, tmp_path)
    with open_database(made.config.state_url.get_secret_value()) as connection:
        migrate(connection, "syncd")
    yield made


def test_both_sides_are_kept_in_agreement_and_everything_else_works_as_with_a_table(kept: Lab) -> None:
    names = kept.names()
    with open_binding(BINDING, config=kept.config) as binding:
        first = binding.reconcile()
        assert not first.plan.changes if first.plan else True

        kept.world.review(names[0], label="Ostracoda")
        kept.edit(names[1], label="Amphipoda")
        drawn = kept.world.data.images[0]
        kept.world.draw(drawn, "Medusa")
        assert binding.reconcile().as_json()["applied"] == {"to_database": 2, "to_fiftyone": 1}
        assert kept.values(names[0])["label"] == "Ostracoda"
        assert kept.world.labels()[names[1]]["label"] == "Amphipoda"
        [new] = set(kept.names()) - set(names)
        assert kept.values(new)["label"] == "Medusa"
        assert kept.world.labels()[new]["label"] == "Medusa", "the label has its id"

        kept.world.review(names[2], label="Ostracoda")
        kept.edit(names[2], label="Amphipoda")
        kept.world.review(names[3], label="noise")
        assert binding.reconcile().as_json()["conflicts"]["opened"] == 2
        kinds = {each.annotation_id: each for each in binding.conflicts()}
        assert kinds[names[2]].kind == "edit_edit"
        assert kinds[names[3]].kind == "refused_by_database"
        binding.resolve([kinds[names[2]].id], take="fiftyone")
        assert kept.values(names[2])["label"] == "Ostracoda"
        assert binding.why(names[0]) is not None
        [change] = [each for each in binding.log(annotation_id=names[0]) if each.field == "label"]
        binding.undo(change=change.seq)
        assert kept.values(names[0])["label"] != "Ostracoda"
        assert binding.reconcile().as_json()["applied"] == {"to_database": 0, "to_fiftyone": 0}
        assert binding.verify() is not None


def test_a_crash_between_two_slices_leaves_one_slice_in_doubt(kept: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("example_store.file_store.SLICE", 3)
    names = kept.names()[:10]
    config = kept.config
    with open_binding(BINDING, config=config) as binding:
        binding.reconcile()
    for each in names:
        kept.world.review(each, label="Ostracoda")

    class PowerCutError(BaseException):
        """The process is gone."""

    written: list[Step] = []

    def cut(step: Step) -> None:
        written.append(step)
        if written.count(Step.SLICE_WRITTEN) == 2:
            raise PowerCutError

    with pytest.raises(PowerCutError), observed(cut), open_binding(BINDING, config=config) as binding:
        binding.reconcile()
    assert sum(kept.values(each)["label"] == "Ostracoda" for each in names) == 6, "two slices of three are written"
    with open_binding(BINDING, config=config) as binding:
        assert sum(each.status == "applied" for each in binding.log(field="label")) == 3, "and one is recorded"
        binding.reconcile()
        assert [kept.values(each)["label"] for each in names] == ["Ostracoda"] * 10
        done = [each.annotation_id for each in binding.log(field="label") if each.status == "applied"]
        assert sorted(done) == names, "each is logged once"
        assert not binding.conflicts()


def test_commands_about_tables_say_that_there_is_none(kept: Lab) -> None:
    config = kept.config
    with open_binding(BINDING, config) as b:
        with pytest.raises(NotForStore, match="Change capture works on a table"):
            b.install_capture()
        with pytest.raises(NotForStore, match="Change capture works on a table"):
            b.remove_capture(dry_run=True)
    with pytest.raises(NotForStore, match="grants"):
        grants(config, [BINDING])


def test_doctor_looks_at_the_store_and_says_what_it_can_do(kept: Lab) -> None:
    found = {each.check: each for each in diagnose(kept.config)}
    assert [each for each in found.values() if each.status == "fault"] == []
    assert found["Store answers"].detail == "JSON file"
    assert "guard revision, transactions none, stamps complete" in found["Mapping"].detail
    kept.path.unlink()
    faults = [each for each in diagnose(kept.config) if each.status == "fault"]
    assert [each.check for each in faults] == ["Store"]
    assert "cannot be read" in faults[0].detail


@pytest.mark.parametrize(
    ("over", "place", "expected"),
    [
        ({"store": {"kind": "file", "path": 7}}, "bindings[0].store.path", "the path of a file"),
        ({"store": {"kind": "file", "path": "x", "paht": "y"}}, "bindings[0].store.paht", "one of kind, path"),
        ({"store": {"kind": "fiel", "path": "x"}}, "bindings[0].store", "installed: file"),
        ({"store": {"kind": "sql"}}, "bindings[0].store", "installed: file"),
        ({"store": "file"}, "bindings[0].store", "a mapping with kind"),
        ({"table": "annotation"}, "bindings[0].table", "no table beside a store"),
        ({"columns": {"label": "label", "id": "x"}}, "bindings[0].columns.id", "no such column beside a store"),
        ({"vocabulary": {"table": "t", "column": "c"}}, "bindings[0].vocabulary.table", "classes or a file"),
    ],
)
def test_faults_of_a_store_are_told_like_all_others(kept: Lab, over: dict[str, Any], place: str, expected: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        parse_config(kept.document(**over))
    [fault] = [each for each in refused.value.faults if each.place == place]
    assert expected in fault.expected


def test_a_store_needs_a_database_for_what_syncd_itself_keeps(kept: Lab) -> None:
    document = kept.document()
    document.pop("state")
    with pytest.raises(InvalidConfig) as refused:
        parse_config(document)
    assert [each.place for each in refused.value.faults] == ["state.url"]
