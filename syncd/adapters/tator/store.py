"""Opens Tator for a binding; the entry point ``tator`` of ``syncd.adapters``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import httpx
from pydantic import BaseModel

from syncd.adapters.base import Opening, Probe
from syncd.adapters.rest.client import Client
from syncd.adapters.tator.adapter import TatorAdapter
from syncd.adapters.tator.config import TatorConfig
from syncd.adapters.tator.connect import connect
from syncd.adapters.tator.describe import describe, names_of
from syncd.adapters.tator.frames import with_attributes
from syncd.adapters.tator.media import Media
from syncd.adapters.tator.probes import probes
from syncd.adapters.tator.project import Place, find_place
from syncd.adapters.tator.read import Rows
from syncd.adapters.tator.terms import terms_of
from syncd.config import BindingConfig
from syncd.model import Kind, Mapping
from syncd.model.store import StoreDescription
from syncd.model.vocabulary import Term

PRESIGNED_S = 3600
"""For how long an image's address is good."""


class TatorStore:
    """One version and type of a project, for one binding."""

    def __init__(self, client: Client, config: TatorConfig, binding: BindingConfig) -> None:
        self.client = client
        self._config, self._binding = config, binding
        self._place = find_place(client, config)
        self._crops = False
        self._media = Media(client, self._place.project, config.media)

    @property
    def place(self) -> Place:
        """Where the annotations are."""
        return self._place

    def describe(
        self,
        *,
        crops: bool,
        declared: dict[str, Kind | None] | None = None,  # noqa: ARG002 - each attribute has a type of its own
    ) -> StoreDescription:
        """The store's part of the mapping."""
        self._crops = crops
        return describe(self._binding, self._config, self._place, self.client.where, crops=crops)

    def rows(self, mapping: Mapping) -> TatorAdapter:
        """The adapter for this mapping."""
        names = names_of(self._binding, self._config, crops=self._crops)
        label = self._place.attributes.get(self._binding.columns.label.name, {})
        enforced = label.get("dtype") == "enum"
        return TatorAdapter(self.client, self._place, mapping, names, self._media, enforced=enforced)

    def terms(self) -> tuple[Term, ...] | None:
        """The project's own terms."""
        return terms_of(self.client, self._config, self._place, self._binding.columns.label.name)

    def image_addresses(self, media: Sequence[str]) -> dict[str, str]:
        """Addresses that expire: they are asked for right before the images are fetched."""
        return self._media.addresses(media, seconds=PRESIGNED_S)

    def count_labels(self) -> dict[str, int]:
        """Boxes per label; of all server counts there is none by value, so the labels are read."""
        name = self._binding.columns.label.name
        found = Counter(
            with_attributes(row)["attributes"].get(name)
            for page in Rows(self.client, self._place).everything(f"id,elemental_id,attributes.{name}")
            for row in page
        )
        return {label: count for label, count in found.items() if isinstance(label, str)}

    def probes(self) -> Iterable[Probe]:
        """What doctor looks at."""
        return probes(self.client, self._config, self._place, self._binding)


class TatorFactory:
    """Opens Tator. ``transport`` stands for the network, in tests."""

    section: type[BaseModel] | None = TatorConfig
    title = "Tator"
    transport: httpx.BaseTransport | None = None

    @contextmanager
    def open(self, opening: Opening) -> Iterator[TatorStore]:
        """Connects, and finds what the configuration names."""
        config = opening.binding.store
        assert isinstance(config, TatorConfig), "the section is this adapter's own"
        client = connect(config.url, config.token.get_secret_value(), rate=config.rate, transport=self.transport)
        try:
            yield TatorStore(client, config, opening.binding)
        finally:
            client.close()


STORE = TatorFactory()
