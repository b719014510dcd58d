"""What a configuration says of a laboratory's own tables: lookups, composite ids, boxes, soft deletion and so on."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import BindingConfig, load_config
from syncd.config.columns import path_steps
from unit.config.support import MINIMAL, Row, check_row, in_binding, replaced, write

COLUMNS = "columns: {id: annotation_id, label: label, media: media_uri}"


def with_columns(columns: str, rest: str = "") -> str:
    return replaced(COLUMNS, f"columns: {{{columns}}}") + (f"    {rest}\n" if rest else "")


def binding(folder: Path, text: str) -> BindingConfig:
    return load_config(write(folder, text), {}).bindings[0]


def test_the_whole_mapping_of_an_ordinary_schema_is_read(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        f"    {COLUMNS}\n",
        """\
    columns:
      id: {columns: [image_id, no], separator: "|"}
      label: {column: taxon_id, lookup: {table: taxa, key: id, value: name, create: true}}
      box: {columns: [x1, y1, x2, y2], unit: pixels, format: xyxy, size: [width, height]}
      media: {column: image_id, lookup: {table: images, key: id, value: path}}
      updated_at: updated_at
      updated_by: {column: person_id, lookup: {table: people, key: id, value: login}, default: 1}
      deleted: {column: deleted_at, set: now, clear: null}
      version: {column: version, step: 1}
    where: "project_id = 7 AND kind <> 'x;y'"
    insert: {project_id: 7, source: syncd}
    attributes:
      quality: {column: q, values: {0: bad, 1: good, true: sure}, direction: both}
      depth: {column: meta, path: env.depth.0}
      habitats: {column: habitats, array: true}
      family: {column: taxon_id, direction: to_fiftyone, lookup: {table: taxa, key: id, value: {
        column: family_id, lookup: {table: families, key: id, value: name}}}}
    sample_fields:
      station: {column: station, of: media, direction: to_fiftyone}
      cruise: cruise
    write: {append: {key: row_id, newest: created_at}}
""",
    ).replace("      version: {column: version, step: 1}\n", "")
    found = binding(tmp_path, text)
    columns = found.columns
    assert columns.id.names == ("image_id", "no")
    assert columns.label.lookup is not None
    assert columns.label.lookup.value.column == "name"
    assert columns.label.lookup.create
    assert columns.box is not None
    assert (columns.box.unit, columns.box.format, columns.box.size) == ("pixels", "xyxy", ("width", "height"))
    assert columns.updated_by is not None
    assert columns.updated_by.default == 1
    assert columns.deleted is not None
    assert columns.deleted.set == "now"
    assert columns.deleted.clear_is_given
    assert found.where == "project_id = 7 AND kind <> 'x;y'"
    assert found.insert == {"project_id": 7, "source": "syncd"}
    assert found.attributes["quality"].values == {"0": "bad", "1": "good", "true": "sure"}
    assert path_steps(found.attributes["depth"].path or "") == ("env", "depth", 0)
    family = found.attributes["family"].lookup
    assert family is not None
    assert family.value.lookup is not None
    assert family.value.lookup.table == "families"
    assert found.sample_fields["cruise"].column == "cruise"
    assert found.write.append is not None
    assert found.write.append.newest == "created_at"


def test_a_name_alone_is_the_short_form(tmp_path: Path) -> None:
    long = with_columns(
        "id: {column: annotation_id}, label: {column: label}, media: {column: media_uri}, "
        "deleted: {column: gone}, version: {column: version}, box: {columns: [x, y, w, h]}, updated_by: {column: who}"
    )
    short = with_columns(
        "id: annotation_id, label: label, media: media_uri, deleted: gone, version: version, box: [x, y, w, h], "
        "updated_by: who"
    )
    assert binding(tmp_path, long).columns == binding(tmp_path, short).columns


def test_a_direction_stands_at_the_column_or_under_directions(tmp_path: Path) -> None:
    at_column = with_columns("id: a, label: {column: l, direction: to_fiftyone}, media: m, box: [x, y, w, h]")
    found = binding(tmp_path, at_column)
    assert (found.direction("label"), found.direction("box")) == ("to_fiftyone", "to_fiftyone")
    found = binding(tmp_path, with_columns("id: a, label: l, media: m", "directions: {label: to_database}"))
    assert found.direction("label") == "to_database"


FAULTS: dict[str, Row] = {
    "lookup without a key": (
        with_columns("id: a, label: {column: l, lookup: {table: t, value: v}}, media: m"),
        "bindings[0].columns.label.lookup.key", 8, "nothing", "a column name", None),
    "lookup with an unknown key": (
        with_columns("id: a, label: {column: l, lookup: {table: t, key: k, value: v, crete: true}}, media: m"),
        "bindings[0].columns.label.lookup.crete", 8, "unknown key", "create", "did you mean create?"),
    "lookup of three levels": (
        with_columns("id: a, media: m, label: {column: l, lookup: {table: t, key: k, value: {column: c, lookup: "
                     "{table: t, key: k, value: {column: d}}}}}"),
        "bindings[0].columns.label.lookup.value.lookup.value", 8, "a mapping", "a column name", None),
    "lookup and values": (
        with_columns("id: a, label: {column: l, lookup: {table: t, key: k, value: v}, values: {1: x}}, media: m"),
        "bindings[0].columns.label", 8, "a mapping", "one of lookup, values", "do not go together"),
    "id of one column in a list": (
        with_columns("id: {columns: [a]}, label: l, media: m"),
        "bindings[0].columns.id", 8, "a mapping", "two column names", "as column"),
    "id with column and columns": (
        with_columns("id: {column: a, columns: [a, b]}, label: l, media: m"),
        "bindings[0].columns.id", 8, "a mapping", "either column or columns", None),
    "long separator": (
        with_columns("id: {columns: [a, b], separator: '::'}, label: l, media: m"),
        "bindings[0].columns.id", 8, "a mapping", "one character", None),
    "mint": (
        with_columns("id: {column: a, mint: serial}, label: l, media: m"),
        "bindings[0].columns.id.mint", 8, '"serial"', "sequence, uuid or max", None),
    "unit of a box": (
        with_columns("id: a, label: l, media: m, box: {columns: [x, y, w, h], unit: px}"),
        "bindings[0].columns.box.unit", 8, '"px"', "relative, pixels or percent", None),
    "size of a relative box": (
        with_columns("id: a, label: l, media: m, box: {columns: [x, y, w, h], size: [w, h]}"),
        "bindings[0].columns.box.size", 8, "a list of 2", "unit: pixels", None),
    "size of three": (
        with_columns("id: a, label: l, media: m, box: {columns: [x, y, w, h], unit: pixels, size: [w, h, d]}"),
        "bindings[0].columns.box.size", 8, "a list of 3", "a list of 2 column names", None),
    "step of nothing": (
        with_columns("id: a, label: l, media: m, version: {column: v, step: 0}"),
        "bindings[0].columns.version.step", 8, "0", "above zero", None),
    "where with two statements": (
        in_binding('where: "true); DROP TABLE x; --"'), "bindings[0].where", 9, "DROP", "a condition in SQL",
        "semicolons"),
    "where that closes what it did not open": (
        in_binding('where: "a = 1) OR (true"'), "bindings[0].where", 9, "a = 1", "a condition in SQL", "parenthesis"),
    "where with its own word": (
        in_binding("where: WHERE a = 1"), "bindings[0].where", 9, "WHERE", "a condition in SQL", "behind WHERE"),
    "constant that is a list": (
        in_binding("insert: {a: [1]}"), "bindings[0].insert.a", 9, "a list of 1", "text, a number", None),
    "constant of a mapped column": (
        in_binding("insert: {label: x}"), "bindings[0].insert.label", 9, '"label"', "a column of its own",
        "columns.label"),
    "path with two dots": (
        in_binding("attributes: {d: {column: c, path: a..b}}"), "bindings[0].attributes.d.path", 9, '"a..b"',
        "a path into JSON", "single dots"),
    "two attributes of one path": (
        in_binding("attributes: {d: {column: c, path: a}, e: {column: c, path: a}}"),
        "bindings[0].attributes.e.column", 9, '"c"', "a column of its own", "attributes.d"),
    "value that is a list": (
        in_binding("attributes: {d: {column: c, values: {1: [a]}}}"), 'bindings[0].attributes.d.values.1', 9,
        "a list of 1", "text, a number", None),
    "media by a path": (
        with_columns("id: a, label: l, media: {column: m, path: a.b}"),
        "bindings[0].columns.media.path", 8, '"a.b"', "nothing: media is a column", None),
    "two directions": (
        with_columns("id: a, label: {column: l, direction: both}, media: m", "directions: {label: to_fiftyone}"),
        "bindings[0].columns.label.direction", 8, '"both"', "one direction", "directions.label"),
    "sample field of a media without a table": (
        in_binding("sample_fields: {station: station}"), "bindings[0].sample_fields.station", 9, '"station"',
        "a lookup in columns.media", None),
    "sample field that every sample has": (
        in_binding("sample_fields: {filepath: {column: p, of: row}}"), "bindings[0].sample_fields.filepath", 9,
        "this key", "another sample field", None),
    "append without its order": (
        in_binding("write: {append: {key: row_id}}"), "bindings[0].write.append.newest", 9, "nothing", "a column name",
        None),
    "version of an append-only table": (
        with_columns("id: a, label: l, media: m, version: v", "write: {append: {key: row_id, newest: at}}"),
        "bindings[0].columns.version", 8, '"v"', "never changed", None),
}  # fmt: skip


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_the_mapping_is_named_at_its_place(tmp_path: Path, row: Row) -> None:
    check_row(tmp_path, row)
