"""Answers to conflicts: what a person's decision means for both sides. Pure."""
