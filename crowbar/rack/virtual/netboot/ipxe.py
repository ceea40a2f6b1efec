"""Runs the boot scripts that the admin node writes: the part of iPXE's language that they use, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

_VARIABLE = re.compile(r"\$\{([a-z0-9]+)(:uristring)?\}")
_MAGIC = "#!ipxe"
_MOST_STEPS = 10_000


@dataclass(frozen=True)
class Boot:
    """Start the system with that initrd, with those words for its kernel."""

    kernel: str
    initrd: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """Go on with the script at this address."""

    url: str


@dataclass(frozen=True)
class Disk:
    """Start from the disk."""


@dataclass(frozen=True)
class Leave:
    """Go on with what else the firmware has."""


Ending = Boot | Chain | Disk | Leave


class ScriptError(Exception):
    """A script is not one, or says what this program does not know."""


@dataclass(frozen=True)
class Effects:
    """What a script can do to the world."""

    say: Callable[[str], None]
    sleep: Callable[[float], None]
    fetch: Callable[[str], bool]  # a kernel or an initrd; whether it is there
    can_boot_disk: Callable[[], bool]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with iPXE's variables filled in; those it does not know are empty."""

    def value(match: re.Match[str]) -> str:
        found = variables.get(match[1], "")
        return quote(found, safe="") if match[2] else found

    return _VARIABLE.sub(value, text)


def run(script: str, variables: Mapping[str, str], effects: Effects) -> Ending:
    """Run a script to its end. Raises ScriptError."""
    lines = [line.strip() for line in script.splitlines()]
    if not lines or lines[0] != _MAGIC:
        raise ScriptError("what came is no script of iPXE's")
    return _Machine(lines, variables, effects).run()


class _Machine:
    def __init__(self, lines: list[str], variables: Mapping[str, str], effects: Effects) -> None:
        self._lines = lines
        self._labels = {line[1:].strip(): place for place, line in enumerate(lines) if line.startswith(":")}
        self._variables = variables
        self._effects = effects
        self._kernel = self._initrd = ""
        self._words: tuple[str, ...] = ()

    def run(self) -> Ending:
        place = 1
        for _ in range(_MOST_STEPS):
            if place >= len(self._lines):
                return Leave()
            line = expand(self._lines[place], self._variables)
            place += 1
            if not line or line.startswith(("#", ":")):
                continue
            command, _, otherwise = line.partition("||")
            done = self._do(command.split())
            if isinstance(done, str):
                place = self._label(done)
            elif isinstance(done, bool):
                if not done and not otherwise.strip():
                    raise ScriptError(f"it failed: {command.strip()[:200]}")
                if not done:
                    target = self._do(otherwise.split())
                    place = self._label(target) if isinstance(target, str) else place
            else:
                return done
        raise ScriptError("the script does not come to an end")

    def _label(self, name: str) -> int:
        if name not in self._labels:
            raise ScriptError(f"there is no label {name[:64]}")
        return self._labels[name]

    def _do(self, words: list[str]) -> Ending | bool | str:
        """An ending; whether it succeeded; or the label to go on at."""
        match words:
            case ["goto", label]:
                return label
            case ["kernel" | "initrd", *_]:
                return self._load(words)
            case ["boot" | "chain" | "sanboot" | "exit", *_]:
                return self._leave(words)
            case ["echo", *rest]:
                self._effects.say(" ".join(rest))
            case ["sleep", seconds] if seconds.isdecimal():
                self._effects.sleep(float(seconds))
            case ["imgfree"]:
                self._kernel = self._initrd = ""
            case _:
                raise _unknown(words)
        return True

    def _load(self, words: list[str]) -> bool:
        match words:
            case ["kernel", url, *rest]:
                self._kernel, self._words = url, tuple(rest)
            case ["initrd", "--name", _, url] | ["initrd", url]:
                self._initrd = url
            case _:
                raise _unknown(words)
        return self._effects.fetch(url)

    def _leave(self, words: list[str]) -> Ending | bool:
        match words:
            case ["boot"]:
                ready = self._kernel and self._initrd
                return Boot(self._kernel, self._initrd, self._words) if ready else False
            case ["sanboot", *_]:
                return Disk() if self._effects.can_boot_disk() else False
            case ["chain", *_, url]:
                return Chain(url)
            case ["exit", *_]:
                return Leave()
            case _:
                raise _unknown(words)


def _unknown(words: list[str]) -> ScriptError:
    return ScriptError(f"this firmware does not know: {' '.join(words)[:200]}")
