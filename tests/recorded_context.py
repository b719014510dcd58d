"""A request as FiftyOne Enterprise makes it, by its documentation: who asks, the vault, whether a worker runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RecordedUser:
    """``ctx.user``; ``dataset_permission`` is one of NO_ACCESS, VIEW, TAG, EDIT, MANAGE."""

    id: str | None = "66f0c0ffee"
    email: str | None = "ada@lab.example"
    name: str | None = "Ada"
    role: str = "MEMBER"
    dataset_permission: str | None = "EDIT"


@dataclass
class RecordedContext:
    """What the plugin asks of a context, and what it asked the App for (``prompts``)."""

    user: RecordedUser | None = field(default_factory=RecordedUser)
    vault: dict[str, str] = field(default_factory=dict)
    delegated: bool = False
    dataset_id: str | None = None
    dataset_name: str | None = "plankton"
    params: dict[str, Any] = field(default_factory=dict)
    prompts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked_secrets: list[str] = field(default_factory=list)

    def secret(self, name: str) -> str | None:
        """A secret of the vault; Enterprise gives those alone that fiftyone.yml declares."""
        self.asked_secrets.append(name)
        return self.vault.get(name)

    def prompt(self, uri: str, params: dict[str, Any] | None = None, **how: Any) -> None:
        """The App is asked to carry another operator out."""
        self.prompts.append((uri, (params or {}) | how))
