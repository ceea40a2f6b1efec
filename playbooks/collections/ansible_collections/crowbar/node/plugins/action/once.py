"""The module once, run as plugin_utils/inline.py says."""

from ansible_collections.crowbar.node.plugins.plugin_utils.inline import InlineAction as ActionModule

__all__ = ["ActionModule"]
