"""Which files a configuration was made of."""

from __future__ import annotations

from pathlib import Path

from syncd.config import load_config_with_files

TEXT = """
database: {url: "${file:secrets/url}"}
bindings:
  - name: one
    dataset: d
    label_field: f
    annotation_id: a
    table: t
    columns: {id: id, label: label, media: media, updated_at: at}
"""


def test_the_files_that_references_named_are_told(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "url").write_text("postgresql+psycopg2://u@h/d\n")
    (tmp_path / "syncd.yaml").write_text(TEXT)
    config, files = load_config_with_files(tmp_path / "syncd.yaml", {})
    assert files == {tmp_path / "secrets" / "url"}
    assert config.database.url.get_secret_value() == "postgresql+psycopg2://u@h/d"
