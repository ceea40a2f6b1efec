"""One run of mmdebstrap: the argument vector, and what its output says about how far it is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from crowbar.errors import EnvironmentFault

_HOOKS = Path(__file__).parent / "hooks"
_EATMYDATA = Path("/usr/share/mmdebstrap/hooks/eatmydata")
# All of it dies with us, by whatever signal, and its mounts are in nobody else's namespace: an interrupted
# build leaves files only.
_CONFINED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

_TELL_EVERY = 100
_TOLD = "crowbar: "  # what hooks say to people begins so

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Inputs:
    """The files that a run reads, and the folders it fills. ``cache`` is on the same file system as ``root``."""

    root: Path
    cache: Path
    sources: Path
    settings: Path  # as the host reaches the archives
    node_settings: Path  # as a node will
    logins: Path


def command(packages: Iterable[str], release: str, inputs: Inputs, *, customize: Iterable[str] = ()) -> list[str]:
    """The argument vector that installs the packages into the root, in one go, and runs more customize hooks then."""
    fill = 'mkdir -p "$1/var/cache/apt/archives"; ln {cache}/*.deb "$1/var/cache/apt/archives/" 2>/dev/null || true'
    files = [inputs.cache, inputs.node_settings, inputs.logins]
    hooks = {
        "setup": fill.format(cache=shlex.quote(str(inputs.cache))),
        **{stage: f'sh {shlex.quote(str(_HOOKS / stage))}.sh "$1"' for stage in ("extract", "essential")},
        "customize": f'sh {shlex.quote(str(_HOOKS / "customize.sh"))} "$1" {shlex.join(map(str, files))}',
    }
    return [
        *_CONFINED,
        "mmdebstrap",
        "--verbose",
        "--mode=root",
        "--format=directory",
        "--variant=minbase",
        f"--include={' '.join(packages)}",
        # dpkg's and the maintainer scripts' syncs protect nothing here: an interrupted build is thrown away.
        f"--hook-dir={_EATMYDATA}",
        *(f"--{stage}-hook={script}" for stage, script in hooks.items()),
        *(f"--customize-hook={script}" for script in customize),
        "--skip=essential/unlink",
        '--aptopt=Apt::Install-Recommends "false"',
        f"--aptopt={inputs.settings}",
        f'--aptopt=Dir::Etc::Netrc "{inputs.logins}"',
        "--dpkgopt=force-unsafe-io",
        release,
        str(inputs.root),
        str(inputs.sources),
    ]


@dataclass
class Counter:
    """Reads mmdebstrap's output line by line, and tells how many packages are done of how many."""

    progress: Progress
    total: int = 0
    seen: dict[str, int] = field(default_factory=lambda: {"Get:": 0, "Unpacking ": 0, "Setting up ": 0})

    _WORDS: ClassVar = {"Get:": "downloaded", "Unpacking ": "unpacked", "Setting up ": "configured"}

    def read(self, line: str) -> None:
        """Take one line in; tells the progress at every hundredth package."""
        if found := re.search(r"(?:^|, )(\d+) newly installed", line):
            self.total = int(found[1])
            self.seen = dict.fromkeys(self.seen, 0)
            self.progress(f"installing {self.total} packages")
        elif found := re.match(r"Need to get (.+) of archives", line):
            self.progress(f"downloading {found[1]}")
        elif line.startswith(_TOLD):
            self.progress(line.removeprefix(_TOLD).rstrip())
        for start, word in self._WORDS.items():
            if line.startswith(start) and self.total:
                self.seen[start] += 1
                self._tell(word, self.seen[start])

    def _tell(self, word: str, count: int) -> None:
        if count == self.total or count % _TELL_EVERY == 0:
            self.progress(f"{word} {count} of {self.total} packages")


def run(argv: list[str], log: Path, progress: Progress, *, what: str = "node image") -> None:
    """Run mmdebstrap, its output into ``log``.

    Raises EnvironmentFault with APT's own words if it fails. An exception (Ctrl-C, too) ends it at once.
    """
    last: deque[str] = deque(maxlen=400)
    counter = Counter(progress)
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C comes to us, not to dpkg in the middle of a package
            env=_environment(),
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                kept.write(line)
                last.append(line.rstrip())
                counter.read(line)
            status = process.wait()
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            raise
    if status != 0:
        raise EnvironmentFault(
            f"The {what} could not be built: {_reason(last) or f'mmdebstrap ended with {status}'}",
            hint=f"All that mmdebstrap said is in {log}.",
        )


def _environment() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def _reason(lines: Iterable[str]) -> str:
    told = [line for line in lines if line.startswith(("E: ", "dpkg: error", "dpkg-deb: error"))]
    return "; ".join(line.removeprefix("E: ") for line in dict.fromkeys(told) if "mmdebstrap failed to run" not in line)
