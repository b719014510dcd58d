"""What looking up promises: the contract (:mod:`syncd.testing.contract.looking_up`), kept by every system."""

from syncd.testing.contract.looking_up import *
