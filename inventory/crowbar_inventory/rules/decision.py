"""What the rules make of a server."""

from __future__ import annotations

from dataclasses import dataclass

from crowbar_inventory.hardware import Hardware
from crowbar_inventory.rules.alias import render
from crowbar_inventory.rules.conditions import unmet
from crowbar_inventory.rules.disks import MINIMUM, DiskChoice, choose_disk
from crowbar_inventory.rules.model import Rule, Rules

_DEFAULT = DiskChoice()


@dataclass(frozen=True)
class Decision:
    """What to make of a server; "" where nothing was decided. ``because`` says by which rule, in one line.

    ``passed_over`` says why each rule before it did not fit, ``excluded`` why each disk could not be chosen.
    """

    rule: str = ""
    alias: str = ""
    group: str = ""
    intended_role: str = ""
    install_disk: str = ""  # the disk's serial, else the kernel's name
    refusal: str = ""
    because: str = ""
    passed_over: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def decide(rules: Rules, hardware: Hardware, number: int = 1, *, minimum: int = MINIMUM) -> Decision:
    """The first rule that fits is the one that counts; without any, the smallest disk that will do is taken.

    ``number`` is what ``{n}`` in an alias means; ``minimum`` is the disk's, in bytes, for the image to fit.
    """
    passed_over: list[str] = []
    for rule in rules.rules:
        reason = unmet(rule.when, hardware)
        if not reason:
            return _decided(rule, hardware, number, minimum, tuple(passed_over))
        passed_over.append(f"{rule.name}: {reason}")
    disk = choose_disk(hardware.disks, _DEFAULT, minimum=minimum)
    because = f"{'no rule fits' if rules.rules else 'there are no rules'}; {disk.because}"
    return Decision(
        "", install_disk=disk.reference, because=because, passed_over=tuple(passed_over), excluded=disk.excluded
    )


def _decided(rule: Rule, hardware: Hardware, number: int, minimum: int, passed_over: tuple[str, ...]) -> Decision:
    if rule.refuse:
        because = f"rule {rule.name!r} refuses it: {rule.refuse}"
        return Decision(rule.name, refusal=rule.refuse, because=because, passed_over=passed_over)
    alias, trouble = render(rule.alias, hardware, number) if rule.alias else ("", "")
    disk = choose_disk(hardware.disks, rule.install_disk or _DEFAULT, minimum=minimum)
    return Decision(
        rule=rule.name,
        alias=alias,
        group=rule.group,
        intended_role=rule.intended_role,
        install_disk=disk.reference,
        because="; ".join(filter(None, (f"rule {rule.name!r} fits", trouble, disk.because))),
        passed_over=passed_over,
        excluded=disk.excluded,
    )
