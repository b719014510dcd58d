"""Checks FiftyOne's MongoDB: whether it answers, what it can do, and whether the versions fit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

from syncd.adapters.connect import overruled
from syncd.adapters.fiftyone.compat import DATASETS, installed_version, numbers, stored_version
from syncd.config.redact import HINT, is_clear_mongodb_uri
from syncd.doctor.finding import Check, Verdict, count, fault, ok, warning
from syncd.doctor.servers import MONGODB_ANSWERS, Servers
from syncd.errors import FiftyOneUnavailable

OLDEST = 6


def checks(servers: Servers) -> Iterator[Check]:
    """Of the server that holds FiftyOne's datasets."""
    yield Check(MONGODB_ANSWERS, lambda: _answers(servers))
    yield Check("MongoDB version", lambda: _version(servers.mongodb.get()))
    yield Check("MongoDB replica set", lambda: _replica_set(servers.mongodb.get()))
    yield Check("FiftyOne version", lambda: _fiftyone_version(servers.mongodb.get()))


def _answers(servers: Servers) -> Verdict:
    configured = servers.config.fiftyone.database_uri
    place = "`fiftyone.database_uri`" if configured else "FIFTYONE_DATABASE_URI"
    uri = configured.get_secret_value() if configured else os.environ.get("FIFTYONE_DATABASE_URI", "")
    if not is_clear_mongodb_uri(uri):
        # Not left to the driver, whose warnings show what it takes for an option.
        return fault(
            f"{place} is not a MongoDB URI; {HINT}",
            f"Expected in {place} e.g. mongodb://user:password@localhost:27017/?authSource=admin",
        )
    try:
        database = servers.mongodb.set(servers.connect_mongodb())
    except FiftyOneUnavailable as error:
        raise FiftyOneUnavailable(error.message, remedy=_remedy(error.message, place)) from error
    datasets = database[DATASETS].estimated_document_count()
    detail = f'database "{database.name}" with {count(datasets, "dataset")}'
    if told := overruled(uri):
        detail += (
            f"; {', '.join(told)} in {place} is not followed: syncd reads from the primary, and what it writes is in "
            "the journal of a majority"
        )
    return ok(detail)


def _remedy(message: str, place: str) -> str:
    if re.search(r"[Aa]uthentication|not authorized|requires authentication", message):
        return f"Mend the user or the password in {place} (and its authSource)."
    return f"Start MongoDB, or mend host and port in {place}."


def _version(database: Database[dict[str, Any]]) -> Verdict:
    version = str(database.client.server_info()["version"])
    if numbers(version) < (OLDEST,):
        return fault(
            f"MongoDB {version}; FiftyOne and syncd need {OLDEST} or newer",
            f"Upgrade mongod to {OLDEST} or newer, one major version at a time.",
        )
    return ok(f"MongoDB {version}")


def _replica_set(database: Database[dict[str, Any]]) -> Verdict:
    hello = database.client.admin.command("hello")
    if hello.get("msg") == "isdbgrid":
        return ok("a sharded cluster, by mongos")
    if "setName" not in hello:
        return warning(
            "standalone: no change streams, and no reads of one moment (an edit made during a read may be seen in "
            "part, until the next one)",
            "Start mongod with --replSet rs0, then run: mongosh --eval 'rs.initiate()'   (one member is enough; "
            "FiftyOne's own mongod cannot, so set `fiftyone.database_uri` and FIFTYONE_DATABASE_URI to yours)",
        )
    name = hello["setName"]
    if not hello.get("isWritablePrimary"):
        primary = hello.get("primary", "none at the moment")
        return fault(
            f'a member of the replica set "{name}" that cannot be written; its primary is {primary}',
            f"Write ?replicaSet={name} instead of directConnection in the URI, or name the primary.",
        )
    return ok(f'primary of the replica set "{name}"')


def _fiftyone_version(database: Database[dict[str, Any]]) -> Verdict:
    installed, stored = installed_version(), stored_version(database)
    if stored is None:
        return ok(f"package {installed}; the database has no version yet")
    if numbers(stored) == numbers(installed):
        return ok(f"package and database {installed}")
    if numbers(stored) > numbers(installed):
        return warning(
            f"package {installed}, but the database was upgraded to {stored}: this package may refuse to open it",
            f"Run: pip install fiftyone=={stored}",
        )
    return warning(
        f"package {installed}, database {stored}: the first use of this package's SDK or App upgrades the database, "
        f"after which hosts with {stored} may no longer open it",
        f"Run: pip install fiftyone=={stored}   (or, once every host has {installed}: fiftyone migrate --all)",
    )
