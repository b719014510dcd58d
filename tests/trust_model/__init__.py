"""A stateful model of syncd: rules that people, clocks and servers play, and what must hold whenever it is quiet."""
