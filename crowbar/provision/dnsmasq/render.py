"""dnsmasq's files, made of values and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crowbar.errors import InputError
from crowbar.provision.boot.binaries import BIOS_FILE, UEFI_FILE
from crowbar.provision.boot.script import boot_script_url
from crowbar.provision.dnsmasq.config import DhcpConfig, DhcpHost, DhcpMode, config_faults, host_faults

UEFI_HTTP_PATH = f"/ipxe/{UEFI_FILE}"  # below the base URL: what firmware fetches that boots by HTTP, without TFTP
_PREFIX_SECONDS = 120
_MOST_LEASES = 65536
# Client architectures (RFC 4578): BIOS; x86-64 UEFI under its two numbers; x86-64 UEFI that boots by HTTP.
_ARCHITECTURES = {0: "bios", 7: "efi64", 9: "efi64", 16: "efihttp"}
_PXE_SERVICES = {"x86PC": BIOS_FILE, "BC_EFI": UEFI_FILE, "x86-64_EFI": UEFI_FILE}


@dataclass(frozen=True)
class Files:
    """Where dnsmasq's files are, all below one folder."""

    folder: Path

    @property
    def config(self) -> Path:
        """What it is started with."""
        return self.folder / "dnsmasq.conf"

    @property
    def hosts(self) -> Path:
        """The known machines; read again at SIGHUP."""
        return self.folder / "hosts"

    @property
    def names(self) -> Path:
        """The known machines' names for DNS; read again at SIGHUP."""
        return self.folder / "names"

    @property
    def leases(self) -> Path:
        """What it gave to whom."""
        return self.folder / "leases"

    @property
    def pid(self) -> Path:
        """Its process id."""
        return self.folder / "pid"

    @property
    def tftp(self) -> Path:
        """The files that it serves to anybody."""
        return self.folder / "tftp"


def render_config(config: DhcpConfig, files: Files, user: str) -> str:
    """The configuration file. Raises InputError with all faults."""
    faults = config_faults(config)
    if faults:
        raise InputError("DHCP cannot be served like this.", faults=faults)
    lines = [*_process(config, files, user), *_names(config, files), *_addresses(config, files)]
    return "\n".join([*lines, *_advertisements(config), *_boot(config), ""])


def render_hosts(hosts: Iterable[DhcpHost], config: DhcpConfig) -> str:
    """The file of known machines, in the order of their addresses. Raises InputError with all faults."""
    known = sorted(hosts, key=lambda host: host.address)
    faults = host_faults(known, config.network)
    if faults:
        raise InputError("The known machines cannot be told to DHCP.", faults=faults)
    rows = (",".join(filter(None, (host.mac, str(host.address), host.name))) for host in known)
    return "".join(f"{row}\n" for row in rows)


def render_names(hosts: Iterable[DhcpHost]) -> str:
    """The known machines as dnsmasq's DNS reads them (hosts(5))."""
    return "".join(f"{host.address} {host.name}\n" for host in hosts if host.name)


def _process(config: DhcpConfig, files: Files, user: str) -> Iterator[str]:
    yield f"user={user}"
    yield f"pid-file={files.pid}"
    yield f"interface={config.interface}"
    yield "except-interface=lo"
    yield "bind-interfaces"
    yield "log-async=100"  # it serves on while its log is not read
    yield "no-resolv"
    yield "no-hosts"
    yield "enable-tftp"
    yield f"tftp-root={files.tftp}"
    yield "tftp-max=1000"  # a rack that is switched on at once; 50 by default


def _names(config: DhcpConfig, files: Files) -> Iterator[str]:
    if config.dns is None:
        yield "port=0"
        return
    yield f"addn-hosts={files.names}"
    if config.domain:
        yield "expand-hosts"
        yield f"local=/{config.domain}/"
    yield from (f"server={server}" for server in config.dns.upstream)


def _addresses(config: DhcpConfig, files: Files) -> Iterator[str]:
    yield f"dhcp-leasefile={files.leases}"
    if config.mode is DhcpMode.PROXY:
        yield f"dhcp-range={config.network.network_address},proxy,{config.network.netmask}"
        return
    yield f"dhcp-hostsfile={files.hosts}"
    first, last = map(str, config.dynamic) if config.dynamic else (str(config.network.network_address), "static")
    yield f"dhcp-range={first},{last},{config.network.netmask},{config.lease_seconds}"
    yield "dhcp-authoritative"
    yield f"dhcp-lease-max={min(config.network.num_addresses, _MOST_LEASES)}"
    # A ping first makes the offer late, and iPXE then goes on with IPv6 alone.
    yield "no-ping"
    # Firmware, iPXE and the ramdisk call the same card by different client identifiers: one address is enough.
    yield "dhcp-ignore-clid"
    yield "dhcp-ignore-names"  # a machine's name is ours to say
    if config.domain:
        yield f"domain={config.domain}"
    yield f"dhcp-option=option:router{f',{config.gateway}' if config.gateway else ''}"
    servers = (config.address,) if config.dns is not None else config.name_servers
    if servers:
        yield f"dhcp-option=option:dns-server,{','.join(map(str, servers))}"


def _advertisements(config: DhcpConfig) -> Iterator[str]:
    prefix = config.advertised
    if prefix is None:
        return
    yield "enable-ra"
    # Nobody needs an address of it: what machines make of it is gone soon after us.
    yield f"dhcp-range={prefix.network_address},ra-only,{prefix.prefixlen},{_PREFIX_SECONDS}"
    yield f"ra-param={config.interface},60,0"  # a router's lifetime of 0: nobody shall send its packets here
    yield "quiet-ra"


def _boot(config: DhcpConfig) -> Iterator[str]:
    yield "dhcp-match=set:ipxe,175"
    yield from (f"dhcp-match=set:{tag},option:client-arch,{number}" for number, tag in _ARCHITECTURES.items())
    yield f"dhcp-boot=tag:ipxe,{boot_script_url(config.base_url)}"
    if config.mode is DhcpMode.PROXY:
        yield from (f"pxe-service=tag:!ipxe,{name},Crowbar,{file}" for name, file in _PXE_SERVICES.items())
        return
    yield f"dhcp-boot=tag:!ipxe,tag:bios,{BIOS_FILE}"
    yield f"dhcp-boot=tag:!ipxe,tag:efi64,{UEFI_FILE}"
    yield f"dhcp-boot=tag:!ipxe,tag:efihttp,{config.base_url}{UEFI_HTTP_PATH}"
    yield "dhcp-option-force=tag:efihttp,60,HTTPClient"
    yield "dhcp-option=encap:175,176,1b"  # iPXE need not wait for another server's boot answer
