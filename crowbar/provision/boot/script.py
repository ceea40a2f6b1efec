"""What iPXE is told to do, as its scripts. Machines say who they are when they fetch one, and fetch again for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable

from crowbar_inventory.hardware import BootMode

BOOT_SCRIPT_PATH = "/boot.ipxe"
CONSOLES = ("console=tty0", "console=ttyS0,115200")  # the last one is /dev/console
_RETRY_SECONDS = 10
# iPXE fills these in: in the DHCP answer as well as in its scripts.
_QUERY = "mac=${mac}&uuid=${uuid}&serial=${serial:uristring}&firmware=${platform}"
_NO_ARGUMENT = re.compile(r"[^A-Za-z0-9:/._=,+@%~-]")
_NO_TEXT = re.compile(r"[^A-Za-z0-9 .,:_()/+=@%-]+")
_LONGEST_TEXT = 300


def boot_script_url(base_url: str) -> str:
    """The address at which a machine's script is asked for, with iPXE's own variables in it."""
    return f"{base_url}{BOOT_SCRIPT_PATH}?{_QUERY}"


def discover_script(
    base_url: str, system_digest: str, token: str | None, mac: str, arguments: Iterable[str] = ()
) -> str:
    """Boot the discovery system of this digest, which is to call back with the token (None: as a stranger).

    ``arguments`` are more words for the kernel's command line. Raises ValueError for what is no single word.
    """
    system = f"{base_url}/discovery/{system_digest}"
    words = [
        "initrd=initrd",  # UEFI finds it by this name only
        *CONSOLES,
        f"BOOTIF=01-{mac.replace(':', '-')}",
        f"crowbar.url={base_url}",
        *([f"crowbar.token={token}"] if token is not None else []),
        "quiet",  # a serial line is slow, and what the agent says on it shall be seen
        "panic=60",  # a kernel that cannot go on starts over, in place of waiting for somebody
        *arguments,
    ]
    for word in (system, *words):
        _check(word)
    return _script(
        "echo Crowbar: fetching the discovery system",
        f"kernel {system}/vmlinuz {' '.join(words)} || goto failed",
        f"initrd --name initrd {system}/initrd || goto failed",
        "boot || goto failed",
        ":failed",
        "imgfree",
        f"echo Crowbar: the discovery system could not be started. Trying again in {_RETRY_SECONDS} seconds.",
        *_ask_again(base_url, _RETRY_SECONDS),
    )


def local_disk_script(firmware: BootMode) -> str:
    """Boot from the first disk. UEFI has an order of its own: it goes on to the next entry when iPXE fails.

    That takes minutes where the card's other protocols come first (OVMF): better is an order that has the disk first.
    """
    if firmware is BootMode.UEFI:
        # With success, firmware would take the boot for done, and show its menu. iPXE itself sees no disks here, as
        # firmware has connected only what it boots from.
        return _script("echo Crowbar: starting from the disk", "exit 1")
    return _script(
        "echo Crowbar: starting from the disk",
        "sanboot --no-describe --drive 0x80 || goto failed",
        ":failed",
        "echo Crowbar: the first disk does not boot. Going on with what else the firmware has.",
        "exit 1",
    )


def wait_script(base_url: str, message: str, seconds: int) -> str:
    """Say on the console why nothing happens, and ask again after so many seconds. ``message`` may be anything."""
    lines = [" ".join(_NO_TEXT.sub(" ", line).split()) for line in message[:_LONGEST_TEXT].splitlines()]
    return _script(*(f"echo Crowbar: {line}" for line in lines if line), *_ask_again(base_url, seconds))


def _ask_again(base_url: str, seconds: int) -> list[str]:
    url = boot_script_url(base_url)
    return [":again", f"sleep {seconds}", f"chain --autofree --replace {url} || goto again"]


def _script(*lines: str) -> str:
    return "\n".join(["#!ipxe", *lines, ""])


def _check(word: str) -> None:
    if not word or _NO_ARGUMENT.search(word):
        raise ValueError(f"{word!r} cannot be a word of a boot script")
