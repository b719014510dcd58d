"""From media and a table to a dataset that is ready for review: one command, which can be stopped and repeated."""
