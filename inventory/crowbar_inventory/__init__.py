"""All that knows hardware: what a node has and what it can do."""
