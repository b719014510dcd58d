"""Quotes names from the configuration as SQL."""

from __future__ import annotations

from sqlalchemy.engine import Dialect

from syncd.config.names import parse_table_name


def quote(dialect: Dialect, name: str) -> str:
    """A column name, always quoted, so that reserved words and capitals are what the configuration says."""
    quoted = dialect.identifier_preparer.quote_identifier(name)
    # SQLAlchemy doubles percent signs for drivers that take them for parameters; not all that we ask do.
    return quoted.replace("%%", "%") if dialect.paramstyle in ("format", "pyformat") else quoted


def split_name(name: str) -> tuple[str | None, str]:
    """``schema.table`` as (schema, table), without quotes; the schema is ``None`` where there is none."""
    try:
        parsed = parse_table_name(name)
    except ValueError:
        # A name from a catalogue, which has no quotes, may hold whatever it likes.
        schema, dot, table = name.rpartition(".")
        return (schema or None, table) if dot else (None, name)
    return parsed.schema, parsed.name


def relation(dialect: Dialect, name: str) -> str:
    """A table or view, schema and all."""
    schema, table = split_name(name)
    plain = quote(dialect, table)
    return f"{quote(dialect, schema)}.{plain}" if schema else plain


def query(text: str) -> str:
    """A SELECT of the configuration as a part of another; it may end in a semicolon or in a comment."""
    return f"(\n{text.strip().rstrip(';')}\n)"


def name_in_sql(dialect: Dialect, name: str) -> str:
    """A column's or role's name as SQL, in quotes only where it needs them."""
    plain: str = dialect.identifier_preparer.quote(name)
    # Percent signs are doubled for drivers; a person pastes it into psql.
    return plain.replace("%%", "%") if dialect.paramstyle in ("format", "pyformat") else plain


def table_in_sql(dialect: Dialect, name: str, ending: str = "") -> str:
    """A table's name as SQL, schema and all, in quotes only where it needs them; or of what is named after it."""
    schema, table = split_name(name)
    plain = name_in_sql(dialect, table + ending)
    return f"{name_in_sql(dialect, schema)}.{plain}" if schema else plain
