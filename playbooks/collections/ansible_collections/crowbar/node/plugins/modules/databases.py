# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""Databases and their users in MariaDB."""

from __future__ import annotations

DOCUMENTATION = r"""
module: databases
short_description: Make databases with their users in MariaDB
description:
  - Makes each database (utf8mb4) and its user, who may do anything in it from anywhere. Passwords that differ are set.
  - Waits up to a minute for the server. Needs C(python3-pymysql) on the node.
options:
  host:
    description: Address of the server.
    type: str
    default: 127.0.0.1
  port:
    description: Port of the server.
    type: int
    default: 3306
  login_user:
    description: Who may make databases and users.
    type: str
    required: true
  login_password:
    description: That user's password.
    type: str
    required: true
  databases:
    description: The databases.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      user:
        description: User.
        type: str
        required: true
      password:
        description: The user's password.
        type: str
        required: true
      migration:
        description:
          - Name of the command of C(crowbar.node.once) on this node that first makes the tables.
          - If that was killed half-way, the database is made anew, as it could not run with the tables it left.
        type: str
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Make Keystone's database
  crowbar.node.databases:
    host: "{{ crowbar.published.database.host }}"
    login_user: "{{ crowbar.published.database.admin_user }}"
    login_password: "{{ crowbar.published.database.admin_password }}"
    databases:
      - name: keystone
        user: keystone
        password: "{{ crowbar.secrets.database_password }}"
        migration: keystone-db-sync
"""

RETURN = r"""
statements:
  description: How many statements were needed.
  type: int
  returned: always
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.crowbar.node.plugins.module_utils import digests, mariadb

try:
    import pymysql
except ImportError:
    pymysql = None

_MACHINE = Path("/etc/machine-id")
_PATIENCE = 60.0  # seconds for the server to come up


def _wanted(item: dict[str, Any]) -> mariadb.Wanted:
    """The database with how far its migration has come, by the books of `once`."""
    name = item.pop("migration")
    if not name:
        return mariadb.Wanted(**item)
    stamps = digests.Stamps(digests.ONCE)
    begun = mariadb.Migration.BEGUN if stamps.begun(name) else mariadb.Migration.NONE
    return mariadb.Wanted(**item, migrated=True, migration=mariadb.Migration.DONE if stamps.read(name) else begun)


def _connect(parameters: dict[str, Any]) -> Any:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return pymysql.connect(
                host=parameters["host"],
                port=parameters["port"],
                user=parameters["login_user"],
                password=parameters["login_password"],
                connect_timeout=10,
                autocommit=True,
            )
        except pymysql.err.OperationalError as error:
            refused = error.args[0] in (1044, 1045)  # wrong user or password: waiting does not help
            if refused or time.monotonic() > end:
                raise
            time.sleep(0.5)


def main() -> None:
    """Run the module."""
    entry = {
        "name": {"type": "str", "required": True},
        "user": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
        "migration": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 3306},
            "login_user": {"type": "str", "required": True},
            "login_password": {"type": "str", "required": True, "no_log": True},
            "databases": {"type": "list", "elements": "dict", "required": True, "options": entry},
        },
        supports_check_mode=True,
    )
    if pymysql is None:
        module.fail_json(msg=missing_required_lib("pymysql"))
    server = f"MariaDB on {module.params['host']}:{module.params['port']}"
    try:
        with _connect(module.params) as connection, connection.cursor() as cursor:
            wanted = [_wanted(item) for item in module.params["databases"]]
            statements = mariadb.plan(mariadb.read(cursor), wanted, _MACHINE.read_text().strip())
            for statement in [] if module.check_mode else statements:
                cursor.execute(statement.sql, statement.values)
    except pymysql.err.MySQLError as error:
        module.fail_json(msg=f"{server}: {error}")
    changes = sum(statement.changes for statement in statements)
    module.exit_json(changed=bool(changes), statements=changes)


if __name__ == "__main__":
    main()
