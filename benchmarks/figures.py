"""What was measured of one work, as it goes from process to process and into the JSON file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.meter import Reading
from benchmarks.traffic import Traffic


@dataclass(frozen=True)
class Repetition:
    """One repetition of a work; times are for one call of it, ``wall`` that of the fastest call."""

    wall: float
    own_cpu: float
    servers_cpu: dict[str, float]
    peak_mb: float
    start_mb: float
    phases: dict[str, float]

    @staticmethod
    def of(used: Reading, calls: list[float], peak: float, start: float, phases: dict[str, float]) -> Repetition:
        """From what all its calls used together."""
        count = len(calls)
        return Repetition(
            wall=min(calls),
            own_cpu=used.own / count,
            servers_cpu={name: seconds / count for name, seconds in used.servers.items()},
            peak_mb=peak,
            start_mb=start,
            phases={name: seconds / count for name, seconds in phases.items()},
        )

    @property
    def cpu(self) -> float:
        """CPU seconds of everybody that could be seen."""
        return self.own_cpu + sum(self.servers_cpu.values())


@dataclass(frozen=True)
class Figures:
    """All repetitions of a work; the best of each figure counts, since a busy machine only ever makes it worse.

    ``traffic`` is what one more repetition read from each server, where it was counted.
    """

    work: str
    units: int
    repetitions: tuple[Repetition, ...]
    traffic: dict[str, Traffic] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The shortest wall time."""
        return min(each.wall for each in self.repetitions)

    @property
    def cpu(self) -> float:
        """The least CPU time."""
        return min(each.cpu for each in self.repetitions)

    @property
    def peak_mb(self) -> float:
        """The most memory that any repetition took: memory has no lucky days."""
        return max(each.peak_mb for each in self.repetitions)

    @property
    def rate(self) -> float:
        """Units a second."""
        return self.units / self.seconds

    def as_json(self) -> dict[str, Any]:
        """All of it, and what is derived from it."""
        derived = {"seconds": self.seconds, "cpu": self.cpu, "peak_mb": self.peak_mb, "rate": self.rate}
        return asdict(self) | derived

    @staticmethod
    def of_json(document: dict[str, Any]) -> Figures:
        """The inverse of :meth:`as_json`."""
        return Figures(
            work=document["work"],
            units=document["units"],
            repetitions=tuple(Repetition(**each) for each in document["repetitions"]),
            traffic={name: Traffic(**each) for name, each in document["traffic"].items()},
        )
