"""Every wrong configuration is refused at the place where it is wrong, in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import Config, load_config
from unit.config.support import Row, at_top, check_row, faults_of, in_binding, replaced, write

SCHEMA: dict[str, Row] = {
    "column is a number": (
        replaced("id: annotation_id", "id: 3"), "bindings[0].columns.id", 8, "3", "a column name", "in quotes",
    ),
    "column is missing": (replaced(", media: media_uri", ""), "bindings[0].columns.media", 8, "nothing",
                          "a column name", None),
    "columns are missing": (replaced("    columns: {id: annotation_id, label: label, media: media_uri}\n", ""),
                            "bindings[0].columns", 4, "nothing", "a mapping with id, label", None),
    "columns are a list": (replaced("{id: annotation_id, label: label, media: media_uri}", "[id, label]"),
                           "bindings[0].columns", 8, "a list of 2", "a mapping with id, label", None),
    "table is missing": (replaced("    table: public.annotation\n", ""), "bindings[0].table", 4, "nothing",
                         "a table name", None),
    "table has three parts": (replaced("public.annotation", "db.public.annotation"), "bindings[0].table", 7,
                              '"db.public.annotation"', "a table name", "schema.table"),
    "table with a blank": (replaced("public.annotation", "my table"), "bindings[0].table", 7, '"my table"',
                           "a table name", "double quotes"),
    "database is missing": (replaced("database:\n  url: postgresql://syncd@db/annotations\n", ""), "database", 1,
                            "nothing", "a mapping with url", None),
    "url is missing": (replaced("  url: postgresql://syncd@db/annotations\n", ""), "database.url", 1, "nothing",
                       "a database URL", None),
    "url without a scheme": (replaced("postgresql://syncd@db/annotations", "db/annotations"), "database.url", 2,
                             "not shown", "a database URL", None),
    "url of the old kind": (replaced("postgresql://", "postgres://"), "database.url", 2, "not shown",
                            "a database URL", "postgresql://"),
    "url without a blank after the colon": (replaced("url: ", "url:"), "database", 1, "not shown",
                                            "a mapping with url", None),
    "bindings are a mapping": ("database: {url: sqlite://}\nbindings: {name: x}\n", "bindings", 2, "a mapping",
                               "a list", None),
    "bindings are empty": ("database: {url: sqlite://}\nbindings: []\n", "bindings", 2, "an empty list",
                           "at least one binding", None),
    "binding is text": ("database: {url: sqlite://}\nbindings: [x]\n", "bindings[0]", 2, '"x"',
                        "a mapping with name, dataset", None),
    "unknown key at the top": (at_top("notfy: {}"), "notfy", 9, "unknown key", "notify", "did you mean notify?"),
    "unknown key in a binding": (in_binding("lable_field: x"), "bindings[0].lable_field", 9, "unknown key",
                                 "label_field", "did you mean label_field?"),
    "key of another section": (at_top("poll_interval: 1s"), "poll_interval", 9, "unknown key", "daemon",
                               "belongs under daemon"),
    "key of the top in a binding": (in_binding("notify: {}"), "bindings[0].notify", 9, "unknown key", "name",
                                    "at the top"),
    "attribute of the model that is no key": (at_top("state: {schema_name: x}"), "state.schema_name", 9,
                                              "unknown key", "url, schema", "did you mean schema?"),
    "key that is a number": (in_binding("aliases: {20240101: Copepoda}"), "bindings[0].aliases", 9, "20240101 as a key",
                             "text as the key", '"20240101"'),
    "key that is a list": (in_binding("aliases: {[a]: Copepoda}"), "bindings[0].aliases", 9, "a list or mapping",
                           "text as the key", None),
    "key given twice": (in_binding("dataset: other"), "bindings[0].dataset", 9, "a second time (first on line 5)",
                        "each key once", None),
    "binding name with a slash": (replaced("name: one", "name: a/b"), "bindings[0].name", 4, '"a/b"', "letters, digits",
                                  None),
    "binding name like an option": (replaced("name: one", "name: -x"), "bindings[0].name", 4, '"-x"',
                                    "letters, digits", "no dash"),
    "label field that FiftyOne refuses": (replaced("ground_truth", "_gt"), "bindings[0].label_field", 6, '"_gt"',
                                          "a FiftyOne field", "underscore"),
    "box of three": (replaced("media:", "box: [x, y, w], media:"), "bindings[0].columns.box", 8, "a list of 3",
                     "a list of 4 column names", None),
    "box with a number": (replaced("media:", "box: [x, y, w, 4], media:"), "bindings[0].columns.box[3]", 8, "4",
                          "a column name", None),
    "box is text": (replaced("media:", "box: xywh, media:"), "bindings[0].columns.box", 8, '"xywh"', "a list", None),
    "read is another statement": (in_binding("read: delete from x"), "bindings[0].read", 9, "delete", "a SELECT",
                                  "one SELECT"),
    "read is two statements": (in_binding("read: select 1; drop table x"), "bindings[0].read", 9, "select", "a SELECT",
                               "semicolon"),
    "attribute is a list": (in_binding("attributes: {depth: [a]}"), "bindings[0].attributes.depth", 9, "a list of 1",
                            "a column name, or a mapping", None),
    "attribute direction": (in_binding("attributes: {depth: {direction: to_fiftone}}"),
                            "bindings[0].attributes.depth.direction", 9, '"to_fiftone"',
                            "both, to_database or to_fiftyone", "did you mean to_fiftyone?"),
    "attribute tolerance": (in_binding("attributes: {depth: {tolerance: -1}}"),
                            "bindings[0].attributes.depth.tolerance", 9, "-1", "a number, zero or more", None),
    "attribute tolerance is no number": (in_binding("attributes: {depth: {tolerance: .nan}}"),
                                         "bindings[0].attributes.depth.tolerance", 9, "nan", "a number", None),
    "attribute name with a dot": (in_binding("attributes: {a.b: x}"), 'bindings[0].attributes["a.b"]', 9, "this key",
                                  "the name of a label attribute", None),
    "label direction": (in_binding("directions: {label: up}"), "bindings[0].directions.label", 9, '"up"',
                        "both, to_database or to_fiftyone", None),
    "vocabulary of two kinds": (in_binding("vocabulary: {classes: [A], file: x}"), "bindings[0].vocabulary", 9,
                                "a mapping", "one of {table", "classes and file"),
    "vocabulary of no kind": (in_binding("vocabulary: [A]"), "bindings[0].vocabulary", 9, "a list of 1", "{classes",
                              None),
    "vocabulary column is missing": (in_binding("vocabulary: {table: t}"), "bindings[0].vocabulary.column", 9,
                                     "nothing", "a column name", None),
    "vocabulary class is a number": (in_binding("vocabulary: {classes: [A, 2]}"), "bindings[0].vocabulary.classes[1]",
                                     9, "2", "a label", "in quotes"),
    "vocabulary is empty": (in_binding("vocabulary: {classes: []}"), "bindings[0].vocabulary.classes", 9,
                            "an empty list", "at least one class", None),
    "vocabulary with an unknown key": (in_binding("vocabulary: {table: t, column: c, parnt: p}"),
                                       "bindings[0].vocabulary.parnt", 9, "unknown key", "parent",
                                       "did you mean parent?"),
    "tags are text": (in_binding("review: {approve: ok}"), "bindings[0].review.approve", 9, '"ok"', "a list", "[one]"),
    "review mode": (in_binding("review: {mode: tag}"), "bindings[0].review.mode", 9, '"tag"', "immediate or tagged",
                    "did you mean tagged?"),
    "class tags": (in_binding("review: {class_tags: maybe}"), "bindings[0].review.class_tags", 9, '"maybe"',
                   "true or false", None),
    "after without its tag": (in_binding("review: {after: replace}"), "bindings[0].review.after", 9, '"replace"',
                              "remove, keep or {replace: TAG}", "{replace: done}"),
    "after with a number": (in_binding("review: {after: {replace: 3}}"), "bindings[0].review.after", 9, "a mapping",
                            "remove, keep or {replace: TAG}", None),
    "policy": (in_binding("policy: {on_conflict: databse}"), "bindings[0].policy.on_conflict", 9, '"databse"',
               "quarantine, database, fiftyone or latest", "did you mean database?"),
    "policy is a list": (in_binding("policy: {on_new: [create]}"), "bindings[0].policy.on_new", 9, "a list of 1",
                         "create, quarantine or ignore", None),
    "brake in percent": (in_binding("brakes: {max_change_fraction: 20}"), "bindings[0].brakes.max_change_fraction", 9,
                         "20", "a number from 0 to 1", "0.2"),
    "brake is half a row": (in_binding("brakes: {min_rows: 1.5}"), "bindings[0].brakes.min_rows", 9, "1.5",
                            "a whole number", None),
    "brake is a truth value": (in_binding("brakes: {min_rows: true}"), "bindings[0].brakes.min_rows", 9, "true",
                               "a whole number", None),
    "duration without sense": (at_top("daemon: {overlap: soon}"), "daemon.overlap", 9, '"soon"', "a duration", "30s"),
    "duration below zero": (at_top("daemon: {overlap: -1}"), "daemon.overlap", 9, "-1", "a duration", None),
    "duration beyond all bounds": (at_top("daemon: {overlap: 999999999999999d}"), "daemon.overlap", 9, "99d",
                                   "a duration", None),
    "poll without a pause": (at_top("daemon: {poll_interval: 0s}"), "daemon.poll_interval", 9, '"0s"', "above zero",
                             None),
    "http without a port": (at_top("daemon: {http: localhost}"), "daemon.http", 9, '"localhost"', "host:port", None),
    "http with a port too high": (at_top("daemon: {http: 'x:70000'}"), "daemon.http", 9, '"x:70000"', "host:port",
                                  "65535"),
    "webhook that is no address": (at_top("notify: {webhook: nowhere}"), "notify.webhook", 9, "not shown",
                                   "a web address", None),
    "webhook that is empty": (at_top("notify: {webhook: ''}"), "notify.webhook", 9, "empty text", "a web address",
                              None),
    "signing secret that is short": (at_top("notify: {secret: fifteen-letters}"), "notify.secret", 9, "not shown",
                                     "16 characters or more", "openssl"),
    "event that there is not": (at_top("notify: {events: [held, aplied]}"), "notify.events[1]", 9, '"aplied"',
                                "applied, conflict, held, failed, recovered or report", "did you mean applied?"),
    "event alone": (at_top("notify: {events: held}"), "notify.events", 9, '"held"', "a list", "[one]"),
    "mongodb uri": (at_top("fiftyone: {database_uri: localhost}"), "fiftyone.database_uri", 9, "not shown",
                    "a MongoDB URI", None),
    "state schema": (at_top("state: {schema: My Schema}"), "state.schema", 9, '"My Schema"', "a schema name", None),
    "report without a place": (at_top("report: {every: 7d}"), "report.to", 9, "nothing",
                               "a folder, or s3://bucket/prefix", None),
    "report format": (at_top("report: {to: reports, format: pdf}"), "report.format", 9, '"pdf"', "html, markdown",
                      None),
    "proxy that is no address": (at_top("app: {proxies: [proxy.lab]}"), "app.proxies[0]", 9, '"proxy.lab"',
                                 "an IP address or a network", None),
    "header that is none": (at_top("app: {role_header: 'X Role'}"), "app.role_header", 9, '"X Role"',
                            "the name of an HTTP header", "X-Forwarded-User"),
    "proxy's secret that is short": (at_top("app: {proxy_secret: short}"), "app.proxy_secret", 9, "not shown",
                                     "16 characters or more", "openssl"),
    "control character": (in_binding(r'extra_labels: ["a\x07"]'), "bindings[0].extra_labels[0]", 9, r'"a\x07"',
                          "a label", "control"),
    "a model of embeddings with an odd size": (
        at_top("embedding: {models: {a: {size: 3}}}"), "embedding.models.a.size", 9, "3",
        "native, or a number of pixels from 8 to 4096", None,
    ),
    "a range upside down": (
        at_top("embedding: {models: {a: {value_range: [4095, 0]}}}"), "embedding.models.a.value_range", 9, "",
        "the values of black and of white", "black first",
    ),
    "a checksum that is none": (
        at_top("embedding: {models: {a: {sha256: abc}}}"), "embedding.models.a.sha256", 9, '"abc"',
        "64 hexadecimal digits", "sha256sum",
    ),
    "an unknown runtime": (
        at_top("embedding: {models: {a: {runtime: tensorrt}}}"), "embedding.models.a.runtime", 9, '"tensorrt"',
        "openvino", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", SCHEMA.values(), ids=SCHEMA.keys())
def test_a_wrong_configuration_gives_one_fault_at_its_place(tmp_path: Path, row: Row) -> None:
    check_row(tmp_path, row)


def test_all_faults_of_a_file_are_named_at_once_in_its_order(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """\
databse: {}
database:
  url: ${UNSET}
daemon:
  poll_interval: never
  http: ${file:nowhere}
bindings:
  - name: a b
    dataset: d
    label_field: f
    table: t
    columns: {id: 3, label: l, media: m}
    attributes: {kind: l}
    aliases: {x: y, y: z}
  - name: second
    dataset: d
    label_field: f
    table: t
    table: u
    columns: {id: i, label: l, media: m, 7: x}
""",
    )
    assert [(fault.line, fault.place) for fault in faults] == [
        (1, "databse"),
        (3, "database.url"),
        (5, "daemon.poll_interval"),
        (6, "daemon.http"),
        (8, "bindings[0].name"),
        (12, "bindings[0].columns.id"),
        (13, "bindings[0].attributes.kind"),
        (14, "bindings[0].aliases.x"),
        (17, "bindings[1].label_field"),
        (19, "bindings[1].table"),
        (20, "bindings[1].columns"),
    ]


def test_the_error_has_one_line_for_each_fault(tmp_path: Path) -> None:
    path = write(tmp_path, replaced("id: annotation_id", "id: 3") + "x: 1\n")
    keys = [each.alias or name for name, each in Config.model_fields.items()]
    with pytest.raises(Exception, match="found 3") as caught:
        load_config(path, {})
    assert str(caught.value).splitlines() == [
        f"{path}:8: bindings[0].columns.id: found 3, expected a column name (put it in quotes)",
        f"{path}:9: x: found an unknown key, expected one of {', '.join(keys)}",
    ]


def test_a_file_with_very_many_faults_shows_a_hundred_and_keeps_all(tmp_path: Path) -> None:
    numbers = ", ".join(map(str, range(250)))
    path = write(tmp_path, in_binding(f"extra_labels: [{numbers}]"))
    with pytest.raises(Exception, match="and 150 more") as caught:
        load_config(path, {})
    assert len(caught.value.faults) == 250  # type: ignore[attr-defined]
