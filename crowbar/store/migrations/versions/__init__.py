"""One module a migration, named by its number and what it brings."""
