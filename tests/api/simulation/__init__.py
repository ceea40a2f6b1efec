"""Simulated servers: agents over real HTTP, BMCs that are fakes, and the admin node as a process of its own."""
