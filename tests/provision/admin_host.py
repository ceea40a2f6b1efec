"""An admin host that systemd runs: this host's own root below an overlay, booted in a container of systemd-nspawn."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from crowbar.rack import cgroup

ROOT = Path(__file__).parents[2]
# A tmpfs or a disk of its own may hold them, and /tmp in a unit is the unit's own: they are put where they are here.
PROGRAM = tuple(dict.fromkeys(Path(path).resolve() for path in (ROOT, sys.prefix, sys.base_prefix)))
PATIENCE = 90.0  # seconds to boot; an idle host needs five


@dataclass(frozen=True)
class AdminHost:
    """The container: ``root`` is its root as this host sees it, ``pid`` its first process."""

    root: Path
    pid: int

    def tried(self, *argv: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """A command in it, as its root has it."""
        inside = ["nsenter", "--all", f"--target={self.pid}", "--", *argv]
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=seconds)

    def run(self, *argv: str, seconds: float = 120) -> str:
        """A command that must succeed; its stdout."""
        done = self.tried(*argv, seconds=seconds)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


@contextmanager
def admin_host(folder: Path, namespace: str) -> Iterator[AdminHost]:
    """Boot it with the network of that namespace; all is gone afterwards. ``folder`` is new, and has its console."""
    unit = f"crowbar-test-{namespace}"
    # Overlays do not stand on what holds their lower layer: the upper one is on a tmpfs.
    with _mounted(folder, "-t", "tmpfs", "-o", "size=4G", "tmpfs"):
        upper, work, root = (folder / name for name in ("upper", "work", "root"))
        for path in (upper, work, root):
            path.mkdir()
        with _mounted(root, "-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", "overlay"):
            (root / "etc/machine-id").write_text("")  # else its journal would be among this host's own
            argv = cgroup.joined(unit, _nspawn(root, namespace))
            with (folder.parent / f"{folder.name}.log").open("ab") as log:
                process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                yield _booted(root, process)
            finally:
                process.terminate()  # it is told to shut down
                with suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                cgroup.remove(unit)
                process.wait(10)


def _nspawn(root: Path, namespace: str) -> Sequence[str]:
    return [
        "systemd-nspawn",
        "--quiet",
        f"--directory={root}",
        f"--machine={namespace}",
        f"--network-namespace-path=/run/netns/{namespace}",
        "--capability=CAP_NET_ADMIN",  # which a container with a network of its own has by itself
        *("--register=no", "--keep-unit", "--link-journal=no", "--timezone=off", "--resolv-conf=off"),
        *(f"--bind-ro={path}" for path in PROGRAM if not path.is_relative_to("/usr")),
        "--boot",
    ]


def _booted(root: Path, process: subprocess.Popen[bytes]) -> AdminHost:
    deadline = time.monotonic() + PATIENCE
    seen = ""
    while process.poll() is None:
        for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split():
            host = AdminHost(root, int(pid))
            seen = host.tried("systemctl", "is-system-running").stdout.strip()
            if seen in {"running", "degraded"}:  # a container may lack what one of this host's own units needs
                return host
        assert time.monotonic() < deadline, f"it does not come up: {seen}"
        time.sleep(0.2)
    raise AssertionError("systemd-nspawn ended")


@contextmanager
def _mounted(at: Path, *words: str) -> Iterator[None]:
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", *words, str(at)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--recursive", str(at)], check=True)
        shutil.rmtree(at, ignore_errors=True)  # an empty folder, or one that the next mount takes away
