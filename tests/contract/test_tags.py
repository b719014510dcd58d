"""What writing tags promises: the contract (:mod:`syncd.testing.contract.tags`), kept by every system."""

from syncd.testing.contract.tags import *
