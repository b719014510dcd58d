"""Where a binding's annotations are in Tator: one project, one version of it, one type of box; and who is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncd.adapters.rest.client import Client
from syncd.adapters.tator.config import TatorConfig
from syncd.adapters.tator.errors import wrong_store
from syncd.errors import DatabaseUnavailable

CAN_WRITE = ("Can Edit", "Can Transfer", "Can Execute", "Full Control")
"""Permissions that allow annotations to be written."""


@dataclass(frozen=True)
class Account:
    """An account of the server. ``permission`` is that in the project; ``None`` where it is no member."""

    id: int
    name: str
    permission: str | None = None

    @property
    def may_write(self) -> bool:
        """Whether its permission allows annotations to be written."""
        return self.permission in CAN_WRITE


@dataclass(frozen=True)
class Place:
    """The resolved ids. ``type`` is the whole type with its attributes, as the server has it."""

    project: int
    version: int
    type_id: int
    type: dict[str, Any]
    version_name: str
    type_name: str
    me: Account

    @property
    def query(self) -> dict[str, str | int]:
        """What every call must say: without it another layer would be read, or written."""
        return {"version": self.version, "type": self.type_id}

    @property
    def attributes(self) -> dict[str, dict[str, Any]]:
        """The type's attributes by name."""
        return {str(each["name"]): each for each in self.type.get("attribute_types") or ()}


def find_place(client: Client, config: TatorConfig) -> Place:
    """Looks up what the configuration names; an error names what there is instead."""
    project = _project(client, config.project)
    version = _only(client.get(f"Versions/{project}"), "version", config.version)
    found = _only(client.get(f"LocalizationTypes/{project}"), "type", config.type)
    if found.get("dtype") != "box":
        raise wrong_store(
            f"The type {found['name']!r} in Tator is a {found.get('dtype')}, expected a box.",
            "Name a type of boxes in `store.type`.",
        )
    me = client.get("User/GetCurrent")
    members = {each.id: each for each in members_of(client, project)}
    account = members.get(int(me["id"])) or Account(int(me["id"]), name_of(me))
    return Place(
        project=project,
        version=int(version["id"]),
        type_id=int(found["id"]),
        type=found,
        version_name=str(version["name"]),
        type_name=str(found["name"]),
        me=account,
    )


def make_sure(client: Client, place: Place) -> None:
    """Raises where the version or the type is gone: Tator would answer as if they were empty."""
    versions = {int(each["id"]) for each in client.get(f"Versions/{place.project}")}
    types = {int(each["id"]) for each in client.get(f"LocalizationTypes/{place.project}")}
    for what, name, there in (
        ("version", place.version_name, place.version in versions),
        ("type", place.type_name, place.type_id in types),
    ):
        if not there:
            raise DatabaseUnavailable(
                f"The {what} {name!r} is no longer in Tator's project {place.project}: nothing is read as deleted.",
                remedy=f"Restore it in Tator, or name another one in `store.{what}`.",
            )


def members_of(client: Client, project: int) -> list[Account]:
    """Everybody who has a permission in the project."""
    found = client.get(f"Memberships/{project}")
    return [Account(int(each["user"]), name_of(each), str(each["permission"])) for each in found]


def name_of(user: dict[str, Any]) -> str:
    """What an account is called in logs: its user name, else what else the server tells."""
    full = f"{user.get('first_name') or ''} {user.get('last_name') or ''}".strip()
    return str(user.get("username") or full or user.get("email") or f"user {user.get('user', user.get('id'))}")


def _project(client: Client, wanted: str | int) -> int:
    if isinstance(wanted, int):
        if client.get_or_none(f"Project/{wanted}") is None:
            raise wrong_store(
                f"Tator at {client.where} has no project {wanted} that this account may see.",
                "Name another one in `store.project`, or make the account a member of it (Tator: memberships).",
            )
        return wanted
    return int(_only(client.get("Projects"), "project", wanted)["id"])


def _only(found: Sequence[dict[str, Any]], what: str, wanted: str | int) -> dict[str, Any]:
    key = "id" if isinstance(wanted, int) else "name"
    fitting = [each for each in found if each.get(key) == wanted]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(f"{each.get('name')!r} ({each.get('id')})" for each in found[:20]) or "none"
    if fitting:
        raise wrong_store(f"Tator has several {what}s called {wanted!r}: {there}.", f"Give the id in `store.{what}`.")
    raise wrong_store(f"Tator has no {what} {wanted!r}; there are: {there}.", f"Mend `store.{what}`.")
