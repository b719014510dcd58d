"""The machine of a run, without which its figures mean little."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.servers import Servers

PACKAGES = ("fiftyone", "polars", "pyarrow", "pymongo", "pymongoarrow", "adbc-driver-postgresql", "sqlalchemy")


def machine(servers: Servers) -> dict[str, str]:
    """What a reader must know of the machine and the software, name by name."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": f"{cores}",
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "busy before": f"{psutil.cpu_percent(interval=0.5):.0f} % of all cores",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        **servers.versions,
        "CPU time": f"of {' and '.join(['the process that works', *servers.processes])}",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
