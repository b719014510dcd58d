"""Answers to conflicts: what a person's decision means for both sides. All but :mod:`syncd.resolve.run` is pure."""
