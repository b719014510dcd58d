"""Whether anything has moved in a binding's log, conflicts or waiting list, told by a few numbers."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.store.conflicts import OPEN
from syncd.store.tables import Tables

Mark = tuple[object, ...]
"""Equal to another one as long as nothing has moved."""


def mark(connection: Connection, tables: Tables, binding: str) -> Mark:
    """The mark of a binding as it is now; one statement, answered from indexes."""
    change, conflict, waiting = tables.change, tables.conflict, tables.waiting
    logged = sa.select(sa.func.max(change.c.seq)).where(change.c.binding == binding)
    is_open = sa.and_(conflict.c.binding == binding, conflict.c.status == OPEN)
    opened = sa.select(sa.func.count(), sa.func.max(conflict.c.id), sa.func.max(conflict.c.updated_at)).where(is_open)
    waits = sa.select(sa.func.count(), sa.func.max(waiting.c.id)).where(waiting.c.binding == binding)
    parts = (logged.subquery("l"), opened.subquery("o"), waits.subquery("w"))
    joined = parts[0].join(parts[1], sa.true()).join(parts[2], sa.true())
    return tuple(connection.execute(sa.select(*parts).select_from(joined)).one())
