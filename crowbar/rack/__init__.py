"""Machines made of software: today the container machine of `deploy --single-node`."""

from crowbar.rack.container import ContainerMachine, Status

__all__ = ["ContainerMachine", "Status"]
