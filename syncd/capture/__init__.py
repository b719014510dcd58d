"""Change capture: triggers on the lab's table that record which annotations changed, and wake syncd.

Optional, reversible, PostgreSQL only. It takes the place of ``updated_at``: an incremental read then looks at what was
recorded, and not at what is stamped. What no trigger sees (a write to one partition, a table that a view joins) is
found by the complete sweep, as before.
"""
