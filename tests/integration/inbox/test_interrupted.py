"""An inbox that was killed anywhere is gone on with by the next call, and ends as one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from inbox_lab import InboxLab, picture
from syncd.ingest.inbox.place import Folder
from syncd.ingest.inbox.result import Became
from syncd.ingest.inbox.stages import Step, observed

TEXT = "image,label,x,y,w,h\na.png,Copepoda,0,0,0.5,0.5\na.png,Diatom,0.5,0.5,0.5,0.5\nb.png,Ciliate,0,0,1,1\n"


def check_loaded(lab: InboxLab) -> None:
    """Every row, file and label once; everything in ``done``."""
    rows = lab.rows()
    assert [(row["media_uri"], row["label"]) for row in rows] == [
        ("station7/a.png", "Copepoda"),
        ("station7/a.png", "Diatom"),
        ("station7/b.png", "Ciliate"),
    ]
    assert sorted(each.name for each in (lab.lab.folder / "station7").iterdir()) == ["a.png", "b.png"]
    assert lab.labels() == {row["annotation_id"]: row["label"] for row in rows}
    [done] = (lab.inbox / "done").iterdir()
    assert lab.files() == [f"done/{done.name}/{each}" for each in ("a.png", "b.png", "station7.csv")]
    log = lab.lab.sql("SELECT annotation_id, status FROM syncd.change")
    assert sorted(each["annotation_id"] for each in log if each["status"] == "applied") == sorted(
        row["annotation_id"] for row in rows
    )
    result = lab.lab.reconcile(lab.config(), full=True)
    assert result.plan is not None
    assert (result.plan.is_empty, result.plan.conflicts, result.plan.counts.first_met) == (True, (), 0)


@pytest.mark.parametrize("step", [each for each in Step if each is not Step.FINISHED])
def test_a_kill_at_any_step_changes_nothing_about_the_end(lab: InboxLab, step: Step) -> None:
    lab.drop(TEXT, a=1, b=2)
    assert lab.killed_at(step.value)
    lab.empty()
    check_loaded(lab)


def test_two_kills_in_a_row_change_nothing_about_the_end(lab: InboxLab) -> None:
    lab.drop(TEXT, a=1, b=2)
    assert lab.killed_at(Step.ROWS_WRITTEN.value)
    assert lab.killed_at(Step.IMAGES_MOVED.value, 2)
    lab.empty()
    check_loaded(lab)


@pytest.mark.parametrize("step", [Step.CLAIMED, Step.IMAGES_MOVED])
def test_a_kill_while_a_bad_manifest_is_moved_leaves_it_to_the_next_call(lab: InboxLab, step: Step) -> None:
    lab.drop(TEXT + "b.png,,0,0,1,1\n", a=1, b=2)
    assert lab.killed_at(step.value)
    lab.empty()
    [rejected] = (lab.inbox / "rejected").iterdir()
    names = ("a.png", "b.png", "faults.csv", "report.md", "station7.csv")
    assert lab.files() == [f"rejected/{rejected.name}/{each}" for each in names]
    assert lab.rows() == []
    assert not lab.has_dataset()


def test_an_edit_between_the_writing_and_the_next_call_is_kept(lab: InboxLab) -> None:
    lab.drop(TEXT, a=1, b=2)
    assert lab.killed_at(Step.CLAIMED.value)
    lab.lab.sql("UPDATE annotation SET label = 'Corrected' WHERE label = 'Ciliate'")
    lab.empty()
    assert sorted(lab.labels().values()) == ["Copepoda", "Corrected", "Diatom"]
    assert not (lab.inbox / "rejected").exists()


def test_an_image_that_was_copied_half_does_not_stand_under_its_name(
    lab: InboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.drop(TEXT, a=1, b=2)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("syncd.ingest.inbox.place.shutil.copyfileobj", fail)
        with pytest.raises(Exception, match="No space left on device"):
            lab.empty()
    assert [each for each in lab.lab.folder.rglob("*") if each.is_file()] == []
    assert lab.rows() == []
    lab.empty()
    check_loaded(lab)


def test_a_manifest_that_changes_while_it_is_checked_is_looked_at_again(lab: InboxLab) -> None:
    manifest = lab.drop("image,label\na.png,Copepoda\n", a=1)
    real, calls = Folder.found, []

    def found(self: Folder, path: str, sha256: str, location: str) -> str:
        if not calls:
            manifest.write_text("image,label\na.png,Diatom\n", encoding="utf-8")
        calls.append(location)
        return real(self, path, sha256, location)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Folder, "found", found)
        [outcome] = lab.empty().outcomes
    assert outcome.became is Became.LOADED
    assert [row["label"] for row in lab.rows()] == ["Diatom"]


def test_another_process_that_took_the_manifest_first_is_not_an_error(lab: InboxLab, tmp_path: Path) -> None:
    manifest = lab.drop("image,label\na.png,Copepoda\n", a=1)

    def take(step: Step) -> None:
        if step is Step.ROWS_WRITTEN:
            manifest.rename(tmp_path / "taken.csv")

    with observed(take):
        result = lab.empty()
    assert result.outcomes == ()
    assert not (lab.inbox / ".working").exists() or not list((lab.inbox / ".working").iterdir())
    picture(lab.inbox / "a.png", 1)
    (tmp_path / "taken.csv").rename(manifest)
    [outcome] = lab.empty().outcomes
    assert (outcome.added, outcome.already) == (0, 1)


def test_two_processes_over_one_inbox_load_everything_once(lab: InboxLab) -> None:
    lab.lab.ingest(lab.config())
    lab.drop(TEXT, a=1, b=2)
    assert lab.emptied_by(2) == [0, 0]
    check_loaded(lab)
