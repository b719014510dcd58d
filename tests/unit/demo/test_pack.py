"""Reading a pack, and refusing one that is wrong with everything that is wrong."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from PIL import Image

from syncd.demo.pack import load
from syncd.errors import SetupError

HEADER = "annotation_id,image,label,x,y,w,h,depth_min_m,depth_max_m,status"
REAL_PACK = Path(__file__).parents[3].parent / "shared" / "plankton"


def _id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"test:{number}"))


def _pack(folder: Path, lines: list[str], header: str = HEADER) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    Image.new("L", (30, 20), 200).save(folder / "images" / "a.png")
    (folder / "annotations.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder


def test_reads_what_is_there(tmp_path: Path) -> None:
    lines = [
        f"{_id(1).upper()},images/a.png,Copepoda,0,0,1,1,600,1000,validated",
        f"{_id(2)},images/a.png,detritus,0.1,0.2,0.3,0.4,12.346,,predicted",
        f"{_id(3)},images/a.png,unknown,0.1,0.2,0.3,0.4,,,",
    ]
    data = load(_pack(tmp_path, lines), None)
    first, second, third = data.rows
    assert first.annotation_id == _id(1)  # as PostgreSQL writes it
    assert first.image == (tmp_path / "images" / "a.png").resolve()
    assert (first.width, first.height) == (30, 20)
    assert [row.depth_m for row in data.rows] == [800.0, 12.35, None]
    assert [row.verified for row in data.rows] == [True, False, None]
    assert second.box == (0.1, 0.2, 0.3, 0.4)
    assert third.truth is None
    assert data.classes == ("Copepoda", "detritus", "unknown")
    assert not data.generated
    assert str(tmp_path.resolve()) in data.source


def test_the_vocabulary_is_taken_along_with_labels_that_it_lacks(tmp_path: Path) -> None:
    folder = _pack(tmp_path, [f"{_id(1)},images/a.png,typo,0,0,1,1,,,"])
    (folder / "vocabulary.csv").write_text("label,parent\nceratium,Dinoflagellates\n")
    taxa = dict(load(folder, None).taxa)
    assert taxa == {"Dinoflagellates": None, "ceratium": "Dinoflagellates", "typo": None}


def test_a_limit_takes_the_first_rows(tmp_path: Path) -> None:
    lines = [f"{_id(n)},images/a.png,Copepoda,0,0,1,1,,," for n in range(5)]
    data = load(_pack(tmp_path, lines), 3)
    assert [row.annotation_id for row in data.rows] == [_id(n) for n in range(3)]
    assert "first 3 of 5" in data.source
    with pytest.raises(SetupError, match="0 rows"):
        load(tmp_path, 0)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    _pack(tmp_path, [f"{_id(1)},images/a.png,Copepoda,0,0,1,1,,,"], header="\ufeff" + HEADER)
    assert len(load(tmp_path, None).rows) == 1


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.png").write_bytes(b"not an image")
    lines = [
        f"{_id(1)},images/a.png,Copepoda,0,0,one,1,deep,,",
        "not-an-id,images/gone.png,,0.5,0,0.6,1,,,",
        f"{_id(1)},../a.png,Copepoda,,0,1,nan,,,",
        ",images/broken.png,Copepoda,0,0,0,1,99999999,,",
        f"{_id(4)},,Copepoda,0,0,1,1,,,",
    ]
    with pytest.raises(SetupError) as caught:
        load(_pack(tmp_path, lines), None)
    text = str(caught.value)
    for expected in (
        "annotations.csv has 15 faults",
        "line 2: w is 'one', expected a number",
        "line 2: depth_min_m is 'deep'",
        "line 3: annotation_id is 'not-an-id', expected a UUID",
        "line 3: label is empty",
        "line 3: the box 0.5, 0, 0.6, 1 is not inside",
        "line 3: the image images/gone.png is missing",
        "line 4: x is empty",
        "line 4: h is 'nan'",
        "line 4: the image ../a.png lies outside the pack",
        f"line 4: annotation_id {_id(1)} is already on line 2",
        "line 5: annotation_id is empty",
        "line 5: the image images/broken.png can't be read",
        "line 5: the box 0, 0, 0, 1 is not inside",
        "line 5: the depth 1e+08 m",
        "line 6: image is empty",
    ):
        assert expected in text


def test_many_faults_are_counted_and_not_all_shown(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"has 40 faults(.|\n)*and 15 more"):
        load(_pack(tmp_path, [f"{_id(n)},images/a.png,,0,0,1,1,,," for n in range(40)]), None)


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"2 faults(.|\n)*column label is missing(.|\n)*column h is missing"):
        load(_pack(tmp_path, [], header="annotation_id,image,x,y,w"), None)


def test_rows_of_another_length_are_named(tmp_path: Path) -> None:
    lines = [f"{_id(1)},images/a.png,Copepoda", f"{_id(2)},images/a.png,Copepoda,0,0,1,1,,,,surplus"]
    with pytest.raises(SetupError, match=r"2 faults(.|\n)*line 2: not as many cells(.|\n)*line 3: not as many"):
        load(_pack(tmp_path, lines), None)


def test_absent_things_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="not a folder"):
        load(tmp_path / "nowhere", None)
    with pytest.raises(SetupError, match=r"annotations\.csv is missing"):
        load(tmp_path, None)
    with pytest.raises(SetupError, match="holds no annotations"):
        load(_pack(tmp_path, []), None)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "annotations.csv").write_bytes(HEADER.encode() + b"\n\xff\xfe\x00")
    with pytest.raises(SetupError, match="not a CSV file in UTF-8"):
        load(tmp_path, None)


@pytest.mark.skipif(not REAL_PACK.is_dir(), reason="the plankton pack is not beside this checkout")
def test_the_plankton_pack_is_read_whole() -> None:
    data = load(REAL_PACK, None)
    assert len(data.rows) == len(data.images) == 193
    assert sum(row.label == "unknown" for row in data.rows) == 111
    assert dict(data.taxa)["ceratium"] == "Dinoflagellates"
