"""From addresses to the facts of a table and of the dataset: the one door of this room to servers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from syncd.adapters.connect import fiftyone_database, open_database
from syncd.config import Config
from syncd.propose.dataset import read_dataset
from syncd.propose.facts import Facts
from syncd.propose.read import read_facts


def facts_at(url: str, table: str, progress: Callable[[str], None] = lambda _: None) -> Facts:
    """The facts of a table in the database at ``url``; nothing is written there.

    Raises DatabaseUnavailable, ConfigError for an address that is none, and what :func:`syncd.propose.read.read_facts`
    raises.
    """
    connection = open_database(url)
    try:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
        return read_facts(connection, table, progress)
    finally:
        connection.close()
        connection.engine.dispose()


def with_dataset(facts: Facts, config: Config) -> Facts:
    """The facts, with those of the dataset of the configuration's first binding, where it is there already.

    Nothing is written. ``FiftyOneUnavailable`` where FiftyOne's MongoDB does not answer.
    """
    with fiftyone_database(config) as database:
        return replace(facts, dataset=read_dataset(database, config.bindings[0].dataset, facts))
