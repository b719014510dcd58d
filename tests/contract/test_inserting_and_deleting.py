"""The contract on inserting and deleting, kept by every system."""

from syncd.testing.contract.inserting_and_deleting import *
