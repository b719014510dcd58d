"""What declared capabilities promise (:mod:`syncd.testing.contract.capabilities`), kept by every system."""

from syncd.testing.contract.capabilities import *
