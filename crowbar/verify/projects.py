"""The second project: a user of its own, with no more than a member's rights."""

from __future__ import annotations

import secrets

from crowbar.verify.cloud import Cloud, as_user
from crowbar.verify.model import CheckError

_ROLE = "member"


def second_project(cloud: Cloud, name: str) -> Cloud:
    """Make a project and a user ``name`` who is a member of it, and sign in as that user."""
    identity = cloud.identity
    domain = identity.get_user(cloud.user_id).domain_id
    password = secrets.token_urlsafe(24)
    project = identity.create_project(name=name, domain_id=domain, description="made by crowbar verify")
    user = identity.create_user(name=name, domain_id=domain, default_project_id=project.id, password=password)
    role = next(iter(identity.roles(name=_ROLE)), None)
    if role is None:
        raise CheckError(f"Keystone has no role {_ROLE!r}, which `keystone-manage bootstrap` makes.")
    identity.assign_project_role_to_user(project.id, user.id, role.id)
    return as_user(cloud, username=name, password=password, project=name)
