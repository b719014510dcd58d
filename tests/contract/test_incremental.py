"""What an incremental read promises: the contract (:mod:`syncd.testing.contract.incremental`), kept by every system."""

from syncd.testing.contract.incremental import *
