# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""Debian packages, installed without letting anything they bring start."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install Debian packages quietly
description:
  - Installs what is missing, without recommended packages.
  - Nothing starts meanwhile, and the units that came are masked afterwards.
  - So a node runs only what its roles unmask.
options:
  names:
    description: The packages.
    type: list
    elements: str
    required: true
  units_keep:
    description: Units that are not masked.
    type: list
    elements: str
    default: []
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Install Keystone
  crowbar.node.packages:
    names: [keystone, python3-memcache]
"""

RETURN = r"""
installed:
  description: The packages that were missing.
  type: list
  returned: always
masked:
  description: The units that were masked.
  type: list
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.crowbar.node.plugins.module_utils import progress, quiesce


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "units_keep": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    system = quiesce.System()
    try:
        absent = quiesce.missing(system, module.params["names"])
        masked: list[str] = []
        changed = bool(absent) or quiesce.unfinished(system)
        if changed and not module.check_mode:
            if absent:
                progress.tell(f"installs {', '.join(absent)}")
            masked = quiesce.install(system, absent, module.params["units_keep"])
    except quiesce.QuiesceError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, installed=absent, masked=masked)


if __name__ == "__main__":
    main()
