"""Running a program to its end, as another user where wanted."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KEPT = 1 << 20
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Finished:
    """How a program ended: its exit status and the end of what it printed (both streams, as they came)."""

    status: int
    output: str


def run(
    argv: Sequence[str],
    user: str = "root",
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Finished:
    """Run ``argv`` as ``user`` with a clean environment plus ``env``; the last megabyte of its output is kept.

    A program that is not there or takes longer than ``timeout`` seconds is reported like one that failed.
    """
    account = pwd.getpwnam(user)
    other: dict[str, Any] = {} if account.pw_uid == os.geteuid() else _identity(account)
    clean = {"PATH": _PATH, "LC_ALL": "C.UTF-8", "HOME": account.pw_dir, "USER": user, "LOGNAME": user}
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            env={**clean, **(env or {})},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            **other,
        )
    except subprocess.TimeoutExpired:
        return Finished(124, f"no end after {timeout:g} s")
    except OSError as error:
        return Finished(127, f"{argv[0]}: {error.strerror}")
    return Finished(done.returncode, done.stdout.strip()[-_KEPT:])


def _identity(account: pwd.struct_passwd) -> dict[str, object]:
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
