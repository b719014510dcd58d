"""What becomes of a manifest that is as it should be."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from inbox_lab import HASTY, InboxLab, picture
from syncd.adapters.connect import open_database
from syncd.config import parse_config
from syncd.engine.session import open_session
from syncd.errors import Busy
from syncd.ingest.inbox.faults import InboxError
from syncd.ingest.inbox.result import Became, InboxResult, Outcome
from syncd.store import changes
from syncd.store.lock import one_run
from syncd.store.migrate import migrate

SIMPLE = "image,label\na.png,Copepoda\nb.png,Diatom\n"


def only(result: InboxResult) -> Outcome:
    """The one manifest that there was."""
    [outcome] = result.outcomes
    return outcome


def test_a_manifest_becomes_rows_files_labels_and_a_baseline(lab: InboxLab) -> None:
    lab.drop(
        "image,label,id,x,y,w,h,depth,verified\n"
        "a.png,Copepoda,id-1,0.1,0.2,0.3,0.4,3.25,true\n"
        "a.png,Diatom,id-2,0.5,0.5,0.25,0.25,,\n"
        "b.png,Ciliate,,0,0,1,1,1.5,no\n",
        a=1,
        b=2,
    )
    result = lab.empty()
    outcome = only(result)
    assert (outcome.became, outcome.rows, outcome.added, outcome.images) == (Became.LOADED, 3, 3, 2)
    assert result.exit_code == 0
    first, second, third = lab.rows()
    assert (first["annotation_id"], first["label"], first["media_uri"]) == ("id-1", "Copepoda", "station7/a.png")
    assert [first[each] for each in ("x", "y", "w", "h")] == [0.1, 0.2, 0.3, 0.4]
    assert (first["depth_m"], first["verified"], first["updated_by"]) == (Decimal("3.25"), True, "syncd")
    assert (second["depth_m"], second["verified"]) == (None, None)
    assert (third["media_uri"], third["verified"], len(third["annotation_id"])) == ("station7/b.png", False, 36)
    moved = lab.inbox / (outcome.moved_to or "")
    assert lab.files("done") == [f"{moved.name}/{each}" for each in ("a.png", "b.png", "station7.csv")]
    assert lab.files() == [f"done/{each}" for each in lab.files("done")]
    assert (lab.lab.folder / "station7/a.png").read_bytes() == (moved / "a.png").read_bytes()
    assert lab.labels() == {"id-1": "Copepoda", "id-2": "Diatom", third["annotation_id"]: "Ciliate"}
    again = lab.lab.reconcile(lab.config(), full=True)
    assert again.plan is not None
    assert (again.plan.is_empty, again.plan.conflicts, again.recorded) == (True, (), ())


def test_without_boxes_the_image_is_the_box(lab: InboxLab) -> None:
    lab.drop(SIMPLE, a=1, b=2)
    lab.empty()
    assert [[row[each] for each in ("x", "y", "w", "h")] for row in lab.rows()] == [[0.0, 0.0, 1.0, 1.0]] * 2


def test_every_new_row_is_in_the_change_log_with_the_manifest_as_its_reason(lab: InboxLab) -> None:
    lab.drop(SIMPLE, a=1, b=2)
    lab.empty()
    with open_session(lab.config(), "lab") as session:
        entries = list(changes.entries(session.state, session.tables, "lab"))
        sound = changes.verify(session.state, session.tables, "lab")
    assert [(each["action"], each["direction"], each["reason"], each["status"]) for each in entries] == [
        ("insert", "to_database", "inbox: station7.csv", "applied")
    ] * 2
    assert {each["annotation_id"] for each in entries} == {row["annotation_id"] for row in lab.rows()}
    assert (sound.entries, sound.broken_at, sound.cut) == (2, None, None)


def test_the_same_manifest_dropped_again_adds_nothing(lab: InboxLab) -> None:
    lab.drop(SIMPLE, a=1, b=2)
    lab.empty()
    before = lab.rows()
    lab.drop(SIMPLE, a=1, b=2)
    outcome = only(lab.empty())
    assert (outcome.became, outcome.added, outcome.already) == (Became.LOADED, 0, 2)
    assert lab.rows() == before
    assert sorted(each.name for each in (lab.lab.folder / "station7").iterdir()) == ["a.png", "b.png"]
    assert len(list((lab.inbox / "done").iterdir())) == 2


def test_the_same_source_under_another_name_adds_nothing(lab: InboxLab) -> None:
    lab.drop(SIMPLE, a=1, b=2)
    lab.empty()
    lab.drop("image,label\nx/c.png,Copepoda\n", name="station7 (1).csv")
    picture(lab.inbox / "x/c.png", 1)
    outcome = only(lab.empty())
    assert (outcome.became, outcome.added, outcome.already) == (Became.LOADED, 0, 1)
    assert outcome.notes == ("1 rows are in the table already, their images under other names, such as station7/a.png",)
    assert not (lab.lab.folder / "station7 (1)").exists()
    assert not (lab.inbox / "x/c.png").exists()


def test_more_rows_for_an_image_that_is_there_join_its_sample(lab: InboxLab) -> None:
    boxes = "image,label,x,y,w,h\na.png,Copepoda,0,0,0.5,0.5\n"
    lab.drop(boxes, a=1)
    lab.empty()
    lab.drop(boxes + "a.png,Diatom,0.5,0.5,0.5,0.5\n", name="later.csv", a=1)
    outcome = only(lab.empty())
    assert (outcome.added, outcome.already) == (1, 1)
    assert {row["media_uri"] for row in lab.rows()} == {"station7/a.png"}
    assert len(lab.lab.documents()) == 1
    assert sorted(lab.labels().values()) == ["Copepoda", "Diatom"]


def test_another_image_of_the_same_name_gets_a_name_of_its_own(lab: InboxLab) -> None:
    for color in (1, 2):
        lab.drop("image,label\na.png,Copepoda\n", a=color)
        lab.empty()
    names = sorted(each.name for each in (lab.lab.folder / "station7").iterdir())
    assert len(names) == 2
    assert names[1] == "a.png"
    assert {row["media_uri"] for row in lab.rows()} == {f"station7/{each}" for each in names}
    assert len(lab.lab.documents()) == 2
    lab.drop("image,label\na.png,Copepoda\n", a=2)
    assert only(lab.empty()).already == 1
    assert sorted(each.name for each in (lab.lab.folder / "station7").iterdir()) == names


def test_parquet_names_with_spaces_and_other_letters_and_a_folder_of_its_own(lab: InboxLab) -> None:
    folder = lab.inbox / "Überfahrt 3"
    picture(folder / "Bilder/ä ö#1%.png", 7)
    pl.DataFrame({"image": ["Bilder/ä ö#1%.png"], "label": ["Möwe"], "depth": [2.5], "verified": [True]}).write_parquet(
        folder / "manifest.parquet"
    )
    outcome = only(lab.empty())
    assert (outcome.became, outcome.manifest) == (Became.LOADED, "Überfahrt 3/manifest")
    [row] = lab.rows()
    assert (row["media_uri"], row["label"]) == ("Überfahrt 3/manifest/Bilder/ä ö#1%.png", "Möwe")
    assert (row["depth_m"], row["verified"]) == (Decimal("2.50"), True)
    assert list(lab.labels().values()) == ["Möwe"]
    assert not folder.exists()


NUMBERED = {
    "identity": "bigint GENERATED BY DEFAULT AS IDENTITY",
    "text": "text DEFAULT 'MB:' || nextval('numbers')",
    "nobody": "bigint",
}


@pytest.mark.parametrize("key", NUMBERED)
def test_numbers_as_ids_are_made_by_the_database_and_found_again(lab: InboxLab, key: str) -> None:
    lab.lab.sql("CREATE SEQUENCE numbers")
    lab.lab.sql(
        f"CREATE TABLE numbered (annotation_id {NUMBERED[key]} PRIMARY KEY, media_uri text, label text, x float8, "
        "y float8, w float8, h float8)"
    )
    config = lab.config(table="numbered", columns={"updated_at": None, "updated_by": None}, attributes={})
    text = "image,label,x,y,w,h\na.png,Copepoda,0,0,0.3,0.3\na.png,Diatom,0.1,0.1,0.2,0.7\nb.png,Diatom,0,0,1,1\n"
    for expected in ((3, 0), (0, 3)):
        lab.drop(text, a=1, b=2)
        outcome = only(lab.empty(config))
        if key == "nobody":
            assert outcome.became is Became.REJECTED
            assert "nobody gives new rows" in outcome.faults["fault"][0]
            return
        assert (outcome.became, outcome.added, outcome.already) == (Became.LOADED, *expected)
    rows = lab.lab.sql("SELECT annotation_id, label FROM numbered ORDER BY annotation_id")
    assert len(rows) == len({row["annotation_id"] for row in rows}) == 3
    assert sorted(lab.labels()) == sorted(str(row["annotation_id"]) for row in rows)


def test_crops_get_their_box_and_image_in_the_table(lab: InboxLab) -> None:
    config = lab.config(ingest={"crops": True}, sample_key="filepath")
    lab.drop("image,label,x,y,w,h\na.png,Copepoda,0,0,0.5,0.5\na.png,Diatom,0.5,0.5,0.5,0.5\n", a=1)
    assert only(lab.empty(config)).added == 2
    assert [(row["media_uri"], row["w"]) for row in lab.rows()] == [("station7/a.png", 0.5)] * 2
    documents = lab.lab.documents()
    assert sorted(each["ground_truth"]["label"] for each in documents) == ["Copepoda", "Diatom"]
    assert {each["metadata"]["width"] for each in documents} == {6}


def test_rows_that_name_their_media_by_whole_paths_are_joined_by_such(lab: InboxLab) -> None:
    there = picture(lab.lab.folder / "old.png")
    lab.lab.row("old", str(there))
    lab.drop(SIMPLE, a=1, b=2)
    lab.empty()
    media = [row["media_uri"] for row in lab.rows()]
    assert media == [str(lab.lab.folder / each) for each in ("old.png", "station7/a.png", "station7/b.png")]
    assert len(lab.lab.documents()) == 3


def test_a_file_that_is_named_for_another_format_is_loaded_and_noted(lab: InboxLab) -> None:
    picture(lab.inbox / "photo.jpg").rename(lab.inbox / "photo.png")
    lab.drop("image,label\nphoto.png,Copepoda\n")
    outcome = only(lab.empty())
    assert outcome.added == 1
    assert outcome.notes[0].startswith("1 images, such as photo.png: ")
    assert "image/jpeg" in outcome.notes[0]


def test_the_state_may_be_kept_in_another_database(lab: InboxLab, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with open_database(url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    document = lab.lab.document(ingest={"inbox": str(lab.inbox)})
    config = parse_config(document | {"state": {"url": url}})
    for expected in ((2, 0), (0, 2)):
        lab.drop(SIMPLE, a=1, b=2)
        outcome = only(lab.empty(config))
        assert (outcome.added, outcome.already) == expected
    with open_session(config, "lab") as session:
        entries = list(changes.entries(session.state, session.tables, "lab"))
    assert [(each["action"], each["status"]) for each in entries] == [("insert", "applied")] * 2


def test_an_alias_is_loaded_as_its_term_and_an_unknown_label_as_configured(lab: InboxLab) -> None:
    vocabulary = {"vocabulary": {"classes": ["Copepoda", "Diatom"]}, "aliases": {"Kopepode": "Copepoda"}}
    lab.drop("image,label\na.png,Kopepode\nb.png,Diatum\n", a=1, b=2)
    loose = only(lab.empty(lab.config(**vocabulary), dry_run=True))
    assert loose.became is Became.LOADED
    assert any("'Diatum'" in note and "near: Diatom" in note for note in loose.notes)
    assert any("alias" in note for note in loose.notes)
    strict = only(lab.empty(lab.config(**vocabulary, ingest={"unknown_labels": "refuse"})))
    assert strict.became is Became.REJECTED
    [fault] = strict.faults.iter_rows(named=True)
    assert (fault["row"], fault["line"], fault["value"], fault["expected"]) == (2, 3, "Diatum", "a term; near: Diatom")
    assert lab.rows() == []
    lab.drop("image,label\na.png,Kopepode\n", a=1)
    lab.empty(lab.config(**vocabulary))
    assert [row["label"] for row in lab.rows()] == ["Copepoda"]


def test_images_that_two_manifests_share_stay_for_the_second(lab: InboxLab) -> None:
    lab.drop("image,label,x,y,w,h\na.png,Copepoda,0,0,0.5,0.5\n", name="ada.csv", a=1)
    second = lab.drop("image,label,x,y,w,h\na.png,Diatom,0.5,0.5,0.5,0.5\n", name="bob.csv")
    second.write_text(second.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    assert [each.became for each in lab.empty().outcomes] == [Became.LOADED, Became.WAITING]
    assert (lab.inbox / "a.png").exists()
    second.write_text(second.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert only(lab.empty()).became is Became.LOADED
    assert lab.files() == [each for each in lab.files() if each.startswith("done/")]
    assert len(lab.rows()) == 2


def test_a_dry_run_says_the_same_and_changes_nothing(lab: InboxLab) -> None:
    lab.drop(SIMPLE, a=1, b=2)
    lab.drop("image,label\nc.png,\n", name="bad.csv", c=3)
    before = lab.files()
    result = lab.empty(dry_run=True)
    assert {each.manifest: each.became for each in result.outcomes} == {
        "station7": Became.LOADED,
        "bad": Became.REJECTED,
    }
    assert (result.exit_code, result.ingest) == (3, None)
    assert (lab.files(), lab.rows(), list(lab.lab.folder.iterdir())) == (before, [], [])
    assert not lab.has_dataset()


def test_while_another_run_holds_the_lock_nothing_is_written_and_the_next_call_loads_it(lab: InboxLab) -> None:
    lab.drop(SIMPLE, a=1, b=2)
    lab.lab.ingest(lab.config())
    with open_session(lab.config(), "lab") as session, one_run(session.writing, session.schema, "lab"):
        with pytest.raises(Busy):
            lab.empty()
        assert lab.rows() == []
        assert (lab.inbox / "station7.csv").exists()
    assert only(lab.empty()).added == 2


def test_a_binding_without_an_inbox_or_a_media_root_says_what_to_set(lab: InboxLab, tmp_path: Path) -> None:
    with pytest.raises(InboxError, match="has no inbox") as without:
        lab.empty(lab.config(ingest={"inbox": None}))
    assert "ingest.inbox" in str(without.value.remedy)
    lab.drop(SIMPLE, a=1, b=2)
    with pytest.raises(InboxError, match="no place to put its images"):
        lab.empty(lab.config(ingest={"media": None}))
    with pytest.raises(InboxError, match="cannot be read"):
        lab.empty(lab.config(ingest={"inbox": str(tmp_path / "nowhere")}))
    with pytest.raises(InboxError, match="maps no box"):
        lab.empty(lab.config(columns={"box": None}, ingest={"label_type": "Detections"}))
    assert (lab.inbox / "station7.csv").exists()


def test_a_media_root_that_is_not_there_is_not_made(lab: InboxLab) -> None:
    lab.drop(SIMPLE, a=1, b=2)
    lab.lab.folder.rmdir()
    with pytest.raises(InboxError, match="media root"):
        lab.empty(patience=HASTY)
    assert not lab.lab.folder.exists()
    assert lab.rows() == []
    lab.lab.folder.mkdir()
    assert only(lab.empty()).added == 2
