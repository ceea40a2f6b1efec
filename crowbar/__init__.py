"""Crowbar: from a rack of powered-off servers to a verified OpenStack cloud."""

__version__ = "0.1.0"
