"""One way to run a program of the admin host for the checks: bounded in time, and told of in full when it fails."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from crowbar.errors import EnvironmentFault

PACKAGES_HINT = "Install the admin host's packages with scripts/setup.sh, then run `crowbar verify` again."


def run(argv: Sequence[str | Path], *, why: str, cwd: Path | None = None, timeout: float = 120) -> str:
    """Run ``argv`` and return its standard output. ``why`` says what it is for; ``timeout`` is in seconds.

    Raises EnvironmentFault, naming the command (to be pasted) and the last lines it wrote.
    """
    words = [str(word) for word in argv]
    pasteable = shlex.join(words)
    try:
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise EnvironmentFault(f"Cannot {why}: there is no program {words[0]!r}.", hint=PACKAGES_HINT) from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(f"Cannot {why}: `{pasteable}` took more than {timeout:g} s.") from error
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise EnvironmentFault(f"Cannot {why}: `{pasteable}` ended with {done.returncode}:\n{tail}")
    return done.stdout
