"""What a complete read promises: the contract (:mod:`syncd.testing.contract.reading`), kept by every system."""

from syncd.testing.contract.reading import *
