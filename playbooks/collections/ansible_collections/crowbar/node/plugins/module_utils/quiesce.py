"""Installs Debian packages so that nothing they bring starts, neither now nor at a boot. Standard library only.

Debian's packages start their services when they are installed and at every boot, and OpenStack's units want each
other's. So while packages are installed policy-rc.d forbids any start, and afterwards each unit that came with them
is masked. A role unmasks what it runs (module `units`). Not masked are the base system (packages of priority required
or important, systemd, D-Bus, SSH, gettys), units that nothing starts by itself, and templates.

It runs by itself too, as the image build does:

    python3 quiesce.py [--root DIR] [--keep UNIT]... [--unsafe-io] [--mask-only] PACKAGE...

--root DIR    the system to install into (default /); another one than / is entered by chroot
--keep UNIT   do not mask this unit; may be repeated
--unsafe-io   let dpkg skip its syncs: for an image that is thrown away when its build is interrupted
--mask-only   install nothing; mask the units of the named packages, which are installed

It prints each masked unit, and ends with the exit status of apt-get.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

_POLICY = "#!/bin/sh\n# Crowbar: no service starts while packages are installed.\nexit 101\n"
_NEVER = re.compile(
    r"^(systemd-|dbus|ssh[.@d]|getty|console-getty|serial-getty|container-getty|user@|emergency|rescue)"
)
_BASE_PACKAGES = re.compile(r"^(systemd|udev|dbus|openssh-server|libpam-)")
_BASE_PRIORITIES = ("required", "important")
_UNIT = re.compile(r"^/(?:usr/)?lib/systemd/system/(?P<name>[^/]+\.(?:service|socket|timer|path|target))$")
_SCRIPT = re.compile(r"^/etc/init\.d/(?P<name>[^/]+)$")
_STARTS_ITSELF = re.compile(r"^\s*(WantedBy|RequiredBy|Also|Alias)\s*=", re.MULTILINE)
_APT = ("apt-get", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")
_KEEP_CONFIG = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")


class QuiesceError(Exception):
    """A program failed; the message holds the end of what it printed."""


class System:
    """A Debian root, running (``/``) or not."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def at(self, path: str) -> Path:
        """Where the system's absolute ``path`` is, seen from here."""
        return self.root / path.lstrip("/")

    @property
    def runs(self) -> bool:
        """Whether this is the system we run in, with systemd."""
        return self.root == Path("/") and Path("/run/systemd/system").is_dir()

    def run(self, *argv: str) -> str:
        """What the program printed. Raises QuiesceError if it failed."""
        inside = [] if self.root == Path("/") else ["chroot", str(self.root)]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*inside, *argv], capture_output=True, text=True, errors="replace", env=environment, check=False
        )
        if done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines()[-30:]
            raise QuiesceError("\n".join([f"{' '.join(argv[:2])} failed with status {done.returncode}:", *said]))
        return done.stdout

    def installed(self) -> dict[str, str]:
        """The installed packages: name -> priority."""
        rows = self.run("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Priority}\n").splitlines()
        return {
            name: priority
            for status, name, priority in (f"{row} - -".split()[:3] for row in rows)
            if status == "installed"
        }


def missing(system: System, packages: Iterable[str]) -> list[str]:
    """Those of ``packages`` that are not installed, sorted."""
    return sorted(set(packages) - set(system.installed()))


def unfinished(system: System) -> bool:
    """Whether an earlier `install` was killed before it had masked the units it brought."""
    return _journal(system).exists()


def install(system: System, packages: Sequence[str], keep: Collection[str] = (), unsafe_io: bool = False) -> list[str]:
    """Install ``packages`` and mask what they brought but ``keep``; the names of the units now masked.

    What was there before is written down first, so that the next run after a killed one masks all it left.
    Raises QuiesceError if apt-get failed; what was installed until then is masked all the same.
    """
    journal = _journal(system)
    resumed = journal.exists()
    before = frozenset(json.loads(journal.read_text())) if resumed else frozenset(system.installed())
    if not resumed:
        journal.parent.mkdir(parents=True, exist_ok=True)
        partial = journal.with_suffix(".new")
        partial.write_text(json.dumps(sorted(before)))
        partial.replace(journal)
    own_policy = _forbid_starts(system)
    try:
        if resumed:
            system.run("dpkg", "--configure", "-a", "--force-confdef", "--force-confold")
        _apt_install(system, packages, unsafe_io)
    finally:
        masked = mask(system, set(system.installed()) - before, keep)
        if own_policy:
            system.at("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
        journal.unlink(missing_ok=True)
    return masked


def mask(system: System, packages: Collection[str], keep: Collection[str] = ()) -> list[str]:
    """Mask the units that ``packages`` (installed) brought, but not ``keep``; their names, sorted."""
    priorities = system.installed()
    guests = sorted(
        name for name in packages if priorities.get(name) not in _BASE_PRIORITIES and not _BASE_PACKAGES.match(name)
    )
    if not guests:
        return []
    paths = system.run("dpkg-query", "-L", *guests).splitlines()
    masked = [unit for unit in units_to_mask(system, paths) if unit not in keep and _mask_one(system, unit)]
    if masked and system.runs:
        system.run("systemctl", "daemon-reload")
    return masked


def units_to_mask(system: System, paths: Iterable[str]) -> list[str]:
    """The units among ``paths`` that something would start: with an [Install] section, or made of an init script."""
    units: set[str] = set()
    scripts: set[str] = set()
    for path in paths:
        if unit := _UNIT.match(path):
            units.update(_names_if_started(system.at(path), unit["name"]))
        elif script := _SCRIPT.match(path):
            scripts.add(script["name"])
    units.update(f"{name}.service" for name in scripts if not _has_unit(system, name))
    return sorted(unit for unit in units if not _NEVER.match(unit))


def _names_if_started(path: Path, name: str) -> list[str]:
    """The unit's name, if something would start it and it is neither a template nor another's alias.

    An alias needs no mask, as it cannot be loaded while its unit is masked, and had better not have one, which would
    be in the way of enabling its unit.
    """
    if "@" in name or path.is_symlink() or not path.is_file():
        return []
    starts = _STARTS_ITSELF.search(path.read_text(errors="replace"))
    return [name] if starts else []


def _has_unit(system: System, script: str) -> bool:
    folders = ("/usr/lib/systemd/system", "/etc/systemd/system")
    return any(os.path.lexists(system.at(f"{folder}/{script}.service")) for folder in folders)


def _mask_one(system: System, unit: str) -> bool:
    """Mask ``unit``; whether it was not masked before. A real file in /etc is somebody's own: it is left."""
    path = system.at(f"/etc/systemd/system/{unit}")
    if path.is_symlink():
        if path.readlink() == Path("/dev/null"):
            return False
        path.unlink()  # the link of an alias, made when the package enabled its unit
    elif path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/dev/null")
    return True


def _forbid_starts(system: System) -> bool:
    """Put policy-rc.d in place; whether it is ours to remove."""
    path = system.at("/usr/sbin/policy-rc.d")
    if path.exists() and path.read_text() != _POLICY:
        return False
    path.write_text(_POLICY)
    path.chmod(0o755)
    return True


def _apt_install(system: System, packages: Sequence[str], unsafe_io: bool) -> None:
    options = [*_KEEP_CONFIG, *(("-o", "Dpkg::Options::=--force-unsafe-io") if unsafe_io else ())]
    command = [*_APT, *options, "install", *packages]
    try:
        system.run(*command)
    except QuiesceError:
        # The lists may be older than the mirror's packages: once more with new ones.
        unheard = _apt_update(system)
        try:
            system.run(*command)
        except QuiesceError as error:
            raise QuiesceError(f"{unheard}\n{error}".strip()) from error


def _apt_update(system: System) -> str:
    """Read the lists anew; what a mirror did not give, or "". By itself, apt-get takes that for no error."""
    try:
        system.run(*_APT, "-o", "APT::Update::Error-Mode=any", "update")
    except QuiesceError as error:
        return str(error)
    return ""


def _journal(system: System) -> Path:
    return system.at("/var/lib/crowbar/installing.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--keep", action="append", default=[], metavar="UNIT")
    parser.add_argument("--unsafe-io", action="store_true")
    parser.add_argument("--mask-only", action="store_true")
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    options = parser.parse_args(arguments)
    system = System(options.root.resolve())
    try:
        if options.mask_only:
            masked = mask(system, options.packages, options.keep)
        else:
            masked = install(system, options.packages, options.keep, options.unsafe_io)
    except QuiesceError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(f"masked {unit}" for unit in masked))
    return 0


if __name__ == "__main__":
    sys.exit(main())
