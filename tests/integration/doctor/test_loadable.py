"""Values that FiftyOne itself cannot load: all of them are found, nothing else is, and the remedy helps."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import bson
import pytest
from bson import CodecOptions
from bson.raw_bson import RawBSONDocument

from integration.doctor.lab import IDS, MEDIA, PATH, Lab, change, find, wanting

POISONED = [
    ("label", 5),
    ("label", datetime(2024, 1, 1, tzinfo=timezone.utc)),
    ("label", ["a"]),
    ("bounding_box", ["a", "b", "c", "d"]),
    ("bounding_box", [None] * 4),
    ("bounding_box", "0,0,1,1"),
    ("_id", "abc"),
    ("_cls", "Classification"),
    ("_cls", None),
    ("tags", [1]),
    ("annotation_id", 5),
    ("depth", "deep"),
    ("depth", datetime(2024, 1, 1, tzinfo=timezone.utc)),
    ("verified", 1),
    ("confidence", "x"),
    ("index", float("nan")),
    ("", None),
    ("", "x"),
]
RIGHT = {
    "label": "Copepod",
    "bounding_box": [0, 0, 1, 1],
    "_cls": "Detection",
    "tags": [],
    "annotation_id": IDS[0],
    "depth": 5.5,
    "verified": True,
    "confidence": 0.5,
    "index": 1,
}
HARMLESS = [
    ("label", None),
    ("bounding_box", [0, 0, 1, 1]),
    ("bounding_box", None),
    ("tags", None),
    ("depth", 5),
    ("depth", "1.5"),
    ("verified", None),
    ("confidence", float("nan")),
    ("index", 5.5),
    ("undeclared", 5),
]


def loads(lab: Lab) -> bool:
    """Whether FiftyOne itself can load the dataset."""
    try:
        lab.dataset.reload()
        list(lab.dataset.iter_samples())
    except Exception:  # noqa: BLE001 - of many kinds, each meaning no
        return False
    return True


@pytest.mark.parametrize(("key", "value"), POISONED, ids=str)
def test_a_value_that_fiftyone_cannot_load(lab: Lab, key: str, value: object) -> None:
    change(f"{PATH}.0.{key}".rstrip("."), value)(lab)
    assert not loads(lab), "otherwise it is no such value"
    findings = lab.diagnose()
    found = find(findings, "Labels can be loaded", "plankton")
    assert found.status == "fault"
    assert found.detail.startswith("1 label that FiftyOne cannot load")
    assert (key or "the label itself") in found.detail
    assert str(lab.samples.find_one({"filepath": MEDIA[0]}, {"_id": 1})["_id"]) in found.detail  # type: ignore[index]
    assert "updateOne" in str(found.remedy)
    assert lab.samples.name in str(found.remedy)
    others = {"Annotation ids", "Annotation ids fit the id column", "Labels", "Mapping"}
    assert {check for _, check, _ in wanting(findings)} - others == {"Labels can be loaded"}
    lab.follow(found, RIGHT.get(key))
    assert loads(lab)
    assert lab.finding("Labels can be loaded").status == "ok"


@pytest.mark.parametrize(("key", "value"), [("label", 5), ("_id", "abc"), ("", "x")], ids=str)
def test_a_single_label_that_fiftyone_cannot_load(lab: Lab, key: str, value: object) -> None:
    for sample in lab.dataset:
        sample["species"] = lab.fo.Classification(label="Copepod", annotation_id=IDS[0])
        sample.save()
    del lab.binding["columns"]["box"]
    lab.binding |= {"label_field": "species", "attributes": {}}
    change(f"species.{key}".rstrip("."), value)(lab)
    assert not loads(lab)
    found = lab.finding("Labels can be loaded")
    assert (found.status, (key or "the label itself") in found.detail) == ("fault", True)
    lab.follow(found, RIGHT.get(key))
    assert loads(lab)


def test_values_that_only_look_odd(lab: Lab) -> None:
    for index, (key, value) in enumerate(HARMLESS):
        lab.samples.update_one({"filepath": MEDIA[index % len(MEDIA)]}, {"$set": {f"{PATH}.0.{key}": value}})
    assert loads(lab)
    assert wanting(lab.diagnose()) == []


@pytest.mark.parametrize("path", [f"{PATH}.0.label", f"{PATH}.0.annotation_id", "filepath", "tags.0"])
def test_text_that_is_not_utf_8_is_found_and_mended(lab: Lab, path: str) -> None:
    right = IDS[0] if path.endswith("annotation_id") else MEDIA[0] if path == "filepath" else "Copepod"
    lab.samples.update_one({"filepath": MEDIA[0]}, {"$set": {path: "XXXX"} if path != "tags.0" else {"tags": ["XXXX"]}})
    document = lab.samples.find_one({path.removesuffix(".0"): "XXXX"})
    assert document is not None
    raw = bson.encode(document).replace(b"XXXX", b"A\xff\xfeB")
    options: Any = CodecOptions(document_class=RawBSONDocument, unicode_decode_error_handler="backslashreplace")
    lab.samples.with_options(options).replace_one({"_id": document["_id"]}, RawBSONDocument(raw, options))
    assert not loads(lab)
    found = lab.finding("Texts are UTF-8")
    assert (found.status, f"{path} is A\\xff\\xfeB in sample {document['_id']}" in found.detail) == ("fault", True)
    lab.follow(found, right)
    assert loads(lab)
    assert lab.finding("Texts are UTF-8").status == "ok"
