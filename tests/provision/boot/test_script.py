from __future__ import annotations

import pytest

from crowbar.provision.boot import boot_script_url, discover_script, local_disk_script, wait_script
from crowbar_inventory.hardware import BootMode

BASE = "http://10.0.0.1:8080"
MAC = "52:54:00:00:00:01"


def test_discovery_is_booted_with_all_that_its_agent_needs() -> None:
    script = discover_script(BASE, "abc123", "one-time_Token", MAC, ["crowbar.debug=1"])
    assert script.startswith("#!ipxe\n")
    (kernel,) = [line for line in script.splitlines() if line.startswith("kernel ")]
    words = kernel.removesuffix(" || goto failed").split()
    assert words[1] == f"{BASE}/discovery/abc123/vmlinuz"
    assert set(words[2:]) == {
        "initrd=initrd",
        "console=tty0",
        "console=ttyS0,115200",
        "BOOTIF=01-52-54-00-00-00-01",
        f"crowbar.url={BASE}",
        "crowbar.token=one-time_Token",
        "quiet",
        "panic=60",
        "crowbar.debug=1",
    }
    assert words.index("console=ttyS0,115200") > words.index("console=tty0")
    assert f"initrd --name initrd {BASE}/discovery/abc123/initrd || goto failed" in script


def test_a_stranger_has_no_token() -> None:
    assert "crowbar.token" not in discover_script(BASE, "abc123", None, MAC)


@pytest.mark.parametrize("word", ["a b", "a\nb", "${mac}", "a;b", "", "a||b", "é"])
def test_a_word_that_would_be_more_than_one_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="cannot be a word"):
        discover_script(BASE, "abc123", None, MAC, [word])
    with pytest.raises(ValueError, match="cannot be a word"):
        discover_script(BASE, "abc123", f"token{word}" if word else " ", MAC)


def test_every_script_that_fails_asks_again() -> None:
    again = f"chain --autofree --replace {boot_script_url(BASE)} || goto again"
    for script in (discover_script(BASE, "abc123", None, MAC), wait_script(BASE, "Wait.", 7)):
        assert script.splitlines()[-1] == again
    assert "sleep 7" in wait_script(BASE, "Wait.", 7).splitlines()


def test_uefi_goes_on_to_the_disk_by_failing() -> None:
    assert local_disk_script(BootMode.UEFI).splitlines()[-1] == "exit 1"
    assert "sanboot" not in local_disk_script(BootMode.UEFI)
    for firmware in (BootMode.BIOS, BootMode.UNKNOWN):
        script = local_disk_script(firmware)
        assert "sanboot --no-describe --drive 0x80 || goto failed" in script
        assert script.splitlines()[-1] == "exit 1"


def test_a_message_is_told_line_by_line_and_does_nothing_else() -> None:
    script = wait_script(BASE, "No disk: it's too small\n\n${mac} && shell ; exit || \x1b[2J`reboot`\n" + "x" * 999, 5)
    told = [line for line in script.splitlines() if line.startswith("echo ")]
    assert told[0] == "echo Crowbar: No disk: it s too small"
    assert told[1] == "echo Crowbar: mac shell exit 2J reboot"
    assert len(told) == 3 and len(script) < 800
    assert script.count("\nsleep 5\n") == 1
