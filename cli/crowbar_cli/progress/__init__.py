"""What a person sees while a deployment runs: a live tree on a terminal, plain lines elsewhere."""
