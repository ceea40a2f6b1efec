"""Where the admin host itself gets Debian from, read from its own APT sources (one-line and deb822 formats)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

APT_ETC = Path("/etc/apt")
_OPTIONS_KEPT = ("signed-by", "trusted", "check-valid-until", "check-date", "allow-insecure", "allow-weak")
_FALSE = frozenset({"no", "false", "without", "off", "disable", "0"})


@dataclass(frozen=True)
class Source:
    """One archive: a URI, one suite of it, its components, and the options of the entry it came from.

    ``options`` has deb822 field names in lower case; values are as APT wants them, a key block included.
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def release_url(self) -> str:
        """The address of the archive's signed index."""
        return f"{self.uri.rstrip('/')}/dists/{self.suite}/InRelease"

    def stanza(self) -> str:
        """The entry in deb822 format."""
        fields = {"Types": "deb", "URIs": self.uri, "Suites": self.suite, "Components": " ".join(self.components)}
        fields.update((name.title(), value) for name, value in self.options.items())
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def host_sources(etc: Path = APT_ETC) -> list[Source]:
    """Every binary archive that the host's ``sources.list`` and ``sources.list.d`` name, in their order."""
    parts = sorted((etc / "sources.list.d").glob("*"))
    found: list[Source] = []
    for path in [etc / "sources.list", *parts]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".list":
            found.extend(parse_one_line(text))
        elif path.suffix == ".sources":
            found.extend(parse_deb822(text))
    return found


def parse_one_line(text: str) -> Iterator[Source]:
    """The sources in text of the format ``deb [option=value …] uri suite component …`` (sources.list(5))."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match is None:
            continue
        options, uri, suite, components = match.groups()
        pairs = (word.partition("=") for word in shlex.split(options or ""))
        yield Source(uri, suite, tuple(components.split()), _kept({name: value for name, _, value in pairs}))


def parse_deb822(text: str) -> Iterator[Source]:
    """The sources in text of deb822 stanzas (sources.list(5)); those that are not enabled are left out."""
    for fields in _stanzas(text):
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in _FALSE:
            continue
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, components, _kept(fields))


def _kept(options: Mapping[str, str]) -> dict[str, str]:
    lowered = {name.lower(): value for name, value in options.items()}
    return {name: lowered[name] for name in _OPTIONS_KEPT if name in lowered}


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for block in "\n".join(lines).split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line[:1].isspace() and name:
                fields[name] += "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields:
            yield fields


def for_release(sources: Iterable[Source], *, host: str, release: str) -> list[Source]:
    """The same archives with the suites of ``release`` in place of those of the host's own, once each.

    ``host`` and ``release`` are code names (``bookworm``, ``trixie``). Suites other than the base,
    ``-updates`` and ``-security`` (backports, a third party's own) are left out, and the base suite's archives
    are also asked for ``-updates``: a host that has none configured is no reason to miss fixes.
    """
    renamed = dict.fromkeys((host, "stable", "oldstable", release), release)
    renamed |= {f"{suite}-updates": f"{new}-updates" for suite, new in renamed.items()}
    security = {
        f"{suite}{end}": f"{release}-security"
        for suite in (host, "stable", "oldstable", release)
        for end in ("-security", "/updates")
    }
    found: dict[tuple[str, str], Source] = {}
    for source in sources:
        suite = (renamed | security).get(source.suite.rstrip("/"))
        if suite is None or not source.components:
            continue
        for wanted in (suite, f"{release}-updates") if suite == release else (suite,):
            new = Source(source.uri, wanted, source.components, source.options)
            found.setdefault((source.uri.rstrip("/"), wanted), new)
    return list(found.values())
