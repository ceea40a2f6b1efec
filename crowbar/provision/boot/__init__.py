"""What a machine boots from the network: iPXE, and the scripts that it is given."""

from crowbar.provision.boot.binaries import find_binaries, place_binaries
from crowbar.provision.boot.request import BootRequest, parse_request
from crowbar.provision.boot.script import boot_script_url, discover_script, local_disk_script, wait_script

__all__ = [
    "BootRequest",
    "boot_script_url",
    "discover_script",
    "find_binaries",
    "local_disk_script",
    "parse_request",
    "place_binaries",
    "wait_script",
]
