"""Bundles to nodes and events back: the only room that knows ansible-runner and SSH."""
