"""The example tables of the Compose set-up are what its example configuration expects."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def test_the_example_tables_have_every_mapped_column(database_url: str) -> None:
    (binding,) = yaml.safe_load((DEPLOY / "syncd.yaml").read_text())["bindings"]
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql((DEPLOY / "postgres" / "10-annotations.sql").read_text())
    columns = {column["name"] for column in sa.inspect(engine).get_columns("annotation", schema="public")}
    mapped = {key: value for key, value in binding["columns"].items() if key != "box"}
    attributes = {value["column"] for value in binding["attributes"].values()}
    assert {*mapped.values(), *binding["columns"]["box"], *attributes} <= columns
    vocabulary = binding["vocabulary"]
    terms = {column["name"] for column in sa.inspect(engine).get_columns(vocabulary["table"].removeprefix("public."))}
    assert {vocabulary["column"], vocabulary["parent"]} <= terms


def test_an_update_moves_updated_at(database_url: str) -> None:
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql((DEPLOY / "postgres" / "10-annotations.sql").read_text())
        connection.exec_driver_sql("INSERT INTO annotation (media_uri, label) VALUES ('/media/1.png', 'Copepoda')")
    with engine.begin() as connection:
        before = connection.exec_driver_sql("SELECT updated_at FROM annotation").scalar_one()
        connection.exec_driver_sql("UPDATE annotation SET label = 'Cladocera'")
        assert connection.exec_driver_sql("SELECT updated_at FROM annotation").scalar_one() > before
