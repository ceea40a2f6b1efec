"""A cluster file with machines: the way from servers without power to nodes that roles can be applied to."""
