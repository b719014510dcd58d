"""What a right configuration says, and what it leaves to the defaults."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from syncd.config import (
    Config,
    HttpAddress,
    ReplaceTag,
    VocabularyClasses,
    VocabularyFile,
    VocabularyTable,
    load_config,
    parse_config,
)
from syncd.errors import ConfigError
from unit.config.support import MINIMAL, at_top, in_binding, write

EXAMPLE = """\
fiftyone:
  database_uri: mongodb://localhost:27017
  database_name: fiftyone
database:
  url: postgresql+psycopg2://syncd@db/annotations
state:
  url: null
  schema: syncd
daemon:
  poll_interval: 30s
  full_scan_interval: 1h
  overlap: 10m
  quiet_period: 5s
  http: 127.0.0.1:9095
bindings:
  - name: planktivore
    dataset: planktivore-highmag
    label_field: ground_truth
    annotation_id: annotation_id
    table: public.annotation
    read: public.annotation_with_media
    columns:
      id: annotation_id
      label: label
      box: [x, y, w, h]
      media: media_uri
      updated_at: updated_at
      updated_by: updated_by
    sample_key: media_uri
    attributes:
      verified: {column: verified, direction: both}
      depth: {column: depth_m}
    vocabulary: {table: public.taxon, column: name, parent: parent_name}
    extra_labels: [unknown, noise]
    aliases: {Copepda: Copepoda}
    review:
      mode: immediate
      approve: [reviewed, ok]
      error: [bad]
      class_tags: true
      after: remove
    policy: {on_conflict: quarantine, first_sync: quarantine, on_new: create,
             on_fiftyone_delete: quarantine, on_database_delete: remove, on_hidden: quarantine, on_moved: quarantine}
    brakes: {max_change_fraction: 0.2, max_delete_fraction: 0.02, max_insert_fraction: 0.2, max_conflict_fraction: 0.2,
             max_into_one_label: 0.1, min_rows: 50, min_count: 10}
notify:
  webhook: ${file:webhook}
"""


def load(folder: Path, text: str, **environ: str) -> Config:
    return load_config(write(folder, text), environ)


def test_the_configuration_of_the_design_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "webhook").write_text("https://hooks.example/T0/secret\n", encoding="utf-8")
    config = load(tmp_path, EXAMPLE)
    binding = config.binding("planktivore")
    assert config.fiftyone.database_uri is not None
    assert config.fiftyone.database_uri.get_secret_value() == "mongodb://localhost:27017"
    assert config.state_url is config.database.url
    assert config.state.schema_name == "syncd"
    assert config.daemon.http == HttpAddress("127.0.0.1", 9095)
    assert config.notify.webhook is not None
    assert config.notify.webhook.get_secret_value() == "https://hooks.example/T0/secret"
    assert binding.read_from == "public.annotation_with_media"
    assert binding.columns.box is not None
    assert binding.columns.box.names == ("x", "y", "w", "h")
    assert binding.attributes["depth"].column == "depth_m"
    assert binding.attributes["depth"].direction == "to_fiftyone"
    assert binding.verified_attribute == "verified"
    assert binding.vocabulary == VocabularyTable(table="public.taxon", column="name", parent="parent_name")
    assert binding.extra_labels == ("unknown", "noise")
    assert binding.aliases == {"Copepda": "Copepoda"}


def test_the_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    """The page shows most defaults by writing them out: dropping them changes nothing."""
    full = yaml.safe_load(EXAMPLE)
    full["bindings"][0]["policy"] |= {"on_stale_revert": "reapply", "stale_window": "1h"}
    full["notify"] = {"webhook": None}
    short = {key: full[key] for key in ("fiftyone", "database", "bindings")}
    short["bindings"] = [dict(full["bindings"][0])]
    for key in ("annotation_id", "review", "policy", "brakes"):
        del short["bindings"][0][key]
    assert parse_config(short) == parse_config(full)


def test_optional_things_are_none_or_empty_when_left_out(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    (binding,) = config.bindings
    assert config.fiftyone.database_uri is None
    assert config.fiftyone.database_name is None
    assert config.notify.webhook is None
    assert config.report is None
    assert binding.annotation_id == "annotation_id"
    assert binding.sample_key == "filepath"
    assert binding.read is None
    assert binding.read_from == binding.table == "public.annotation"
    assert not binding.reads_select
    assert binding.columns.box is None
    assert binding.attributes == {}
    assert binding.vocabulary is None
    assert binding.verified_attribute is None
    assert binding.directions.label == "both"
    assert binding.directions.box == "to_fiftyone"


def test_a_section_whose_keys_are_all_commented_out_has_its_defaults(tmp_path: Path) -> None:
    sections = at_top("daemon:\nfiftyone:\nstate:\nnotify:\nreport:")
    in_the_binding = "attributes:\ndirections:\nreview:\npolicy:\nbrakes:\naliases:\nextra_labels:\nvocabulary:"
    empty = sections.replace("daemon:", in_binding(in_the_binding).removeprefix(MINIMAL) + "daemon:", 1)
    assert load(tmp_path, empty) == load(tmp_path, MINIMAL)


def test_who_may_do_what_in_the_app_is_left_open_or_listed(tmp_path: Path) -> None:
    app = load(tmp_path, MINIMAL).app
    assert (app.editors, app.viewers, app.proxies, app.role_header) == ((), (), ("127.0.0.1", "::1"), None)
    app = load(
        tmp_path, at_top("app: {editors: [ada], viewers: [guest], proxies: [10.0.0.0/24], role_header: X-Role}")
    ).app
    assert (app.editors, app.viewers, app.proxies, app.role_header) == (
        ("ada",),
        ("guest",),
        ("10.0.0.0/24",),
        "X-Role",
    )


def test_a_web_hook_may_be_signed_and_told_less(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0123456789abcdef\n", encoding="utf-8")
    text = at_top("notify: {webhook: 'https://h', secret: '${file:key}', events: [held, failed]}")
    notify = load(tmp_path, text).notify
    assert notify.secret is not None
    assert notify.secret.get_secret_value() == "0123456789abcdef"
    assert notify.events == ("held", "failed")


def test_a_web_hook_is_told_everything_and_unsigned_by_default(tmp_path: Path) -> None:
    notify = load(tmp_path, MINIMAL).notify
    assert notify.secret is None
    assert notify.events == ("applied", "conflict", "held", "failed", "recovered", "report")


@pytest.mark.parametrize(
    ("written", "column", "direction", "tolerance"),
    [
        ("{depth: depth_m}", "depth_m", "to_fiftyone", None),
        ("{depth: }", "depth", "to_fiftyone", None),
        ("{depth: {direction: both}}", "depth", "both", None),
        ("{depth: {column: d, direction: to_database, tolerance: 1e-3}}", "d", "to_database", 0.001),
    ],
)
def test_an_attribute_may_be_written_short(
    tmp_path: Path, written: str, column: str, direction: str, tolerance: float | None
) -> None:
    attribute = load(tmp_path, in_binding(f"attributes: {written}")).bindings[0].attributes["depth"]
    assert (attribute.column, attribute.direction, attribute.tolerance) == (column, direction, tolerance)


@pytest.mark.parametrize("word", ["no", "on", "yes", "y", "1:30", "2024-01-01", "0o9", "1_000", "=", "."])
def test_a_label_that_older_yaml_would_convert_stays_text(tmp_path: Path, word: str) -> None:
    assert load(tmp_path, in_binding(f"extra_labels: [{word}]")).bindings[0].extra_labels == (word,)


def test_labels_keep_every_character(tmp_path: Path) -> None:
    labels = ("Ω  omega ", "שלום", "a\u200cb", "'", '"Select"', "$${x}", "💥")
    text = in_binding("extra_labels: [" + ", ".join("'" + label.replace("'", "''") + "'" for label in labels) + "]")
    assert load(tmp_path, text).bindings[0].extra_labels == tuple(s.replace("$${", "${") for s in labels)


def test_after_is_a_word_or_a_tag_to_put_instead(tmp_path: Path) -> None:
    assert load(tmp_path, in_binding("review: {after: keep}")).bindings[0].review.after == "keep"
    replaced = load(tmp_path, in_binding("review: {after: {replace: done}}"))
    assert replaced.bindings[0].review.after == ReplaceTag("done")


def test_a_vocabulary_is_a_list_or_a_file_beside_the_configuration(tmp_path: Path) -> None:
    listed = load(tmp_path, in_binding("vocabulary: {classes: [A, B]}")).bindings[0].vocabulary
    assert listed == VocabularyClasses(classes=("A", "B"))
    filed = load(tmp_path, in_binding("vocabulary: {file: terms.txt}")).bindings[0].vocabulary
    assert isinstance(filed, VocabularyFile)
    assert filed.file == tmp_path / "terms.txt"


def test_read_may_be_a_select_over_several_lines(tmp_path: Path) -> None:
    binding = load(tmp_path, in_binding("read: |\n  SELECT *\n  FROM a -- all\n  WHERE x <> ';'")).bindings[0]
    assert binding.reads_select
    assert binding.read_from.startswith("SELECT *\n")


def test_the_daemon_may_answer_nowhere_and_on_ipv6(tmp_path: Path) -> None:
    assert load(tmp_path, at_top("daemon: {http: null}")).daemon.http is None
    address = load(tmp_path, at_top("daemon: {http: '[::1]:0'}")).daemon.http
    assert address == HttpAddress("::1", 0)
    assert str(address) == "[::1]:0"


def test_durations_are_time_deltas(tmp_path: Path) -> None:
    daemon = load(tmp_path, at_top("daemon: {poll_interval: 500ms, overlap: 0, quiet_period: 2.5}")).daemon
    assert daemon.poll_interval == timedelta(milliseconds=500)
    assert daemon.overlap == timedelta(0)
    assert daemon.quiet_period == timedelta(seconds=2.5)


def test_bindings_may_share_what_an_anchor_names(tmp_path: Path) -> None:
    text = MINIMAL.replace("  - name: one", "  - &one\n    name: one")
    text += "  - <<: *one\n    name: two\n    label_field: other\n"
    two = load(tmp_path, text).binding("two")
    assert (two.dataset, two.label_field, two.columns.id.name) == ("plankton", "other", "annotation_id")


def test_asking_for_an_unknown_binding_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean one"):
        load(tmp_path, MINIMAL).binding("onne")
    with pytest.raises(ConfigError, match="the configuration has: one"):
        load(tmp_path, MINIMAL).binding("xyz")


def test_models_of_embeddings_and_the_one_that_a_binding_has(tmp_path: Path) -> None:
    (tmp_path / "ours.pth").touch()
    text = in_binding("embedding: {model: ours, of: patches, margin: 0.2, layout: null}") + (
        "embedding:\n  folder: vectors\n  every: 1d\n  models:\n    dino_vits8:\n"
        "    ours: {weights: ours.pth, size: 96, pool: both, value_range: [0, 4095], runtime: torch}\n"
    )
    config = load(tmp_path, text)
    assert config.embedding.place == tmp_path / "vectors"
    assert config.embedding.every == timedelta(days=1)
    assert config.embedding.models["dino_vits8"].weights is None
    ours = config.embedding.models["ours"]
    assert ours.weights == str(tmp_path / "ours.pth")
    assert (ours.size, ours.max_side, ours.pool, ours.value_range) == (96, 224, "both", (0.0, 4095.0))
    told = config.binding("one").embedding
    assert told is not None
    assert (told.model, told.of, told.margin, told.layout, told.similarity) == ("ours", "patches", 0.2, None, True)
    assert load(tmp_path, MINIMAL).binding("one").embedding is None
    assert load(tmp_path, at_top("embedding: {models: {a: {weights: s3://b/k.pth}}}")).embedding.models


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    with pytest.raises(ValidationError):
        config.database = config.database  # type: ignore[misc]


def test_plain_values_are_checked_like_a_file() -> None:
    with pytest.raises(ConfigError, match="demo: database: found nothing"):
        parse_config({"bindings": yaml.safe_load(MINIMAL)["bindings"]}, source="demo")
