"""Writes an exported project to its folder."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from crowbar.catalog.model import Barclamp, FactRef
from crowbar.catalog.variables import Deployed
from crowbar.errors import Fault, InputError
from crowbar.paths import data_dir
from crowbar.services.export.plays import Project, compose
from crowbar.services.export.values import to_yaml
from crowbar.services.proposals import check_saved
from crowbar.services.wanted import deployed, merged
from crowbar.store.model import Node, NodeKind

if TYPE_CHECKING:
    from crowbar.services.context import Context

VAULT_KEY_FILE = ".vault-password"
_SSH_PORT = 22
_COLLECTION = Path("collections") / "ansible_collections" / "crowbar" / "node"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "tests", ".ansible")
_README = """\
# A cloud, as an Ansible project

Written by `crowbar export`; it needs ansible-core and nothing of Crowbar. From this folder:

    ansible-playbook site.yml

- `site.yml`: one play for each role, in dependency order, and one for each gate, which checks a barclamp before others
  build on it.
- `inventory.yml`: the hosts, and a group for each role. `host_vars/`: what each role sees on a host.
- `group_vars/all/vault.yml`: the secrets, encrypted by ansible-vault{password}.
- `roles/`, `gates/`, `collections/`: the barclamps' content.

The hosts are reached with the SSH key that Crowbar uses, by its path on the admin host: change `inventory.yml` to run
the project from elsewhere.
"""


def export(context: Context, folder: Path, vault_password: str = "") -> list[Path]:
    """Write the saved proposals as an Ansible project; give the files at its top.

    Secrets are encrypted with ``vault_password``; without one, a random one is made and written to the folder (mode
    0600). Raises InputError if the folder is not empty or the proposals cannot be deployed; then nothing is written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not an empty folder.", hint="Name a folder that does not exist yet.")
    check_saved(context)
    proposals = merged(context, ())
    barclamps = [context.catalog.get(name) for name in proposals]
    _refuse_same_names(barclamps)
    for barclamp in barclamps:
        for spec in barclamp.secrets.values():
            context.store.secrets.ensure(barclamp.name, spec)
    wanted = _with_all_facts(deployed(context, proposals), barclamps)
    nodes = {node.name: node for node in context.store.nodes.list()}
    project = compose(context.catalog, wanted, nodes)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_project(folder, project, [nodes[name] for name in project.host_vars], asked=bool(vault_password))
    _write_vault(context, folder, {barclamp.name for barclamp in barclamps}, vault_password)
    _copy_content(folder, barclamps)
    return sorted(folder.iterdir())


def _with_all_facts(wanted: Deployed, barclamps: Iterable[Barclamp]) -> Deployed:
    """Every fact that some role publishes: in the project each is there when a later play asks for it."""
    facts = [
        FactRef(barclamp.name, spec.fact_of, spec.name)
        for barclamp in barclamps
        for spec in barclamp.publishes.values()
        if spec.fact_of
    ]
    return replace(wanted, facts=tuple(facts))


def _refuse_same_names(barclamps: Iterable[Barclamp]) -> None:
    owners: dict[str, list[str]] = {}
    for barclamp in barclamps:
        for role in barclamp.roles.values():
            owners.setdefault(role.ansible_name, []).append(barclamp.name)
    faults = [
        Fault("", f"{' and '.join(names)} each have a role {role}") for role, names in owners.items() if len(names) > 1
    ]
    if faults:
        raise InputError("An Ansible project has one folder of roles, and these would be the same.", faults=faults)


def _write_project(folder: Path, project: Project, nodes: Iterable[Node], *, asked: bool) -> None:
    password = "" if asked else f", with the password in `{VAULT_KEY_FILE}`"
    _write(folder / "README.md", _README.format(password=password))
    _write(folder / "site.yml", to_yaml(project.plays, "The cloud, in dependency order."))
    _write(folder / "inventory.yml", to_yaml(project.inventory))
    for host, values in project.host_vars.items():
        _write(folder / "host_vars" / f"{host}.yml", to_yaml(values, f"What each role sees on {host}."))
    _write(folder / "known_hosts", "".join(_known_host(node) for node in nodes))
    _write(folder / "ansible.cfg", _configuration(asked=asked))
    _write(folder / ".gitignore", f"/{VAULT_KEY_FILE}\n")


def _known_host(node: Node) -> str:
    if node.kind is NodeKind.HOST or not node.host_key:
        return ""
    where = node.address if node.ssh_port == _SSH_PORT else f"[{node.address}]:{node.ssh_port}"
    return f"{where} {node.host_key}\n"


def _configuration(*, asked: bool) -> str:
    lines = ["[defaults]", "inventory = inventory.yml", "roles_path = roles", "collections_path = collections"]
    if not asked:
        lines.append(f"vault_password_file = {VAULT_KEY_FILE}")
    # Pipelining keeps modules' arguments, secrets among them, out of files on the hosts.
    lines += ["", "[connection]", "pipelining = True", "", "[ssh_connection]"]
    lines += ["ssh_args = -o UserKnownHostsFile=known_hosts -o ControlMaster=auto -o ControlPersist=60s", ""]
    return "\n".join(lines)


def _write_vault(context: Context, folder: Path, owners: set[str], password: str) -> None:
    from ansible.parsing.vault import VaultLib, VaultSecret

    if not password:
        password = secrets.token_urlsafe(32)
        _write(folder / VAULT_KEY_FILE, f"{password}\n")
    store = context.store.secrets
    values = {str(ref): store.value(ref) for ref in store.refs() if ref.owner in owners}
    vault = VaultLib([("default", VaultSecret(password.encode()))])
    encrypted: bytes = vault.encrypt(to_yaml({"crowbar_secrets": values}))
    _write(folder / "group_vars" / "all" / "vault.yml", encrypted.decode())


def _copy_content(folder: Path, barclamps: Iterable[Barclamp]) -> None:
    playbooks = data_dir() / "playbooks"
    shutil.copytree(playbooks / _COLLECTION, folder / _COLLECTION, ignore=_IGNORED)
    shutil.copy(playbooks / "export" / "publish.py", folder / _COLLECTION / "plugins" / "action" / "publish.py")
    for barclamp in barclamps:
        for role in barclamp.roles.values():
            shutil.copytree(role.path, folder / "roles" / role.ansible_name, ignore=_IGNORED)
        if barclamp.gate is not None:
            (folder / "gates").mkdir(exist_ok=True)
            shutil.copy(barclamp.gate.path, folder / "gates" / f"{barclamp.name}.yml")


def _write(path: Path, text: str) -> None:
    """The whole project is its owner's alone: attributes may hold what nobody else should read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
