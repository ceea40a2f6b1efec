from __future__ import annotations

from pathlib import Path

import pytest

from crowbar.catalog.attributes import complete
from crowbar.catalog.choose import resolve
from crowbar.catalog.model import Barclamp, Choice
from crowbar.errors import InputError

from .barclamps import attribute, schema

KVM = Choice("kvm", ("kvm",))
QEMU = Choice("qemu", (), "no KVM that boots a guest")
SCHEMA = schema(virt=attribute("object", {}, **schema(type=attribute("string", "auto"))))


def clamp(*choices: Choice) -> Barclamp:
    return Barclamp("nova", "Nova", Path("/none"), SCHEMA, {}, choices={"virt.type": choices})


def test_the_first_that_the_node_can_do_is_chosen_and_said() -> None:
    given = complete(clamp(KVM, QEMU), {})
    assert resolve(clamp(KVM, QEMU), given, {"kvm", "tun"}) == (
        {"virt": {"type": "kvm"}},
        ["virt.type = kvm: the node has kvm"],
    )
    assert resolve(clamp(KVM, QEMU), given, set()) == (
        {"virt": {"type": "qemu"}},
        ["virt.type = qemu: no KVM that boots a guest"],
    )
    assert given == {"virt": {"type": "auto"}}


def test_what_was_given_stays_with_a_note_if_the_node_cannot() -> None:
    assert resolve(clamp(KVM, QEMU), {"virt": {"type": "qemu"}}, {"kvm"}) == ({"virt": {"type": "qemu"}}, [])
    attributes, notes = resolve(clamp(KVM, QEMU), {"virt": {"type": "kvm"}}, set())
    assert attributes == {"virt": {"type": "kvm"}}
    assert notes == ["virt.type = kvm was asked for, but the node has no kvm"]


def test_a_node_that_can_do_none_is_an_error_that_says_what_is_needed() -> None:
    with pytest.raises(InputError) as caught:
        resolve(clamp(KVM), {"virt": {"type": "auto"}}, {"tun"})
    assert str(caught.value) == (
        "nova: no value of virt.type fits a node that can do tun.\nNext: The choices are kvm (needs kvm)."
    )
