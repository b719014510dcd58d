"""What a refused value costs: the contract (:mod:`syncd.testing.contract.refusals`), kept by every system."""

from syncd.testing.contract.refusals import *
