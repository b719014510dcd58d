"""Names from the configuration as SQL."""

from __future__ import annotations

from sqlalchemy.engine import Dialect

from syncd.adapters.sql.mapping import TableMapping


def quote(dialect: Dialect, name: str) -> str:
    """A column name, always quoted, so that reserved words and capitals are what the configuration says."""
    return dialect.identifier_preparer.quote_identifier(name)


def split_name(name: str) -> tuple[str | None, str]:
    """``schema.table`` as (schema, table); the schema is ``None`` where there is none."""
    schema, dot, table = name.rpartition(".")
    return (schema or None, table) if dot else (None, name)


def relation(dialect: Dialect, name: str) -> str:
    """A table or view, schema and all."""
    schema, table = split_name(name)
    plain = quote(dialect, table)
    return f"{quote(dialect, schema)}.{plain}" if schema else plain


def source(dialect: Dialect, mapping: TableMapping) -> str:
    """What stands behind FROM when annotations are read."""
    if mapping.read_is_query:
        return f"({mapping.read.strip().rstrip(';')})"
    return relation(dialect, mapping.read)
