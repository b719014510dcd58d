"""The fixtures that everything else stands on."""

from __future__ import annotations

from types import ModuleType

import sqlalchemy as sa

import servers


def test_a_database_is_empty_and_its_own(database_url: str, postgres_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE sample (id int)"))
    engine.dispose()
    assert sa.make_url(database_url).database != sa.make_url(postgres_url).database


def test_a_mongo_database_has_change_streams(mongo_database: tuple[str, str]) -> None:
    uri, name = mongo_database
    with servers.mongo_client(uri) as client, client[name].watch(max_await_time_ms=2_000) as stream:
        client[name]["labels"].insert_one({"_id": 1})
        change = stream.try_next()
        assert change is not None
        assert change["operationType"] == "insert"


def test_fiftyone_uses_the_same_server(fiftyone: ModuleType, mongo_uri: str) -> None:
    dataset = fiftyone.Dataset("fixture", persistent=True)
    dataset.add_sample(fiftyone.Sample(filepath="/nowhere.png", ground_truth=fiftyone.Classification(label="a")))
    with servers.mongo_client(mongo_uri) as client:
        assert client[fiftyone.config.database_name][dataset._sample_collection_name].count_documents({}) == 1


def test_fiftyone_does_not_report_home(fiftyone: ModuleType) -> None:
    assert fiftyone.config.do_not_track
