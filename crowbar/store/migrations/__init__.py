"""The migrations of the store's schema, run by `crowbar.store.schema`."""
