"""The discovery system: what a machine runs from memory until it is installed."""

from crowbar.provision.discovery.build import DiscoverySystem, build_discovery

__all__ = ["DiscoverySystem", "build_discovery"]
