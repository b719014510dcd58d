"""What adapters of annotation servers have in common: HTTP that repeats reads and sends writes once."""
