"""Opens Label Studio for a binding; the entry point ``label-studio`` of ``syncd.adapters``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import BaseModel

from syncd.adapters.base import Opening, Probe, Verdict
from syncd.adapters.label_studio.adapter import LabelStudioAdapter
from syncd.adapters.label_studio.config import LabelStudioConfig
from syncd.adapters.label_studio.connect import connect
from syncd.adapters.label_studio.read import Tasks
from syncd.adapters.label_studio.regions import KINDS, Control, Controls, value_of
from syncd.adapters.rest.client import Client
from syncd.config import BindingConfig
from syncd.errors import ConfigError
from syncd.model import BOX, FLAG, LABEL, Direction, Field, Holds, Kind
from syncd.model import Mapping as Fields
from syncd.model.store import Fault, FieldFacts, StoreDescription
from syncd.model.vocabulary import Term


class LabelStudioStore:
    """One control of one project, for one binding."""

    def __init__(self, client: Client, config: LabelStudioConfig, binding: BindingConfig) -> None:
        self.client = client
        self._config, self._binding = config, binding
        project = client.get_or_none(f"projects/{config.project}/")
        if project is None:
            raise ConfigError(
                f"Label Studio at {client.where} has no project {config.project} that this account may see.",
                remedy="Put the number in the project's address into `store.project`.",
            )
        self._setup: Mapping[str, Any] = project.get("parsed_label_config") or {}
        self._label = config.from_name or binding.columns.label.name

    def describe(
        self,
        *,
        crops: bool,
        declared: dict[str, Kind | None] | None = None,  # noqa: ARG002 - each attribute has a type of its own
    ) -> StoreDescription:
        """The store's part of the mapping."""
        wanted = self._names
        found: dict[str, FieldFacts] = {}
        faults: list[Fault] = []
        for field, name in wanted.items():
            type_ = str((self._setup.get(name) or {}).get("type"))
            mapped = ("RectangleLabels", "Choices") if field == LABEL else tuple(KINDS)
            if type_ in mapped:
                place = f"control {name!r} of project {self._config.project}"
                nullable = field != LABEL
                found[field] = FieldFacts(KINDS[type_], Holds(KINDS[type_], nullable), place, type_)
            else:
                faults.append(self._fault(field, name, type_, mapped))
        if LABEL in found and found[LABEL].type_name == "RectangleLabels" and not crops:
            box = FieldFacts(Kind.BOX, Holds(Kind.BOX, nullable=False), f"the regions of {self._label!r}", "percent")
            found = {LABEL: found.pop(LABEL), BOX: box, **found}
        if crops:
            faults.append(("Crops cannot be cut from Label Studio's boxes.", "Leave `ingest.crops` out."))
        flag = found.pop(FLAG, None)
        read = (self.client.where, self._config.project, sorted(wanted.items()), self._config.media)
        return StoreDescription(
            id=FieldFacts(Kind.TEXT, Holds(Kind.TEXT, nullable=False), "a region's id", "text"),
            fields=found,
            media_key=f"data.{self._media}",
            source=hashlib.blake2b(repr(read).encode(), digest_size=8).hexdigest(),
            flag=flag,
            can_insert=True,
            can_write_media=False,
            faults=tuple(faults),
        )

    def _fault(self, field: str, name: str, type_: str, mapped: Sequence[str]) -> Fault:
        key = "store.from_name" if field == LABEL else f"attributes.{field}"
        if name not in self._setup:
            there = ", ".join(sorted(self._setup)) or "none"
            return f"{key}: the labelling setup has no control {name!r}.", f"There are: {there}."
        return f"{key}: the control {name!r} is a {type_}.", f"Name one of the types {', '.join(mapped)}."

    def rows(self, mapping: Fields) -> LabelStudioAdapter:
        """The adapter for this mapping."""
        return LabelStudioAdapter(self.client, self._config.project, self._controls(), mapping)

    @property
    def _names(self) -> dict[str, str]:
        """The control of each field, by the configuration."""
        names = {LABEL: self._label} | {name: each.column for name, each in self._binding.attributes.items()}
        if self._binding.review.error_column is not None:
            names[FLAG] = self._binding.review.error_column
        return names

    def _controls(self) -> Controls:
        controls = {field: self._control(name) for field, name in self._names.items() if name in self._setup}
        return Controls(controls, self._media)

    def _control(self, name: str) -> Control:
        found = self._setup[name]
        return Control(name, str(found["type"]), self._config.to_name or str(found["to_name"][0]))

    @property
    def _media(self) -> str:
        """The key of a task's data that names its image."""
        if self._config.media is not None:
            return self._config.media
        inputs = (self._setup.get(self._label) or {}).get("inputs") or [{}]
        return str(inputs[0].get("value", "image"))

    def terms(self) -> tuple[Term, ...] | None:
        """The labels of the setup."""
        labels = (self._setup.get(self._label) or {}).get("labels") or ()
        return tuple(Term(str(each)) for each in labels) or None

    def count_labels(self) -> dict[str, int]:
        """Regions per label."""
        controls = self._controls()
        label = Field(LABEL, Kind.TEXT, Direction.BOTH, Holds(Kind.TEXT), Holds(Kind.TEXT))
        found = Counter(
            value_of(controls, label, region.items)[0]
            for task in Tasks(self.client, self._config.project).everything()
            for region in controls.regions(task)
        )
        return {each: count for each, count in found.items() if isinstance(each, str)}

    def image_addresses(self, media: Sequence[str]) -> dict[str, str]:
        """The addresses that tasks name themselves."""
        return {each: each for each in media if each.startswith(("http://", "https://"))}

    def probes(self) -> Iterable[Probe]:
        """What doctor looks at."""
        me = self.client.get("current-user/whoami")
        name = str(me.get("username") or me.get("email"))
        yield Probe("token", Verdict.OK, f"is that of {name!r}")
        rights = set(me.get("permissions") or ())
        if rights and not {"annotations.change", "annotations.create"} <= rights:
            remedy = "Give the account a role that may annotate."
            yield Probe("permission", Verdict.FAULT, "annotations cannot be written with this account", remedy)
        else:
            yield Probe("permission", Verdict.OK, "annotations can be written")
        yield Probe(f"control {self._label!r}", Verdict.OK, str((self._setup.get(self._label) or {}).get("type")))
        said = "two writers at the same moment: the later one wins, and Label Studio does not show it afterwards"
        remedy = "Let reviewers work in FiftyOne or in Label Studio, not in both at once (docs/stores.md)."
        yield Probe("guard", Verdict.WARNING, said, remedy)


class LabelStudioFactory:
    """Opens Label Studio. ``transport`` stands for the network, in tests."""

    section: type[BaseModel] | None = LabelStudioConfig
    title = "Label Studio"
    transport: httpx.BaseTransport | None = None

    @contextmanager
    def open(self, opening: Opening) -> Iterator[LabelStudioStore]:
        """Connects, and reads the project's labelling setup."""
        config = opening.binding.store
        assert isinstance(config, LabelStudioConfig), "the section is this adapter's own"
        client = connect(config.url, config.token.get_secret_value(), rate=config.rate, transport=self.transport)
        try:
            yield LabelStudioStore(client, config, opening.binding)
        finally:
            client.close()


STORE = LabelStudioFactory()
