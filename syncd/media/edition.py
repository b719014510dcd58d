"""Which FiftyOne is at hand: Enterprise reads s3:// paths itself, the open-source one needs files."""

from __future__ import annotations

import importlib.util
import sys
from enum import Enum
from importlib.machinery import PathFinder

from syncd.config import Config

MARK = "fiftyone.management"
"""The package that only Enterprise has."""


class Edition(Enum):
    """The two FiftyOnes."""

    OPEN_SOURCE = "open_source"
    ENTERPRISE = "enterprise"


def edition(config: Config) -> Edition:
    """As `fiftyone.edition` says; with ``auto``, as installed."""
    if config.fiftyone.edition != "auto":
        return Edition(config.fiftyone.edition)
    return Edition.ENTERPRISE if _has_mark() else Edition.OPEN_SOURCE


def _has_mark() -> bool:
    if MARK in sys.modules:
        return True
    # Asked for by its full name, find_spec would import FiftyOne, which takes seconds.
    package = importlib.util.find_spec(MARK.partition(".")[0])
    return package is not None and PathFinder.find_spec(MARK, package.submodule_search_locations) is not None
