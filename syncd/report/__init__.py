"""Reports over the change log: what is selected, how it is read, what it comes to. Reads only; decides nothing."""
