"""Change capture: triggers on the laboratory's table that record which annotations changed, and wake syncd.

It is optional, reversible, and for PostgreSQL only. It replaces ``updated_at``: an incremental read then takes
what was recorded instead of what is stamped. What no trigger sees (a write to one partition, a table that a view
joins) is found by the complete sweep, as before.
"""
