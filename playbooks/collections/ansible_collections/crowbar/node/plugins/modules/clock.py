# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""The node's clock, right by the cloud's time servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: clock
short_description: Set the clock where it is wrong
description:
  - Measures how far the clock is from the time servers' by a second chronyd, and has it stepped at once if that is too
    far. What is less is left to chrony, which runs anyway.
options:
  servers:
    description: Names or addresses of NTP servers. They are asked one after the other until one answers.
    type: list
    elements: str
    required: true
  tolerance:
    description: Seconds that it may be off.
    type: float
    default: 1.0
  timeout:
    description: Seconds for one server's answer.
    type: int
    default: 10
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Have the cloud's time
  crowbar.node.clock:
    servers: [10.0.0.11]
"""

RETURN = r"""
offset:
  description: Seconds that were to be added to the clock.
  type: float
  returned: when there are servers
"""

import re
from collections.abc import Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.crowbar.node.plugins.module_utils import process

_UNIT = "chrony.service"
_PATIENCE = 30.0  # seconds beyond what chronyd itself is told
# chronyd(8), -Q and -q: what is positive is to be added.
_WRONG = re.compile(r"System clock wrong by (-?\d+(?:\.\d+)?) seconds")


def measured(servers: Sequence[str], timeout: int) -> tuple[float | None, str]:
    """By how many seconds the clock is wrong, and the server that says so; None and what was tried, if none answers."""
    said: list[str] = []
    for server in servers:
        done = _chronyd("-Q", server, timeout)
        if match := _WRONG.search(done.output):
            return float(match[1]), server
        said.append(f"{server}: {done.output.splitlines()[-1] if done.output else f'status {done.status}'}")
    return None, "; ".join(said)


def step(server: str, timeout: int) -> str:
    """Set the clock by that server; "" or why it could not be done. The time service is stopped meanwhile."""
    process.run(["systemctl", "stop", _UNIT], timeout=_PATIENCE)
    try:
        done = _chronyd("-q", server, timeout)
    finally:
        started = process.run(["systemctl", "start", _UNIT], timeout=_PATIENCE)
    return next((one.output or f"status {one.status}" for one in (done, started) if one.status != 0), "")


def _chronyd(mode: str, server: str, timeout: int) -> process.Finished:
    argv = ["chronyd", mode, "-t", str(timeout), f"server {server} iburst maxsamples 1"]
    return process.run(argv, timeout=timeout + _PATIENCE)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "servers": {"type": "list", "elements": "str", "required": True},
            "tolerance": {"type": "float", "default": 1.0},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    servers, timeout = module.params["servers"], module.params["timeout"]
    if not servers:
        module.exit_json(changed=False)
    offset, server = measured(servers, timeout)
    if offset is None:
        module.fail_json(msg=f"No time server answers: {server}")
        return
    wrong = abs(offset) > module.params["tolerance"]
    if wrong and process.run(["systemd-detect-virt", "--quiet", "--container"], timeout=_PATIENCE).status == 0:
        module.fail_json(msg=f"The clock is wrong by {offset:.1f} s. It is the container's host's: set it there.")
    if wrong and not module.check_mode and (fault := step(server, timeout)):
        module.fail_json(msg=f"The clock is wrong by {offset:.1f} s and could not be set: {fault}")
    module.exit_json(changed=wrong, offset=offset)


if __name__ == "__main__":
    main()
