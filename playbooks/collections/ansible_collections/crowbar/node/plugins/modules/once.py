# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""Commands that need to succeed once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: once
short_description: Run commands that have not succeeded yet
description:
  - Runs each command, in order, unless it has succeeded on this node with the same arguments and inputs.
  - That is remembered in C(/var/lib/crowbar/once) after it succeeded.
  - So a command may run again after a kill, and must bear that.
options:
  commands:
    description: The commands.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What it is called, unique on the node.
        type: str
        required: true
      argv:
        description: Program and arguments. No secrets, every user of the node can see them.
        type: list
        elements: str
        required: true
      user:
        description: Who runs it.
        type: str
        default: root
      stdin:
        description: What it reads.
        type: str
      env:
        description: Environment variables beyond the usual few.
        type: dict
        default: {}
      inputs:
        description: What it depends on. An absolute path stands for the file's content.
        type: list
        elements: str
        default: []
      creates:
        description: A path without which it runs even if it succeeded before.
        type: path
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Migrate the database
  crowbar.node.once:
    commands:
      - {name: keystone-db, argv: [keystone-manage, db_sync], user: keystone, inputs: ["10.0.0.2"]}
"""

RETURN = r"""
ran:
  description: The names of the commands that ran.
  type: list
  returned: always
watched:
  description: Of each command that has nothing to do, the files whose change would have it run.
  type: dict
  returned: in check mode
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.crowbar.node.plugins.module_utils import digests, process, progress

_SAID = 4000


def main() -> None:
    """Run the module."""
    command = {
        "name": {"type": "str", "required": True},
        "argv": {"type": "list", "elements": "str", "required": True},
        "user": {"type": "str", "default": "root"},
        "stdin": {"type": "str", "no_log": True},
        "env": {"type": "dict", "default": {}},
        "inputs": {"type": "list", "elements": "str", "default": []},
        "creates": {"type": "path"},
    }
    module = AnsibleModule(
        argument_spec={"commands": {"type": "list", "elements": "dict", "required": True, "options": command}},
        supports_check_mode=True,
        no_log=True,
    )
    stamps = digests.Stamps(digests.ONCE)
    ran: list[str] = []
    watched: dict[str, list[str]] = {}
    for item in module.params["commands"]:
        digest = digests.of_inputs(item["argv"], item["inputs"])
        made = item["creates"] is None or os.path.lexists(item["creates"])
        if made and stamps.read(item["name"]) == digest:
            watched[item["name"]] = [one for one in item["inputs"] if one.startswith("/")]
            continue
        ran.append(item["name"])
        if module.check_mode:
            continue
        stamps.begin(item["name"])
        progress.tell(f"runs {item['name']}")
        env = {key: str(value) for key, value in item["env"].items()}
        done = process.run(item["argv"], item["user"], item["stdin"] or "", env)
        if done.status:
            why = f"{item['name']}: {item['argv'][0]} ended with status {done.status}"
            module.fail_json(msg=f"{why}\n{done.output[-_SAID:]}", ran=ran, invocation={})
        stamps.finish(item["name"], digest)
    # An empty invocation: the inputs may be secrets.
    watching = {"watched": watched} if module.check_mode else {}
    module.exit_json(changed=bool(ran), ran=ran, **watching, invocation={})


if __name__ == "__main__":
    main()
