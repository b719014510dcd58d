"""The vocabulary of a binding: where it is read, what uses it, and how it gets into FiftyOne."""
