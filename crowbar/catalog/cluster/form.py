"""The form of a cluster file's `bmc`, `networks` and `machines`: strict, checked by pydantic at the edge.

The descriptions are the reference that docs/reference/cluster-file.md is made of.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crowbar.catalog.raw import Raw

HOST_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
GROUP = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
KEYS = ("bmc", "networks", "machines")  # what stands beside `proposals`

Group = Annotated[str, Field(pattern=GROUP)]


class LoginForm(Raw):
    """How to log in to the BMCs of machines that do not say it themselves."""

    user: str = Field("admin", min_length=1, max_length=64, description="Who logs in.")
    password_file: str = Field(
        "", description="A file with the password, for root alone to read; without one, $CROWBAR_BMC_PASSWORD has it."
    )


class NetworkForm(Raw):
    """A named network, as `crowbar networks set` makes one."""

    name: str = Field(description="`admin` is the one that machines boot from; others are what barclamps ask for.")
    subnet: str = Field(description="Such as 10.0.0.0/24.")
    gateway: str = Field("", description="The way out that machines are told.")
    vlan: int = Field(0, description="1 to 4094; 0 is untagged.")
    mtu: int = Field(1500, description="In bytes.")
    ranges: dict[str, Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(
        default_factory=dict,
        description="Use to first and last address: `host` for machines, `dynamic` for those not known yet.",
    )
    auto_approve: bool = Field(
        default=False, description="Let machines in that boot from it unasked; else `crowbar machines approve` does."
    )


class VirtualForm(Raw):
    """A machine of the virtual rack (`crowbar rack`), which is made if it is not there."""

    kind: Literal["vm", "container"] = Field(
        "container", description="`vm` has real firmware; a container boots by the same answers at native speed."
    )
    firmware: Literal["bios", "uefi"] = Field("bios", description="What starts it.")
    cpus: int = Field(2, ge=1, le=64, description="Processors.")
    memory_mib: int = Field(4096, ge=256, le=1 << 20, description="Memory, in MiB.")
    disk_gib: int = Field(16, ge=1, le=4096, description="Disk, in GiB; what is not written takes no place.")
    nics: int = Field(1, ge=1, le=2, description="Network interfaces.")


class MatchedForm(Raw):
    """Which machines that the matching rules have sorted are meant."""

    group: Group | None = Field(None, description="Of this group.")
    intended_role: Group | None = Field(None, description="Meant for this role.")


class MachineForm(Raw):
    """One machine, or several where `bmc` is a range or `matched` asks for some.

    With neither `bmc`, `virtual` nor `matched`, it is a machine that Crowbar knows, or will know, by this name or
    alias: one that boots from the network unasked and that a matching rule names.
    """

    name: str | None = Field(None, pattern=HOST_NAME, description="Its host name; a range is named by its addresses.")
    bmc: str | None = Field(
        None, description="Its BMC: ipmi://10.0.1.10, redfish://10.0.1.10, or a range: ipmi://10.0.1.10-40."
    )
    login: LoginForm | None = Field(None, description="How to log in to that BMC, if not as all the others.")
    mac: str = Field("", description="The MAC address that it boots from, where it is known beforehand.")
    virtual: VirtualForm | None = Field(None, description="It is one of the virtual rack's, made so.")
    matched: MatchedForm | None = Field(None, description="Machines that the matching rules (rules.yml) have sorted.")
    count: int = Field(1, ge=1, le=10000, description="How many of the matched ones.")
    group: Group | None = Field(None, description="The group that it is put into.")
    intended_role: Group | None = Field(None, description="What it is meant for; roles can ask for it.")
    rack_position: str = Field("", max_length=64, description="Where it stands, such as R2-U17: rack, then height.")


class ClusterForm(Raw):
    """What stands beside `proposals`."""

    bmc: LoginForm | None = Field(None, description="How to log in to BMCs.")
    networks: list[NetworkForm] = Field(default_factory=list, description="Networks, made or changed first.")
    machines: list[MachineForm] = Field(
        default_factory=list, description="The machines of the cloud; without them it is about the nodes there are."
    )


FORMS = (ClusterForm, LoginForm, NetworkForm, VirtualForm, MatchedForm, MachineForm)
