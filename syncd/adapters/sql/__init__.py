"""SQL databases: PostgreSQL by sets and Arrow, others by SQLAlchemy."""
