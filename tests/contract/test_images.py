"""The contract on images, kept by every system (:mod:`syncd.testing.contract.images`)."""

from syncd.testing.contract.images import *
