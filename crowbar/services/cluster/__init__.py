"""A cluster file's machines: which there are, how far each is, and what is waited for."""
