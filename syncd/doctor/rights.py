"""Checks the rights of this role on the table in the database, and of this user on the dataset in MongoDB."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from syncd.adapters.fiftyone.compat import DATASETS
from syncd.adapters.sql.rights import grant, lacking, may_delete, role_in_sql, sequence_lacking
from syncd.doctor.columns import roles
from syncd.doctor.finding import Check, Verdict, fault, in_sql, listed, ok, skipped
from syncd.doctor.grants import rows_are_added
from syncd.doctor.subject import Subject
from syncd.model import Direction

NEEDED_IN_MONGODB = ("find", "update")
DESCRIPTIONS = DATASETS


def checks_of_table(subject: Subject) -> Iterator[Check]:
    """The checks of the rights in the database, on the binding's table and on syncd's own."""
    yield Check("Right to read the rows", lambda: _read(subject))
    yield Check("Right to write the table", lambda: _write(subject))


def checks_of_dataset(subject: Subject) -> Iterator[Check]:
    """The checks of the rights in MongoDB, on the dataset's samples and on its description."""
    yield Check("Right to write the dataset", lambda: _dataset(subject))


def _read(subject: Subject) -> Verdict:
    if not subject.is_postgresql:
        return skipped("only PostgreSQL's rights are looked at")
    read, table = subject.read.get(), subject.table.get()
    wanted = set(subject.mapping.table_columns)
    missing: list[tuple[str, list[str]]] = []
    if not subject.binding.reads_select:
        missing.append((read.name, lacking(subject.connection, read.name, "SELECT", wanted)))
    for lookup in subject.mapping.lookups:
        for level in lookup.levels:
            columns = {level.key, level.value}
            missing.append((level.table, lacking(subject.connection, level.table, "SELECT", columns)))
    if read.name != subject.binding.table:
        # A compare-and-set looks at the table itself.
        of_table, name = wanted & set(table.physical), subject.binding.table
        missing.append((name, lacking(subject.connection, name, "SELECT", of_table)))
    missing = [each for each in missing if each[1]]
    if missing:
        return fault(
            "; ".join(f"SELECT on {name} is refused for {listed(columns)}" for name, columns in missing),
            in_sql("; ".join(grant(subject.connection, "SELECT", name, columns) for name, columns in missing)),
        )
    return ok("SELECT on every mapped column")


def _write(subject: Subject) -> Verdict:
    if not subject.is_postgresql:
        return skipped("only PostgreSQL's rights are looked at")
    name, policy, rows = subject.binding.table, subject.binding.policy, subject.mapping.rows
    missing = [
        (right, found)
        for right, columns in _needed(subject).items()
        if (found := lacking(subject.connection, name, right, columns))
    ]
    grants = [grant(subject.connection, right, name, columns) for right, columns in missing]
    refused = [f"{right} of {listed(columns)}" for right, columns in missing]
    deletes = policy.on_fiftyone_delete == "delete" and not (rows.deleted or rows.append)
    if deletes and not may_delete(subject.connection, name):
        grants.append(grant(subject.connection, "DELETE", name))
        refused.append("DELETE")
    added = _needed(subject)["INSERT"]
    sequence = sequence_lacking(subject.connection, name, subject.binding.columns.id.name) if added else None
    if sequence is not None:
        refused.append(f"USAGE of the sequence {sequence}")
        grants.append(f"GRANT USAGE ON SEQUENCE {sequence} TO {role_in_sql(subject.connection)}")
    if refused:
        return fault(f"refused on {name}: {'; '.join(refused)}", in_sql("; ".join(grants)))
    rights = [right for right, columns in _needed(subject).items() if columns]
    rights += ["DELETE"] if deletes else []
    return ok(f"{', '.join(rights)} on the mapped columns" if rights else "nothing is ever written there")


def _needed(subject: Subject) -> dict[str, set[str]]:
    """{right: columns of the table} for what the directions and policies may lead to."""
    table = subject.table.get()
    mapping, rows = subject.mapping, subject.mapping.rows
    writable = {name for name, each in table.physical.items() if not each.generated}
    edited = {
        column
        for each in roles(subject)
        if each.direction and each.direction.allows(Direction.TO_DATABASE)
        for column in mapping.behind(each.column)
    }
    stamps = {column for each in (mapping.updated_at, mapping.updated_by) if each for column in mapping.behind(each)}
    stamps |= {rows.version[0]} if rows.version else set()
    stamps |= {rows.deleted.column} if rows.deleted else set()
    updates = (edited | stamps) & writable if edited else set[str]()
    added = rows_are_added(subject.connection, subject.table_info, subject.binding)
    inserts = {*mapping.table_columns, *(name for name, _ in rows.insert)} & writable if added else set[str]()
    if rows.append is not None and edited:
        return {"UPDATE": set(), "INSERT": writable - {rows.append.key}}
    return {"UPDATE": updates, "INSERT": inserts}


def _dataset(subject: Subject) -> Verdict:
    """Looks at the privileges that MongoDB itself lists for this connection; nothing is written to try."""
    samples = subject.samples
    status = subject.servers.mongodb.get().client.admin.command({"connectionStatus": 1, "showPrivileges": True})
    info = status["authInfo"]
    if not info["authenticatedUsers"]:
        return ok("MongoDB asks nobody who they are")
    user = info["authenticatedUsers"][0]
    privileges = info.get("authenticatedUserPrivileges") or []
    database = samples.database.name
    missing = [each for each in NEEDED_IN_MONGODB if not _allows(privileges, database, samples.name, each)]
    if not _allows(privileges, database, DESCRIPTIONS, "find"):
        missing.append(f"find in {DESCRIPTIONS}")
    if missing:
        grant = f'grantRolesToUser({json.dumps(user["user"])}, [{{role: "readWrite", db: {json.dumps(database)}}}])'
        return fault(
            f'the user "{user["user"]}" may not {listed(missing)} in the database "{database}"',
            f"Run in mongosh: db.getSiblingDB({json.dumps(user['db'])}).{grant}",
        )
    return ok(f'the user "{user["user"]}" may {" and ".join(NEEDED_IN_MONGODB)}')


def _allows(privileges: Iterable[Mapping[str, Any]], database: str, collection: str, action: str) -> bool:
    """Whether any privilege covers the action; an empty name stands for all of them."""
    for each in privileges:
        resource = each["resource"]
        covers = bool(resource.get("anyResource")) or (
            "db" in resource and resource["db"] in ("", database) and resource.get("collection", "") in ("", collection)
        )
        if covers and action in each["actions"]:
            return True
    return False
