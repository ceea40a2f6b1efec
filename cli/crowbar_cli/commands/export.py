"""`crowbar export`: the cluster as an Ansible project."""

from __future__ import annotations

from pathlib import Path

import click

from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show_json
from crowbar_cli.session import opened


@click.command(short_help="The cluster as an Ansible project.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--ask-vault-password",
    is_flag=True,
    help="Ask for the password that encrypts the secrets, and keep it nowhere.  [default: make one, in DIR]",
)
@common
@click.pass_obj
def export(settings: Settings, folder: Path, ask_vault_password: bool) -> None:
    """Write the saved proposals as an ordinary Ansible project to DIR, which must be empty or not there.

    It has an inventory, a playbook in dependency order with the gates, the roles, the collection that they use, and the
    secrets encrypted by ansible-vault. `ansible-playbook` runs it without Crowbar.

    \b
    Example:  crowbar export /srv/my-cloud
    Next:     cd /srv/my-cloud && ansible-playbook site.yml
    """
    from crowbar.services.export import export as write

    with opened(settings) as context:
        password = ""
        if ask_vault_password:
            password = click.prompt("Vault password", hide_input=True, confirmation_prompt=True, err=True)
        files = write(context, folder, password)
    if settings.json:
        show_json({"folder": folder.absolute(), "files": [file.name for file in files]})
    else:
        asked = " --ask-vault-pass" if ask_vault_password else ""
        note(f"Wrote {folder}. Next: cd {folder} && ansible-playbook site.yml{asked}")
