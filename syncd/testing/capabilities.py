"""What the stores in memory can do, for tests: a table, a server that keeps a history, and one that can do nothing."""

from __future__ import annotations

from syncd.model.capabilities import BulkValues, Capabilities, Guard, Stamps, Transactions

TABLE = Capabilities(
    guard=Guard.REVISION,
    transactions=Transactions.SHARED,
    stamps=Stamps.COMPLETE,
    history=False,
    deletion_feed=False,
    bulk_values=BulkValues.DIFFERING,
    enforced_vocabulary=False,
    slice_size=10_000,
)
"""What a table in the database of syncd's own tables can do."""

SERVER = Capabilities(
    guard=Guard.PROVABLE,
    transactions=Transactions.NONE,
    stamps=Stamps.NOMINATE,
    history=True,
    deletion_feed=True,
    bulk_values=BulkValues.SAME,
    enforced_vocabulary=False,
    slice_size=200,
)
"""What an annotation server can do that keeps every version of an annotation."""

BARE = Capabilities(
    guard=Guard.NONE,
    transactions=Transactions.NONE,
    stamps=Stamps.NONE,
    history=False,
    deletion_feed=False,
    bulk_values=BulkValues.ONE,
    enforced_vocabulary=False,
    slice_size=50,
)
"""What every server can do: it is read, and written one annotation at a time."""
