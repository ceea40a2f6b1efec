# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""Any number of files, links and directories in one run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files
short_description: Write any number of files
description:
  - Writes each file in one step, with its owner and mode. Parent directories of files are made (root, 0755).
  - An action plugin of the same name renders the templates. What is in the files never appears in results or logs.
options:
  defaults:
    description: Owner, group and mode of all files that do not give their own.
    type: dict
    default: {}
  files:
    description: The files, in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      dest:
        description: Absolute path.
        type: path
        required: true
      src:
        description: A template in the role's folder C(templates).
        type: str
      vars:
        description: Further variables for O(files[].src).
        type: dict
      content:
        description: The file's text.
        type: str
      copy:
        description: A file in the role's folder C(files).
        type: str
      b64:
        description: The file's bytes in base64.
        type: str
      link:
        description: Make a symbolic link to this path.
        type: str
      state:
        description: A directory, or nothing at all (a directory goes with all that is in it).
        type: str
        choices: [directory, absent]
      extra:
        description: Section to option to value; set in the INI text that src or content gave.
        type: dict
      owner:
        description: User name.
        type: str
      group:
        description: Group name.
        type: str
      mode:
        description: Octal digits. Default 0644, of directories 0755.
        type: str
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Configure Keystone
  crowbar.node.files:
    defaults: {owner: root, group: keystone, mode: "0640"}
    files:
      - {dest: /etc/keystone/keystone.conf, src: keystone.conf.j2, extra: {DEFAULT: {debug: true}}}
      - {dest: /etc/keystone/fernet-keys, state: directory, owner: keystone, mode: "0700"}
"""

RETURN = r"""
paths:
  description: The paths that were changed.
  type: list
  returned: always
diff:
  description: What would become different, one entry a path; texts as unified diffs, secrets among them.
  type: list
  returned: with C(--check --diff)
"""

import base64
import grp
import os
import pwd
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.crowbar.node.plugins.module_utils import atomic, differ


def apply(entry: Mapping[str, Any], check_mode: bool) -> bool:
    """Make one entry true, or with ``check_mode`` only look; whether it was not."""
    path = Path(entry["dest"])
    if entry["state"] == "absent":
        return _absent(path, check_mode)
    if entry["link"] is not None:
        return _link(path, entry["link"], check_mode)
    uid = -1 if entry["owner"] is None else pwd.getpwnam(entry["owner"]).pw_uid
    gid = -1 if entry["group"] is None else grp.getgrnam(entry["group"]).gr_gid
    if entry["state"] == "directory":
        return _directory(path, int(entry["mode"] or "0755", 8), uid, gid, check_mode)
    content = base64.b64decode(entry["b64"] or "", validate=True)
    return _file(path, content, int(entry["mode"] or "0644", 8), uid, gid, check_mode)


def _file(path: Path, content: bytes, mode: int, uid: int, gid: int, check_mode: bool) -> bool:
    same = path.is_file() and not path.is_symlink() and path.read_bytes() == content
    if same:
        return _own(path, mode, uid, gid, check_mode)
    if not check_mode:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, content, mode, uid, gid)
    return True


def _directory(path: Path, mode: int, uid: int, gid: int, check_mode: bool) -> bool:
    if path.is_dir():
        return _own(path, mode, uid, gid, check_mode)
    if not check_mode:
        path.mkdir(parents=True)
        _own(path, mode, uid, gid, check_mode)
    return True


def _own(path: Path, mode: int, uid: int, gid: int, check_mode: bool) -> bool:
    """Owner and mode of what is there; -1 leaves the owner as it is."""
    seen = path.stat()
    owned = uid in (-1, seen.st_uid) and gid in (-1, seen.st_gid)
    if owned and stat.S_IMODE(seen.st_mode) == mode:
        return False
    if not check_mode:
        os.chown(path, uid, gid)
        path.chmod(mode)
    return True


def _link(path: Path, target: str, check_mode: bool) -> bool:
    if path.is_symlink() and str(path.readlink()) == target:
        return False
    if not check_mode:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.link(path, target)
    return True


def _absent(path: Path, check_mode: bool) -> bool:
    if not os.path.lexists(path):
        return False
    if not check_mode:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return True


def main() -> None:
    """Run the module."""
    text = {"type": "str"}
    entry = {
        "dest": {"type": "path", "required": True},
        "b64": text,
        "link": text,
        "state": {"type": "str", "choices": ["directory", "absent"]},
        "owner": text,
        "group": text,
        "mode": text,
    }
    module = AnsibleModule(
        argument_spec={"files": {"type": "list", "elements": "dict", "required": True, "options": entry}},
        supports_check_mode=True,
        no_log=True,
    )
    changed: list[str] = []
    diffs: list[dict[str, str]] = []
    # Files hold secrets. So an apply never shows what is in them; who rehearses one asked for it, and masks them.
    shown = module.check_mode and module._diff  # noqa: SLF001 (AnsibleModule has no public name for --diff)
    for item in module.params["files"]:
        try:
            before = differ.seen(item["dest"]) if shown else None
            if apply(item, module.check_mode):
                changed.append(item["dest"])
                if before is not None:
                    diffs.append({"prepared": differ.text(item, before)})
        except (OSError, KeyError, ValueError) as error:
            module.fail_json(msg=f"{item['dest']}: {error}", paths=changed, invocation={})
    # An empty invocation: the files' contents are in the arguments.
    different = {"diff": diffs} if diffs else {}
    module.exit_json(changed=bool(changed), paths=changed, **different, invocation={})


if __name__ == "__main__":
    main()
