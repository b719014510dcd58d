"""Reports over the change log: selects, reads and summarises. Reads only; decides nothing."""
