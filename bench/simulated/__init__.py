"""A cluster that is not there: barclamps made up for it, and a store with so many nodes and their hardware."""
