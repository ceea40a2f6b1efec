"""What a network must be like: pure checks, which find all faults at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import chain, combinations

from crowbar.errors import Fault
from crowbar.store.machine_model import Network

HOST = "host"  # the range that nodes get their addresses from
DYNAMIC = "dynamic"  # the range that DHCP lends to machines nobody knows yet

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_WIDEST, _NARROWEST = 8, 30  # prefix lengths
_VLANS = range(4095)  # 0: untagged
_MTUS = range(576, 9217)
Span = tuple[IPv4Address, IPv4Address]


def faults_of(network: Network) -> list[Fault]:
    """All that is wrong with the network by itself."""
    place = f"network {network.name}"
    faults: list[Fault] = []
    if not _NAME.fullmatch(network.name):
        faults.append(Fault(place, "a name has at most 32 of a-z, 0-9, - and _, and begins with a letter"))
    if network.vlan not in _VLANS:
        faults.append(Fault(f"{place} vlan", f"{network.vlan} is none: 1 to 4094, or 0 for untagged"))
    if network.mtu not in _MTUS:
        faults.append(Fault(f"{place} mtu", f"{network.mtu} is none: {_MTUS.start} to {_MTUS.stop - 1}"))
    subnet = _subnet(network.subnet)
    if isinstance(subnet, str):
        return [*faults, Fault(f"{place} subnet", subnet)]
    spans: dict[str, Span] = {}
    for use, (first, last) in network.ranges.items():
        span = _span(first, last, subnet)
        if isinstance(span, str):
            faults.append(Fault(f"{place} ranges/{use}", span))
        else:
            spans[use] = span
    for (use, span), (other, second) in combinations(spans.items(), 2):
        if _overlap(span, second):
            faults.append(Fault(f"{place} ranges/{other}", f"{_text(second)} overlaps {use} ({_text(span)})"))
    return [*faults, *_gateway_faults(network, subnet, spans)]


def conflicts(network: Network, others: Iterable[Network]) -> list[Fault]:
    """Where the network's ranges overlap those of others: two may share a subnet, but no address.

    All must be without faults by themselves.
    """
    faults = []
    for other in others:
        if other.name == network.name:
            continue
        for use, span in _spans(network):
            for use_there, there in _spans(other):
                if _overlap(span, there):
                    message = f"{_text(span)} overlaps {use_there} of network {other.name} ({_text(there)})"
                    faults.append(Fault(f"network {network.name} ranges/{use}", message))
    return faults


def positions(network: Network, use: str) -> range:
    """The range as positions in the subnet, from 0; empty if the network has none for this use."""
    if use not in network.ranges:
        return range(0)
    base = int(IPv4Network(network.subnet).network_address)
    first, last = (int(IPv4Address(text)) - base for text in network.ranges[use])
    return range(first, last + 1)


def next_position(span: range, last: int) -> int:
    """The one after the position that was given last, around the span's end."""
    return last + 1 if last + 1 in span and last in span else span.start


def free_positions(span: range, taken: Collection[int], last: int) -> Iterator[int]:
    """The positions of the span that nobody has, in the order in which they are given: on from the ``last`` one given.

    So an address that is freed rests for as long as there are others: whoever had it may still be using it.
    """
    begin = next_position(span, last)
    for position in chain(range(begin, span.stop), range(span.start, begin)):
        if position not in taken:
            yield position


def address_at(network: Network, position: int) -> str:
    """The address at a position of the subnet."""
    return str(IPv4Network(network.subnet)[position])


def _subnet(text: str) -> IPv4Network | str:
    """The subnet, or what is wrong with it."""
    try:
        subnet = IPv4Network(text)
    except ValueError:
        try:
            return f"{text!r} has host bits set; {IPv4Network(text, strict=False)} is meant"
        except ValueError:
            return f"{text!r} is no IPv4 subnet such as 10.0.0.0/24"
    if not _WIDEST <= subnet.prefixlen <= _NARROWEST:
        return f"{text!r} must have a prefix between /{_WIDEST} and /{_NARROWEST}"
    return subnet


def _span(first: str, last: str, subnet: IPv4Network) -> Span | str:
    """The range, or what is wrong with it."""
    try:
        span = IPv4Address(first), IPv4Address(last)
    except ValueError:
        return f"{first!r} to {last!r} are not two IPv4 addresses"
    if outside := [str(address) for address in span if address not in subnet]:
        return f"{' and '.join(dict.fromkeys(outside))} is outside of {subnet}"
    if span[0] > span[1]:
        return f"{first} is after {last}; exchange them"
    if subnet.network_address in span or subnet.broadcast_address in span:
        return f"{_text(span)} takes in the subnet's own or its broadcast address"
    return span


def _gateway_faults(network: Network, subnet: IPv4Network, spans: dict[str, Span]) -> Iterator[Fault]:
    if not network.gateway:
        return
    place = f"network {network.name} gateway"
    try:
        gateway = IPv4Address(network.gateway)
    except ValueError:
        yield Fault(place, f"{network.gateway!r} is no IPv4 address")
        return
    if gateway not in subnet:
        yield Fault(place, f"{gateway} is outside of {subnet}")
    for use in (HOST, DYNAMIC):
        if use in spans and spans[use][0] <= gateway <= spans[use][1]:
            yield Fault(place, f"{gateway} is in the range {use}, whose addresses are given to others")


def _spans(network: Network) -> Iterator[tuple[str, Span]]:
    for use, (first, last) in network.ranges.items():
        yield use, (IPv4Address(first), IPv4Address(last))


def _overlap(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _text(span: Span) -> str:
    return f"{span[0]}-{span[1]}"
