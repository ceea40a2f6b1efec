from __future__ import annotations

from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.provision.boot import find_binaries, place_binaries


def test_the_first_folder_wins_and_what_is_missing_is_told(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        (folder / "undionly.kpxe").write_text(folder.name)
    with pytest.raises(EnvironmentFault, match=r"\(snponly.efi\)") as caught:
        find_binaries((first, second))
    assert "apt-get install ipxe" in caught.value.hint
    (second / "snponly.efi").write_text("2")
    found = {"undionly.kpxe": first, "snponly.efi": second}
    assert find_binaries((first, second)) == {name: folder / name for name, folder in found.items()}


def test_they_are_placed_for_anybody_to_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"new")
    source.chmod(0o600)
    folder = tmp_path / "tftp"
    for content in (b"new", b"newer"):
        source.write_bytes(content)
        place_binaries(folder, {"undionly.kpxe": source})
        assert (folder / "undionly.kpxe").read_bytes() == content
    assert [path.name for path in folder.iterdir()] == ["undionly.kpxe"]
    assert (folder / "undionly.kpxe").stat().st_mode & 0o777 == 0o644
