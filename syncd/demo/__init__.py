"""The parts of ``syncd demo``: a small lab with its own tables, a dataset, and people who edit both."""
