"""What goes wrong on a machine's way, and what comes of it."""
