from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from crowbar.provision.disk.layout import MIB, SECTOR, Layout, layout_for, rounded


def test_parts_follow_each_other_and_the_root_is_last() -> None:
    layout = Layout(root_mib=100)
    assert layout.bios_boot.start >= MIB
    assert layout.esp.start == layout.bios_boot.start + layout.bios_boot.size
    assert layout.root.start == layout.esp.start + layout.esp.size
    assert layout.size == layout.root.start + layout.root.size + MIB
    assert all(part.start % MIB == 0 for part in (layout.bios_boot, layout.esp, layout.root))


def test_the_root_has_room_for_what_is_in_it() -> None:
    small, large = layout_for(0, 0), layout_for(1000 * MIB, 50_000)
    assert small.root_mib > 100  # a journal, and room to start
    assert 1150 < large.root_mib < 1250


@pytest.mark.parametrize(("size", "blocks"), [(0, 0), (1, 1), (4096, 1), (4097, 2)])
def test_a_file_takes_whole_blocks(size: int, blocks: int) -> None:
    assert rounded(size) == blocks * 4096


def test_sfdisk_makes_that_table(tmp_path: Path) -> None:
    layout = Layout(root_mib=100)
    disk = tmp_path / "disk"
    with disk.open("wb") as made:
        made.truncate(layout.size)
    subprocess.run(["sfdisk", "-q", str(disk)], input=layout.sfdisk(), text=True, check=True, capture_output=True)
    table = json.loads(subprocess.run(["sfdisk", "--json", str(disk)], capture_output=True, check=True).stdout)
    rows = table["partitiontable"]["partitions"]
    wanted = [(part.first_sector, part.size // SECTOR) for part in (layout.bios_boot, layout.esp, layout.root)]
    assert [(row["start"], row["size"]) for row in rows] == wanted
    assert [row["name"] for row in rows] == ["bios", "esp", "root"]
