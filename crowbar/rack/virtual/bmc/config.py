"""The two files that OpenIPMI's ipmi_sim is started with."""

from __future__ import annotations

import uuid

from crowbar.rack.virtual.bmc.sdr import SENSORS
from crowbar.rack.virtual.record import LinkRecord, MachineRecord

_AUTHS = "none md2 md5 straight"
_LEVELS = ("callback", "user", "operator", "admin")


def lan_conf(machine: MachineRecord, password: str) -> str:
    """Its network side, user, console, and the programs it asks. It has the password: it is for root's eyes alone."""
    guid = uuid.UUID(machine.uuid).bytes_le.hex()  # as SMBIOS has it
    lines = [
        f'name "{machine.name}"',
        "set_working_mc 0x20",
        "startlan 1",
        f"  addr {machine.bmc.address} 623",
        "  priv_limit admin",
        *(f"  allowed_auths_{level} {_AUTHS}" for level in _LEVELS),
        f"  guid {guid}",
        '  lan_config_program "./lan-settings"',
        "endlan",
        'chassis_control "./chassis"',
        f"serial 15 127.0.0.1 {machine.kcs_port} codec VM",
        f'sol "tcp:127.0.0.1:{machine.serial_port}" 115200',
        "startnow false",
        f'user 2 true "{machine.bmc.username}" "{password}" admin 10 {_AUTHS}',
    ]
    return "\n".join(lines) + "\n"


def emulator(machine: MachineRecord) -> str:
    """What it consists of: one controller, its event log, sensors, and the inventory in fru.bin."""
    guid = uuid.UUID(machine.uuid).bytes_le.hex()
    lines = [
        "mc_setbmc 0x20",
        "mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr",
        "sel_enable 0x20 1000 0x0a",
        *(line for sensor in SENSORS for line in sensor.commands()),
        'mc_add_fru_data 0x20 0 512 file 0 "fru.bin"',
        f"mc_set_guid 0x20 {guid}",
        "mc_enable 0x20",
    ]
    return "\n".join(lines) + "\n"


def lan_values(machine: MachineRecord, network: LinkRecord) -> str:
    """What `lan-settings` answers: a line for each parameter that the simulator does not keep itself."""
    values = {
        "ip_addr": machine.bmc.address,
        "ip_addr_src": "static",
        "mac_addr": machine.bmc.mac,
        "subnet_mask": str(network.network.netmask),
        "default_gw_ip_addr": str(network.address),
        "default_gw_mac_addr": "00:00:00:00:00:00",
        "backup_gw_ip_addr": "0.0.0.0",  # noqa: S104 - none
        "backup_gw_mac_addr": "00:00:00:00:00:00",
    }
    return "".join(f"{name}:{value}\n" for name, value in values.items())
