"""What machines are told: what to boot, whether they are let in, and what to do."""
