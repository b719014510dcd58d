"""From media and a table to a dataset that is ready to be reviewed: one command, which can be stopped and repeated."""
