"""The faults of a vocabulary: each with its place, all of them in one error."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.errors import ConfigError

SHOWN = 20


class InvalidVocabulary(ConfigError):
    """A vocabulary that cannot be used; ``faults`` are sentences with their places, in order."""

    def __init__(self, source: str, faults: Sequence[str], *, remedy: str | None = None) -> None:
        self.faults = tuple(faults)
        shown = [f"{source}: {fault}" for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            shown.append(f"and {len(self.faults) - SHOWN:,} more")
        super().__init__("\n".join(shown), remedy=remedy or "Mend it, then run `syncd vocabulary check`.")
