# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""Whether services answer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check
short_description: Wait until services answer
description:
  - Tries all checks at the same time, each again and again until it is well or its time is over. Changes nothing.
options:
  checks:
    description: The checks; each has exactly one of http, tcp, unit and command.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What it is called in the error.
        type: str
      http:
        description: A URL to get. Redirects are not followed, certificates not verified.
        type: str
      status:
        description: The HTTP statuses that are well.
        type: list
        elements: int
        default: [200]
      headers:
        description: HTTP headers to send.
        type: dict
        default: {}
      tcp:
        description: A host and port, with a colon between, that must accept a connection.
        type: str
      unit:
        description: A systemd unit that must be active.
        type: str
      command:
        description: Program and arguments; status 0 is well.
        type: list
        elements: str
      user:
        description: Who runs the command.
        type: str
        default: root
      stdin:
        description: What the command reads.
        type: str
      env:
        description: The command's environment variables beyond the usual few.
        type: dict
        default: {}
      timeout:
        description: Seconds, where it is not the task's.
        type: int
  timeout:
    description: Seconds.
    type: int
    default: 60
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Keystone answers
  crowbar.node.check:
    checks:
      - {http: "http://127.0.0.1:5000/v3"}
      - {unit: keystone-fernet-rotate.timer}
"""

RETURN = r"""
faults:
  description: What was last seen of each check that is not well.
  type: list
  returned: failed
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.crowbar.node.plugins.module_utils import probes


def main() -> None:
    """Run the module."""
    text = {"type": "str"}
    check = {
        "name": text,
        "http": text,
        "status": {"type": "list", "elements": "int", "default": [200]},
        "headers": {"type": "dict", "default": {}},
        "tcp": text,
        "unit": text,
        "command": {"type": "list", "elements": "str"},
        "user": {"type": "str", "default": "root"},
        "stdin": {"type": "str", "no_log": True},
        "env": {"type": "dict", "default": {}},
        "timeout": {"type": "int"},
    }
    rules = {"mutually_exclusive": [probes.KINDS], "required_one_of": [probes.KINDS]}
    module = AnsibleModule(
        argument_spec={
            "checks": {"type": "list", "elements": "dict", "required": True, "options": check, **rules},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
        no_log=True,
    )
    faults = probes.run(module.params["checks"], module.params["timeout"])
    if faults:
        module.fail_json(msg="\n".join(faults), faults=faults, invocation={})
    module.exit_json(changed=False, invocation={})


if __name__ == "__main__":
    main()
