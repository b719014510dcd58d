"""Wall time, CPU time of this process and of the servers, and peak memory of this process."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

MB = 1_000_000


@dataclass(frozen=True)
class Reading:
    """What has been used so far; ``servers`` in CPU seconds by name, empty where they cannot be seen."""

    wall: float
    own: float
    servers: dict[str, float]

    def since(self, before: Reading) -> Reading:
        """What was used between two readings."""
        servers = {name: used - before.servers[name] for name, used in self.servers.items()}
        return Reading(self.wall - before.wall, self.own - before.own, servers)

    @property
    def cpu(self) -> float:
        """CPU seconds of everybody that can be seen."""
        return self.own + sum(self.servers.values())


class Meter:
    """Reads the clocks of this process and of the servers' processes (by name)."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._servers = {name: psutil.Process(pid) for name, pid in processes.items()}

    def read(self) -> Reading:
        """Everything used up to now; the wall clock last, so that reading is not measured."""
        servers = {name: _used_by(process) for name, process in self._servers.items()}
        return Reading(own=time.process_time(), servers=servers, wall=time.perf_counter())


def _used_by(process: psutil.Process) -> float:
    """CPU seconds of a server: its own, those of its running children, and those of children that have ended."""
    own = process.cpu_times()
    used = float(own.user + own.system + own.children_user + own.children_system)
    for child in process.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:  # it ended since it was listed, and is counted as such next time
            continue
        used += float(times.user + times.system)
    return used


def forget_peak() -> None:
    """Starts the peak anew, where the system lets a process do so; elsewhere the peak is that of its whole life."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mb() -> float:
    """The most memory that this process has had resident, in MB (10⁶ bytes)."""
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MB
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used * (1 if sys.platform == "darwin" else 1024) / MB


def resident_mb() -> float:
    """The memory that this process has resident now, in MB."""
    return float(psutil.Process().memory_info().rss) / MB
