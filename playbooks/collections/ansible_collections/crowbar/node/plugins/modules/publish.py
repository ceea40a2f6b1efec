# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""What this node made and others need."""

from __future__ import annotations

DOCUMENTATION = r"""
module: publish
short_description: Hand what this node made to Crowbar
description:
  - Crowbar keeps the values, encrypted, and gives them to the roles that need them. They are in no log.
options:
  facts:
    description: Name to text, or to C(path), a file on this node, whose bytes are handed over.
    type: dict
    required: true
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Publish the rings
  crowbar.node.publish:
    facts:
      object_ring: {path: /etc/swift/object.ring.gz}
"""

RETURN = r"""
crowbar_published:
  description: The values in base64. Crowbar takes them out before anything records the result.
  type: dict
  returned: always
"""

import base64
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"facts": {"type": "dict", "required": True}}, supports_check_mode=True, no_log=True
    )
    published: dict[str, str] = {}
    for name, value in module.params["facts"].items():
        try:
            content = Path(value["path"]).read_bytes() if isinstance(value, dict) else str(value).encode()
        except (OSError, KeyError) as error:
            module.fail_json(msg=f"fact {name}: {error}", invocation={})
        published[name] = base64.b64encode(content).decode()
    module.exit_json(changed=False, crowbar_published=published, invocation={})


if __name__ == "__main__":
    main()
