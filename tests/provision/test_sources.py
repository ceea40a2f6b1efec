from __future__ import annotations

from pathlib import Path

import pytest

from crowbar.provision.image.sources import Source, for_release, host_sources, parse_deb822, parse_one_line

MIRROR = "http://mirror.example/debian"
SECURITY = "http://mirror.example/security"


def test_one_line_with_options_comments_and_sources() -> None:
    text = f"""
# deb {MIRROR} bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] {MIRROR} bookworm main contrib # ours
deb-src {MIRROR} bookworm main
deb {SECURITY} bookworm-security main
"""
    assert list(parse_one_line(text)) == [
        Source(MIRROR, "bookworm", ("main", "contrib"), {"signed-by": "/usr/share/keyrings/k.gpg"}),
        Source(SECURITY, "bookworm-security", ("main",)),
    ]


def test_deb822_takes_every_uri_and_suite_and_keeps_a_key_block() -> None:
    text = f"""\
Types: deb deb-src
URIs: {MIRROR} {SECURITY}
Suites: trixie trixie-updates
# a remark
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 xsBN
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb-src
URIs: {MIRROR}
Suites: trixie
Components: main

Types: deb
Enabled: no
URIs: {MIRROR}
Suites: sid
Components: main
"""
    found = list(parse_deb822(text))
    assert [(source.uri, source.suite) for source in found] == [
        (MIRROR, "trixie"), (MIRROR, "trixie-updates"), (SECURITY, "trixie"), (SECURITY, "trixie-updates"),
    ]  # fmt: skip
    assert list(parse_deb822(found[0].stanza())) == [found[0]]
    assert "xsBN" in found[0].options["signed-by"]


def test_both_formats_are_read_where_apt_reads_them(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/d bookworm main\n")
    (parts / "b.sources").write_text("Types: deb\nURIs: http://b.example/d\nSuites: bookworm\nComponents: main\n")
    (parts / "c.list.disabled").write_text("deb http://c.example/d bookworm main\n")
    assert [source.uri for source in host_sources(tmp_path)] == ["http://a.example/d", "http://b.example/d"]


@pytest.mark.parametrize(
    ("suite", "becomes"),
    [
        ("bookworm", ["trixie", "trixie-updates"]),
        ("stable", ["trixie", "trixie-updates"]),
        ("trixie", ["trixie", "trixie-updates"]),
        ("bookworm-updates", ["trixie-updates"]),
        ("bookworm-security", ["trixie-security"]),
        ("bookworm/updates", ["trixie-security"]),
        ("bookworm-backports", []),
        ("nodistro", []),
    ],
)
def test_suites_are_those_of_the_release(suite: str, becomes: list[str]) -> None:
    found = for_release([Source(MIRROR, suite, ("main",))], host="bookworm", release="trixie")
    assert [source.suite for source in found] == becomes


def test_an_archive_is_taken_once() -> None:
    sources = [Source(MIRROR, "bookworm", ("main",)), Source(f"{MIRROR}/", "bookworm-updates", ("main",))]
    found = for_release(sources, host="bookworm", release="trixie")
    assert [source.suite for source in found] == ["trixie", "trixie-updates"]
