# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""What Keystone holds: domains, projects, roles, users, services and endpoints."""

from __future__ import annotations

DOCUMENTATION = r"""
module: identity
short_description: Make what Keystone is to hold
description:
  - Makes what is missing and mends what differs, in one process. Nothing is removed.
  - Whether a password is right is found out by logging in with it. Waits up to a minute for Keystone.
options:
  auth:
    description: Who does it.
    type: dict
    required: true
    suboptions:
      auth_url:
        description: Keystone's URL, ending in C(/v3).
        type: str
        required: true
      username:
        description: User.
        type: str
        default: admin
      password:
        description: The user's password.
        type: str
        required: true
      project_name:
        description: Project.
        type: str
        default: admin
      user_domain_name:
        description: The user's domain.
        type: str
        default: Default
      project_domain_name:
        description: The project's domain.
        type: str
        default: Default
  region:
    description: Region of the endpoints.
    type: str
    default: RegionOne
  domains:
    description: Names of domains.
    type: list
    elements: str
    default: []
  projects:
    description: Projects, each with name and, where given, domain and description; a name alone will do.
    type: list
    elements: raw
    default: []
  roles:
    description: Names of roles.
    type: list
    elements: str
    default: []
  users:
    description: Users with their roles.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      password:
        description: Password.
        type: str
        required: true
      domain:
        description: Domain.
        type: str
        default: Default
      roles:
        description: Each a role and where it is held; one of project (with project_domain), domain, system (true).
        type: list
        elements: dict
        default: []
  services:
    description: The catalog's services, known by their type.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      type:
        description: Type.
        type: str
        required: true
      description:
        description: For people.
        type: str
      endpoints:
        description: Interface (public, internal, admin) to URL.
        type: dict
        default: {}
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Register Glance
  crowbar.node.identity:
    auth:
      auth_url: "{{ crowbar.published.keystone.internal_url }}"
      password: "{{ crowbar.published.keystone.admin_password }}"
    region: "{{ crowbar.published.keystone.region }}"
    users:
      - {name: glance, password: "{{ crowbar.secrets.service_password }}", roles: [{role: service, project: service}]}
    services:
      - name: glance
        type: image
        endpoints: {public: "http://10.0.0.2:9292", internal: "http://10.0.0.2:9292", admin: "http://10.0.0.2:9292"}
"""

RETURN = r"""
changes:
  description: What was made or mended, in words.
  type: list
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.crowbar.node.plugins.module_utils.identity_content import Content
from ansible_collections.crowbar.node.plugins.module_utils.keystone import Keystone, KeystoneError, Login

_TEXT = {"type": "str", "required": True}
_PASSWORD = {"type": "str", "required": True, "no_log": True}
_NAMES = {"type": "list", "elements": "str", "default": []}
_AUTH = {
    "auth_url": _TEXT,
    "username": {"type": "str", "default": "admin"},
    "password": _PASSWORD,
    "project_name": {"type": "str", "default": "admin"},
    "user_domain_name": {"type": "str", "default": "Default"},
    "project_domain_name": {"type": "str", "default": "Default"},
}
_USER = {
    "name": _TEXT,
    "password": _PASSWORD,
    "domain": {"type": "str", "default": "Default"},
    "roles": {"type": "list", "elements": "dict", "default": []},
}
_SERVICE = {
    "name": _TEXT,
    "type": _TEXT,
    "description": {"type": "str"},
    "endpoints": {"type": "dict", "default": {}},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "auth": {"type": "dict", "required": True, "options": _AUTH},
            "region": {"type": "str", "default": "RegionOne"},
            "domains": _NAMES,
            "projects": {"type": "list", "elements": "raw", "default": []},
            "roles": _NAMES,
            "users": {"type": "list", "elements": "dict", "default": [], "options": _USER},
            "services": {"type": "list", "elements": "dict", "default": [], "options": _SERVICE},
        },
        supports_check_mode=True,
    )
    wanted = dict(module.params)
    wanted["projects"] = [item if isinstance(item, dict) else {"name": item} for item in wanted["projects"]]
    auth = dict(wanted.pop("auth"))
    keystone = Keystone(auth.pop("auth_url"))
    content = Content(keystone, module.check_mode)
    try:
        keystone.login(Login(**auth))
        content.apply(wanted)
    except KeystoneError as error:
        module.fail_json(msg=str(error), changes=content.changes)
    module.exit_json(changed=bool(content.changes), changes=content.changes)


if __name__ == "__main__":
    main()
