"""The store: what Crowbar knows, in SQLite or PostgreSQL."""
