"""The database: one PostgreSQL, one commit, one scope."""
