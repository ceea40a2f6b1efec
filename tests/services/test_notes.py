"""What a plan tells beside its steps."""

from __future__ import annotations

from crowbar.catalog.load import load_catalog
from crowbar.catalog.model import NodeView, WantedProposal
from crowbar.catalog.variables import Deployed
from crowbar.services.notes import choices_made


def cloud(*capabilities: list[str]) -> Deployed:
    nodes = {
        f"n{number}": NodeView(f"n{number}", f"n{number}.x", {"admin": "192.0.2.1"}, (), {"capabilities": own})
        for number, own in enumerate(capabilities, start=1)
    }
    return Deployed(nodes, {"nova": WantedProposal("nova", "default", {}, {"nova-compute": tuple(nodes)})})


def test_what_was_chosen_for_many_nodes_is_told_once() -> None:
    assert choices_made(load_catalog()[0], cloud([], ["kvm"], [], [], [], [])) == [
        "nova on n1, n3, n4 and 2 more: virt.type = qemu: the node has no KVM that boots a guest",
        "nova on n2: virt.type = kvm: the node has kvm",
    ]
