from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from crowbar.errors import InputError
from crowbar.provision.dnsmasq import DhcpConfig, DhcpMode, Dns
from crowbar.provision.dnsmasq.render import Files, render_config, render_hosts, render_names
from tests.provision.dnsmasq.examples import CONFIG, host

FILES = Files(Path("/run/crowbar/dnsmasq"))


def _lines(config: DhcpConfig) -> list[str]:
    return render_config(config, FILES, "dnsmasq").splitlines()


def test_it_serves_one_interface_and_no_names() -> None:
    lines = _lines(CONFIG)
    assert {"interface=admin0", "except-interface=lo", "bind-interfaces", "port=0", "user=dnsmasq"} <= set(lines)
    assert "dhcp-range=10.99.7.100,10.99.7.101,255.255.255.0,3600" in lines
    assert "dhcp-hostsfile=/run/crowbar/dnsmasq/hosts" in lines
    # Without these a rack full of machines does not boot at once: see the facts of the virtual rack.
    assert {"no-ping", "enable-ra", "dhcp-authoritative", "dhcp-ignore-clid", "tftp-max=1000"} <= set(lines)


def test_every_firmware_is_told_its_own_program() -> None:
    lines = _lines(CONFIG)
    assert "dhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe" in lines
    assert "dhcp-boot=tag:!ipxe,tag:efi64,snponly.efi" in lines
    assert "dhcp-boot=tag:!ipxe,tag:efihttp,http://10.99.7.1:8080/ipxe/snponly.efi" in lines
    script = next(line for line in lines if line.startswith("dhcp-boot=tag:ipxe,"))
    assert script.removeprefix("dhcp-boot=tag:ipxe,") == (
        "http://10.99.7.1:8080/boot.ipxe?mac=${mac}&uuid=${uuid}&serial=${serial:uristring}&firmware=${platform}"
    )
    longest = replace(CONFIG, base_url="http://255.255.255.255:65535")
    boots = [line.rpartition(",")[2] for line in _lines(longest) if line.startswith("dhcp-boot=")]
    assert max(map(len, boots)) < 128  # the field of a DHCP packet that holds it


def test_nobody_is_sent_here_for_the_way_out_unless_there_is_one() -> None:
    assert "dhcp-option=option:router" in _lines(CONFIG)
    assert "ra-param=admin0,60,0" in _lines(CONFIG)
    gateway = replace(CONFIG, gateway=IPv4Address("10.99.7.254"), name_servers=(IPv4Address("10.99.7.253"),))
    assert "dhcp-option=option:router,10.99.7.254" in _lines(gateway)
    assert "dhcp-option=option:dns-server,10.99.7.253" in _lines(gateway)


def test_only_known_machines_without_a_range() -> None:
    assert "dhcp-range=10.99.7.0,static,255.255.255.0,3600" in _lines(replace(CONFIG, dynamic=None))


def test_beside_another_dhcp_server_it_gives_no_address() -> None:
    lines = _lines(replace(CONFIG, mode=DhcpMode.PROXY))
    assert [line for line in lines if line.startswith("dhcp-range")] == ["dhcp-range=10.99.7.0,proxy,255.255.255.0"]
    assert not {"enable-ra", "dhcp-authoritative"} & set(lines)
    assert "pxe-service=tag:!ipxe,x86PC,Crowbar,undionly.kpxe" in lines


def test_names_are_answered_where_wanted() -> None:
    dns = replace(CONFIG, dns=Dns((IPv4Address("10.99.7.9"),)), domain="cloud.example")
    lines = _lines(dns)
    assert "port=0" not in lines
    assert {"server=10.99.7.9", "local=/cloud.example/", "addn-hosts=/run/crowbar/dnsmasq/names"} <= set(lines)
    assert "dhcp-option=option:dns-server,10.99.7.1" in lines
    assert render_names([host(20, "node1"), host(21)]) == "10.99.7.20 node1\n"


def test_the_advertised_prefix_is_local_and_the_networks_own() -> None:
    prefix = CONFIG.advertised
    assert prefix is not None and prefix.prefixlen == 64 and prefix.is_private
    assert prefix == replace(CONFIG, interface="eth1").advertised
    assert prefix != replace(CONFIG, network=IPv4Network("10.99.8.0/24")).advertised
    assert replace(CONFIG, advertise=False).advertised is None


def test_all_faults_of_a_configuration_are_told_at_once() -> None:
    wrong = replace(
        CONFIG,
        interface="eth0\nuser=root",
        address=IPv4Address("10.1.1.1"),
        base_url="http://x/\ndhcp-script=/bin/sh",
        dynamic=(IPv4Address("10.99.7.9"), IPv4Address("10.99.7.8")),
        gateway=IPv4Address("192.0.2.1"),
        domain="a b",
        lease_seconds=1,
    )
    with pytest.raises(InputError) as caught:
        render_config(wrong, FILES, "dnsmasq")
    places = [fault.place.removeprefix("dhcp ") for fault in caught.value.faults]
    assert places == ["interface", "address", "base_url", "gateway", "domain", "lease_seconds", "dynamic"]


def test_a_range_may_not_have_the_admin_hosts_address() -> None:
    with pytest.raises(InputError, match="own address"):
        render_config(replace(CONFIG, dynamic=(IPv4Address("10.99.7.1"), IPv4Address("10.99.7.9"))), FILES, "dnsmasq")


def test_hosts_are_one_a_line_and_in_order() -> None:
    text = render_hosts([host(200), host(30, "node1.cloud.example")], CONFIG)
    assert text == "52:54:00:00:00:1e,10.99.7.30,node1.cloud.example\n52:54:00:00:00:c8,10.99.7.200\n"


def test_all_faults_of_hosts_are_told_at_once() -> None:
    hosts = [host(20, "a"), replace(host(21, "b"), mac="52:54:00:00:00:14"), replace(host(20, "c"), mac="any,ignore")]
    strange = [replace(host(22), address=IPv4Address("192.0.2.1")), host(23, "set:known")]
    with pytest.raises(InputError) as caught:
        render_hosts([*hosts, *strange], CONFIG)
    told = "\n".join(map(str, caught.value.faults))
    for part in ("52:54:00:00:00:14 is another", "10.99.7.20 is another", "'any,ignore'", "192.0.2.1", "'set:known'"):
        assert part in told
