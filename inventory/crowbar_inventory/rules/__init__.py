"""Matching rules: a YAML file says what is made of a server by what it is. The first rule that fits counts.

rules:
  - name: too small
    when: {memory_mib: "< 8 GiB"}
    refuse: less than 8 GiB of memory
  - name: gpu
    when: {vendor: "Dell*", gpu: true, lldp: {system: "leaf-*"}}
    alias: gpu-{n:02}
    group: gpu
    intended_role: nova-compute
    install_disk: {ssd: true, size: ">= 200 GB"}
"""

from __future__ import annotations

from crowbar_inventory.rules.decision import Decision, decide
from crowbar_inventory.rules.disks import MINIMUM, ChosenDisk, DiskChoice, Prefer, choose_disk
from crowbar_inventory.rules.faults import RuleFault, RulesError
from crowbar_inventory.rules.model import Rule, Rules, load_rules, parse_rules

__all__ = [
    "MINIMUM",
    "ChosenDisk",
    "Decision",
    "DiskChoice",
    "Prefer",
    "Rule",
    "RuleFault",
    "Rules",
    "RulesError",
    "choose_disk",
    "decide",
    "load_rules",
    "parse_rules",
]
