"""iPXE's programs, as Debian's package `ipxe` has them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from crowbar.errors import EnvironmentFault

BIOS_FILE = "undionly.kpxe"  # drives the card by the firmware's own network code, so any card works
UEFI_FILE = "snponly.efi"  # likewise
_FOLDERS = (Path("/usr/lib/ipxe"), Path("/boot"))


def find_binaries(folders: tuple[Path, ...] = _FOLDERS) -> Mapping[str, Path]:
    """The programs by the names they are served under. Raises EnvironmentFault if one is not there."""
    found = {
        name: folder / name
        for name in (BIOS_FILE, UEFI_FILE)
        for folder in reversed(folders)
        if (folder / name).is_file()
    }
    missing = [name for name in (BIOS_FILE, UEFI_FILE) if name not in found]
    if missing:
        raise EnvironmentFault(
            f"iPXE is missing ({', '.join(missing)}): machines cannot boot from the network without it.",
            hint="Run `apt-get install ipxe`, or `make setup`, which does it.",
        )
    return found


def place_binaries(folder: Path, binaries: Mapping[str, Path] | None = None) -> None:
    """Copy the programs where anybody may read them; one that is being fetched meanwhile stays whole."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name, source in (find_binaries() if binaries is None else binaries).items():
        partial = folder / f".{name}"
        shutil.copyfile(source, partial)
        partial.chmod(0o644)
        partial.replace(folder / name)
