"""Executes plans with the guarantees of docs/guarantees.md; decides nothing."""
