"""What an error means for a binding."""

from __future__ import annotations

import pytest
from pymongo.errors import AutoReconnect
from sqlalchemy.exc import OperationalError

from syncd.adapters.fiftyone.dataset import DatasetChanged, DatasetMissing
from syncd.config import Config, parse_config
from syncd.daemon.error_policy import Cure, trouble_of
from syncd.errors import ConfigError, DatabaseUnavailable, FiftyOneUnavailable, LockLost, MappingError, StateError


@pytest.fixture
def config() -> Config:
    columns = {"id": "id", "label": "label", "media": "media", "updated_at": "at"}
    binding = {"name": "b", "dataset": "d", "label_field": "f", "annotation_id": "a", "table": "t", "columns": columns}
    return parse_config({"database": {"url": "postgresql+psycopg2://u@h/d"}, "bindings": [binding]})


@pytest.mark.parametrize(
    ("error", "cure", "side"),
    [
        (FiftyOneUnavailable("gone"), Cure.SERVER, "fiftyone"),
        (AutoReconnect("gone"), Cure.SERVER, "fiftyone"),
        (DatasetChanged("another"), Cure.SERVER, "fiftyone"),
        (DatabaseUnavailable("gone"), Cure.SERVER, "database"),
        (OperationalError("SELECT 'secret'", {}, Exception("gone")), Cure.SERVER, "database"),
        (LockLost("gone"), Cure.SERVER, "database"),
        (ConfigError("wrong"), Cure.PERSON, None),
        (MappingError("wrong"), Cure.PERSON, None),
        (DatasetMissing("wrong"), Cure.PERSON, None),
        (StateError("old"), Cure.PERSON, None),
        (ZeroDivisionError("secret"), Cure.UNKNOWN, None),
    ],
)
def test_who_or_what_helps(config: Config, error: Exception, cure: Cure, side: str | None) -> None:
    trouble = trouble_of(error, config)
    assert (trouble.cure, trouble.side) == (cure, side)
    assert trouble.why
    assert "secret" not in trouble.why
