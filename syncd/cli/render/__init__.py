"""How plans, runs, logs and conflicts look in a terminal; colours only where there is one."""
