"""What `syncd doctor` looks at in Tator; nothing of it leaves a trace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from syncd.adapters.base import Probe, Verdict
from syncd.adapters.rest.client import Client
from syncd.adapters.tator.config import TatorConfig
from syncd.adapters.tator.frames import with_attributes
from syncd.adapters.tator.project import Place, make_sure
from syncd.adapters.tator.read import Rows
from syncd.adapters.tator.terms import terms_of
from syncd.config import BindingConfig
from syncd.errors import SyncdError

CLOSE = timedelta(seconds=5)
FAR = timedelta(days=36_500)


def probes(client: Client, config: TatorConfig, place: Place, binding: BindingConfig) -> Iterator[Probe]:
    """Each is looked at when it is asked for."""
    rows = Rows(client, place)
    yield Probe("token", Verdict.OK, f"is that of {place.me.name!r}")
    yield _permission(place)
    yield _own_account(client, place)
    yield _layer(client, place)
    yield _label(client, config, place, binding)
    yield _fields(client, place, binding)
    yield _search(client, rows)
    yield _ids(rows)
    yield _clock(client)


def _permission(place: Place) -> Probe:
    told = place.me.permission or "none in this project"
    if place.me.may_write:
        return Probe("permission", Verdict.OK, told)
    remedy = "In Tator's project settings, give syncd's account the permission `Can Edit`."
    return Probe("permission", Verdict.FAULT, f"{told}: annotations cannot be written", remedy)


def _own_account(client: Client, place: Place) -> Probe:
    """A token of a person who edits: what syncd wrote could not be told from what that person did."""
    changes = client.get(f"ChangeLog/{place.project}", {"user_id": place.me.id})
    if not changes:
        return Probe("account", Verdict.OK, "nobody edits by hand with it, as far as Tator's change log says")
    remedy = "Make an account of its own for syncd in Tator, and use its token."
    said = f"{len(changes)} edits in place were made with the account {place.me.name!r}, which syncd never makes"
    return Probe("account", Verdict.WARNING, f"{said}: it may be a person's", remedy)


def _layer(client: Client, place: Place) -> Probe:
    subject = f"version {place.version_name!r}, type {place.type_name!r}"
    try:
        make_sure(client, place)
    except SyncdError as error:
        return Probe(subject, Verdict.FAULT, error.message, error.remedy)
    return Probe(subject, Verdict.OK, f"in project {place.project}")


def _label(client: Client, config: TatorConfig, place: Place, binding: BindingConfig) -> Probe:
    """Whether the label's attribute takes the terms of the vocabulary."""
    name = binding.columns.label.name
    attribute, subject = place.attributes.get(name, {}), f"attribute {name!r}"
    if attribute.get("dtype") != "enum":
        said = f"{attribute.get('dtype')}: Tator takes any text, the vocabulary is syncd's to keep"
        return Probe(subject, Verdict.OK, said)
    terms = {each.name for each in terms_of(client, config, place, name) or ()}
    lacking = sorted(terms - set(attribute["choices"]))
    if not lacking:
        return Probe(subject, Verdict.OK, f"an enum of {len(attribute['choices'])} choices")
    shown = ", ".join(map(repr, lacking[:5]))
    remedy = "Add them to the attribute's choices in Tator (that takes full control of the project)."
    return Probe(subject, Verdict.WARNING, f"{len(lacking)} terms are no choices of it: {shown}", remedy)


def _fields(client: Client, place: Place, binding: BindingConfig) -> Probe:
    query = {**place.query, "fields": f"id,elemental_id,attributes.{binding.columns.label.name}", "stop": 1}
    for row in client.get(f"Localizations/{place.project}", query):
        try:
            with_attributes(row)
        except SyncdError as error:
            return Probe("slim reads", Verdict.FAULT, error.message, error.remedy)
    return Probe("slim reads", Verdict.OK, "the server gives single attributes")


def _search(client: Client, rows: Rows) -> Probe:
    """A search by time that the server ignored would give everything."""
    found = rows.count_since(client.now() + FAR, 1)
    if not found:
        return Probe("search by time", Verdict.OK, "finds what was changed since")
    said = "boxes are found that were changed in a hundred years: the server ignores the condition"
    return Probe("search by time", Verdict.FAULT, said, "Report the server's version with this message.")


def _ids(rows: Rows) -> Probe:
    lacking = rows.without_id()
    if not lacking:
        return Probe("elemental ids", Verdict.OK, "every box has one")
    remedy = "Edit each of them once in Tator: the server gives an id on the first edit."
    return Probe("elemental ids", Verdict.WARNING, f"{lacking} boxes have none, and are not synced", remedy)


def _clock(client: Client) -> Probe:
    ahead = client.ahead()
    if ahead is None:
        return Probe("clock", Verdict.WARNING, "the server's answers do not tell the time")
    if abs(ahead) <= CLOSE:
        return Probe("clock", Verdict.OK, "agrees with this machine's")
    said = f"is {abs(ahead).total_seconds():.0f} s {'ahead of' if ahead > timedelta(0) else 'behind'} this machine's"
    return Probe("clock", Verdict.WARNING, said, "Set both clocks by the network (NTP).")
