"""The cluster as an ordinary Ansible project, which `ansible-playbook` runs without Crowbar."""

from crowbar.services.export.project import export as export
