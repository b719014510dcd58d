"""A manifest with anything wrong is rejected as a whole, with every fault named; nothing of it is loaded."""

from __future__ import annotations

import polars as pl
import pytest

from inbox_lab import IMPATIENT, InboxLab, picture
from syncd.ingest.inbox.result import Became


def reject(lab: InboxLab, **binding: object) -> pl.DataFrame:
    """Empties the inbox, of which nothing is to be loaded; the faults."""
    before = lab.rows()
    result = lab.empty(lab.config(**binding), patience=IMPATIENT)
    [outcome] = result.outcomes
    assert (outcome.became, result.exit_code, result.ingest) == (Became.REJECTED, 3, None)
    assert lab.rows() == before
    assert not [each for each in lab.lab.folder.rglob("*") if each.is_dir()]
    return outcome.faults


def test_every_fault_is_named_with_its_row_in_the_report_and_nothing_is_loaded(lab: InboxLab) -> None:
    lab.drop(
        "image,label,id,x,y,w,h,depth,verified\n"
        "a.png,Copepoda,id-1,0,0,1,1,2.5,true\n"
        "missing.png,Diatom,id-2,0,0,1,1,,\n"
        "text.png,Diatom,id-3,0,0,1,1,,\n"
        "../a.png,Diatom,id-4,0,0,1,1,,\n"
        "a.png,,id-5,0,0,1,1,,\n"
        "a.png,Diatom,id-1,0,0,120,80,deep,perhaps\n"
        "half.png,20240101,id-7,0.6,0,0.5,1,1234567.5,\n",
        a=1,
    )
    (lab.inbox / "text.png").write_text("no image", encoding="utf-8")
    whole = picture(lab.inbox / "half.png", 5, (60, 60)).read_bytes()
    (lab.inbox / "half.png").write_bytes(whole[: len(whole) // 2])
    faults = reject(lab)
    named = {(row["row"], row["line"], row["column"]): row for row in faults.iter_rows(named=True)}
    assert set(named) == {
        (1, 2, "id"),
        (2, 3, "image"),
        (3, 4, "image"),
        (4, 5, "image"),
        (5, 6, "label"),
        (6, 7, "id"),
        (6, 7, "w"),
        (6, 7, "h"),
        (6, 7, "depth"),
        (6, 7, "verified"),
        (7, 8, "image"),
        (7, 8, "label"),
        (7, 8, "w"),
        (7, 8, "depth"),
    }
    assert named[4, 5, "image"]["value"] == "../a.png"
    assert "leads out" in named[4, 5, "image"]["fault"]
    assert (named[6, 7, "depth"]["value"], "number" in named[6, 7, "depth"]["expected"]) == ("deep", True)
    assert "date" in named[7, 8, "label"]["fault"]
    [folder] = (lab.inbox / "rejected").iterdir()
    assert sorted(each.name for each in folder.iterdir()) == [
        "a.png",
        "faults.csv",
        "half.png",
        "report.md",
        "station7.csv",
        "text.png",
    ]
    listed = pl.read_csv(folder / "faults.csv", infer_schema=False)
    assert listed.height == faults.height
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "Nothing of it was loaded" in report
    assert "| 6 | 7 | depth | deep |" in report
    assert not lab.has_dataset()
    assert lab.lab.sql("SELECT count(*) AS n FROM syncd.run")[0]["n"] == 0


def test_an_id_that_the_table_has_with_other_content_is_refused(lab: InboxLab) -> None:
    picture(lab.lab.folder / "old.png", 9)
    lab.lab.row("id-1", "old.png", "Diatom")
    lab.drop("image,label,id\na.png,Copepoda,id-1\n", a=1)
    faults = reject(lab)
    assert {(row["column"], row["expected"]) for row in faults.iter_rows(named=True)} == {
        ("image", "the same image, or another id"),
        ("label", "Diatom"),
    }


def test_a_row_that_was_corrected_since_is_not_taken_back_by_dropping_its_manifest_again(lab: InboxLab) -> None:
    lab.drop("image,label\na.png,Copepoda\n", a=1)
    lab.empty()
    lab.lab.sql("UPDATE annotation SET label = 'Diatom'")
    lab.drop("image,label\na.png,Copepoda\n", a=1)
    [outcome] = lab.empty().outcomes
    assert outcome.became is Became.REJECTED
    [fault] = outcome.faults.iter_rows(named=True)
    assert (fault["column"], fault["value"], fault["expected"]) == ("label", "Copepoda", "Diatom")
    assert [row["label"] for row in lab.rows()] == ["Diatom"]


def test_what_the_database_refuses_is_found_before_an_image_is_placed(lab: InboxLab) -> None:
    lab.lab.sql("ALTER TABLE annotation ADD CHECK (label <> 'Forbidden')")
    lab.drop("image,label\na.png,Copepoda\nb.png,Forbidden\n", a=1, b=2)
    [fault] = reject(lab).iter_rows(named=True)
    assert (fault["row"], fault["line"]) == (2, 3)
    assert "the database refuses the row" in fault["fault"]


def test_where_an_image_holds_one_label_two_rows_for_it_are_refused(lab: InboxLab) -> None:
    single = {"columns": {"box": None}, "ingest": {"label_type": "Classification"}}
    lab.drop("image,label\na.png,Copepoda\na.png,Diatom\n", a=1)
    assert reject(lab, **single)["row"].to_list() == [1, 2]


def test_a_second_label_for_an_image_that_the_table_has_labelled_is_refused(lab: InboxLab) -> None:
    single = {"columns": {"box": None}, "ingest": {"label_type": "Classification"}}
    lab.drop("image,label,id\na.png,Copepoda,id-1\n", a=1)
    lab.empty(lab.config(**single))
    lab.drop("image,label,id\na.png,Copepoda,id-1\na.png,Copepoda,id-2\n", a=1)
    lab.drop("image,label,id\na.png,Copepoda,id-2\n", a=1)
    [outcome] = lab.empty(lab.config(**single)).outcomes
    assert outcome.became is Became.REJECTED
    assert "annotation id-1 of this image" in outcome.faults["fault"][0]


def test_a_link_that_leads_out_of_the_folder_is_refused(lab: InboxLab) -> None:
    outside = picture(lab.inbox.parent / "secret.png")
    lab.drop("image,label\nlink.png,Copepoda\n")
    (lab.inbox / "link.png").symlink_to(outside)
    assert reject(lab)["fault"].to_list() == ["a link leads out of the manifest's folder"]
    assert outside.exists()


def test_a_column_that_the_table_generates_cannot_be_given(lab: InboxLab) -> None:
    lab.lab.sql("ALTER TABLE annotation ADD area float8 GENERATED ALWAYS AS (w * h) STORED")
    lab.drop("image,label,area\na.png,Copepoda,1\n", a=1)
    [fault] = reject(lab, attributes={"area": {"column": "area"}}).iter_rows(named=True)
    assert (fault["row"], fault["column"], fault["expected"]) == (None, "area", "no such column")


def test_ids_too_short_to_be_made_must_be_given(lab: InboxLab) -> None:
    lab.lab.sql("ALTER TABLE annotation ALTER annotation_id TYPE varchar(10)")
    lab.drop("image,label\na.png,Copepoda\n", a=1)
    [fault] = reject(lab).iter_rows(named=True)
    assert (fault["column"], fault["expected"]) == ("id", "an id in each row")
    lab.drop("image,label,id\na.png,Copepoda,id-1\n", a=1)
    assert lab.empty().outcomes[0].added == 1


def test_a_good_manifest_is_loaded_beside_a_bad_one(lab: InboxLab) -> None:
    lab.drop("image,label\nx.png,\n", name="bad.csv", x=3)
    lab.drop("image,label\na.png,Copepoda\n", a=1)
    result = lab.empty()
    assert {each.manifest: each.became for each in result.outcomes} == {
        "bad": Became.REJECTED,
        "station7": Became.LOADED,
    }
    assert result.exit_code == 3
    assert [row["media_uri"] for row in lab.rows()] == ["station7/a.png"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "empty"),
        ("latin.csv", "image,label\na.png,M\u00f6we\n".encode("latin-1"), "not UTF-8"),
        ("quotes.csv", b'image,label\n"a.png,Copepoda\n', "not CSV"),
        ("no-rows.csv", b"image,label\n", "no rows"),
        ("broken.parquet", b"PAR1 and so on PAR1", "cannot be read"),
        ("cut.parquet", b"PAR1 and so on", "not whole"),
    ],
)
def test_a_file_that_is_no_manifest_is_rejected_with_one_sentence(
    lab: InboxLab, name: str, content: bytes, said: str
) -> None:
    (lab.inbox / name).write_bytes(content)
    faults = reject(lab)
    assert said in faults["fault"][0]
