"""Machines made of software: today the container machine of `deploy --single-node`."""
