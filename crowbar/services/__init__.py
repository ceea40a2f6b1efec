"""Use cases: each is one transaction on the store."""
