"""Which steps a deployment leaves out, and after how many failing nodes it begins no more. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from crowbar.engine.step import PlannedStep
from crowbar.errors import Fault, InputError

LEFT_OUT = "left out: "  # how the reason of such a step begins


@dataclass(frozen=True)
class Selection:
    """What was asked for by ``--only`` and ``--skip``, and which nodes are not to be touched: "is quarantined: ..."."""

    only_barclamps: frozenset[str] = frozenset()
    only_nodes: frozenset[str] = frozenset()
    skip_barclamps: frozenset[str] = frozenset()
    skip_nodes: frozenset[str] = frozenset()
    untouched: Mapping[str, str] = field(default_factory=dict)

    def why_not(self, step: PlannedStep) -> str:
        """Why the step is left out; "" if it is not."""
        if step.node in self.untouched:
            return f"{step.node} {self.untouched[step.node]}"
        if step.barclamp in self.skip_barclamps or step.node in self.skip_nodes:
            return f"--skip {step.barclamp if step.barclamp in self.skip_barclamps else step.node}"
        if self.only_barclamps and step.barclamp not in self.only_barclamps:
            return f"--only {', '.join(sorted(self.only_barclamps))}"
        if self.only_nodes and step.node not in self.only_nodes:
            return f"--only {', '.join(sorted(self.only_nodes))}"
        return ""


ALL = Selection()


def select(
    only: Sequence[str],
    skip: Sequence[str],
    barclamps: Mapping[str, str],
    nodes: Mapping[str, str],
    untouched: Mapping[str, str],
) -> Selection:
    """The selection that words mean. ``barclamps`` and ``nodes`` map each name and alias to the name.

    Raises InputError with a fault for each word that is neither.
    """
    faults = [
        Fault(f"{option} {word}", "is neither a barclamp of the cloud nor a node")
        for option, words in (("--only", only), ("--skip", skip))
        for word in words
        if word not in barclamps and word not in nodes
    ]
    if faults:
        known = ", ".join(sorted({*barclamps.values(), *nodes.values()}))
        raise InputError("That cannot be selected; nothing was changed.", faults=faults, hint=f"Known are: {known}.")
    return Selection(
        *(_meant(only, barclamps), _meant(only, nodes, but=barclamps)),
        *(_meant(skip, barclamps), _meant(skip, nodes, but=barclamps)),
        untouched,
    )


def _meant(words: Sequence[str], names: Mapping[str, str], but: Collection[str] = ()) -> frozenset[str]:
    return frozenset(names[word] for word in words if word in names and word not in but)


def most_failures(text: str, nodes: int) -> int:
    """How many of ``nodes`` nodes may fail, from "3" or "20%" (rounded down).

    Raises InputError for what is neither.
    """
    match = re.fullmatch(r"(\d{1,6})(%?)", text.strip())
    if match is None or (match[2] and int(match[1]) > 100):  # noqa: PLR2004 - per cent
        raise InputError(f"--max-failures {text!r} is neither a number of nodes nor per cent of them (0% to 100%).")
    return nodes * int(match[1]) // 100 if match[2] else int(match[1])
