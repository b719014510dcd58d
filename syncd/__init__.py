"""syncd keeps FiftyOne datasets and a lab's annotation database in agreement."""

__version__ = "0.1.0"
