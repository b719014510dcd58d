"""Executes plans with the guarantees of DESIGN §5; decides nothing."""
