"""The one place where an error becomes a message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import click

from crowbar.errors import CrowbarError, EnvironmentFault
from crowbar_cli.output import note, show_json

INTERRUPTED = 130
_HOST_ERRNOS = {
    errno.EACCES: "Run it as root, or point --state-dir at a folder of yours.",
    errno.EPERM: "Run it as root, or point --state-dir at a folder of yours.",
    errno.EROFS: "Point --state-dir at a folder that can be written.",
    errno.ENOSPC: "Make room there, then run the same command: it goes on from where it was.",
}


def wants_json(words: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; read from the words, for it must hold where parsing them failed."""
    return "--output=json" in words or ("--output", "json") in pairwise(words)


def guarded(run: Callable[[], Any], *, json: bool) -> int:
    """Call ``run``; return the process's exit code, having told the user what went wrong, if anything did.

    What a user or the host caused is told in words; anything else is a defect of Crowbar's own and keeps its
    traceback.
    """
    try:
        result = run()
        sys.stdout.flush()
    except click.ClickException as error:
        return _tell(_usage(error), json=json)
    except CrowbarError as error:
        return _tell(error, json=json)
    except (KeyboardInterrupt, click.Abort):
        return _stopped(json=json)
    except BrokenPipeError:
        # The reader of our output has left: there is nobody to tell, and the interpreter's last flush must not try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in _HOST_ERRNOS:
            raise
        return _tell(_host_fault(error), json=json)
    return result if isinstance(result, int) else 0


def _usage(error: click.ClickException) -> CrowbarError:
    context = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help" if context else ""
    fault = CrowbarError(error.format_message(), hint=hint)
    fault.exit_code = error.exit_code
    return fault


def _host_fault(error: OSError) -> EnvironmentFault:
    where = f"{error.filename}: " if error.filename else ""
    return EnvironmentFault(f"{where}{error.strerror}.", hint=_HOST_ERRNOS[error.errno or 0])


def _tell(error: CrowbarError, *, json: bool) -> int:
    note(f"crowbar: {error}")  # it may quote what a machine said
    if json:
        show_json(
            {
                "error": {
                    "message": error.message,
                    "hint": error.hint,
                    "faults": error.faults,
                    "exit_code": error.exit_code,
                }
            }
        )
    return error.exit_code


def _stopped(*, json: bool) -> int:
    message = "Stopped. The same command goes on from here."
    click.echo(f"\ncrowbar: {message}", err=True)
    if json:
        show_json({"error": {"message": message, "hint": "", "faults": [], "exit_code": INTERRUPTED}})
    return INTERRUPTED
