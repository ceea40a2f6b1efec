"""`crowbar machines discover` and `approve`."""

from __future__ import annotations

import json

import pytest

from crowbar.store.machine_model import Machine, Target
from crowbar_inventory.bmc.fake import FakeServer, Fault
from crowbar_inventory.bmc.model import Credential, Power
from tests.cli.conftest import Cli
from tests.cli.machines.conftest import CREDENTIAL, PASSWORD, machine


class TestDiscover:
    def test_bmcs_are_asked_and_remembered(self, rack: Cli, fakes: list[FakeServer]) -> None:
        fakes[1].power = Power.ON
        refused = rack("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2")
        assert refused.exit_code == 2  # nobody can be asked here
        assert "will be restarted into the discovery system: bmc-b2" in refused.output
        assert rack.json("machines", "list")["machines"] == []
        document = rack.json("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2", "--yes")
        assert [(one["name"], one["power"], one["problem"]) for one in document["machines"]] == [
            ("bmc-b1", "off", ""),
            ("bmc-b2", "on", ""),
        ]
        one = machine(rack, "bmc-b1")
        assert (one.bmc, one.approved, one.target) == ("fake://b1", True, Target.DISCOVERED)
        assert one.identity_serial == "b1"  # by which it is known when it boots
        with rack.context() as context:
            assert context.store.bmc_credentials.get("bmc-b1") == CREDENTIAL

    def test_the_password_is_shown_nowhere_and_kept_only_encrypted(self, rack: Cli, fakes: list[FakeServer]) -> None:
        fakes[1].credential = Credential("admin", "another")
        result = rack("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2")
        shown = result.output + rack.ok("machines", "show", "bmc-b1", "--timeline")
        shown += json.dumps(rack.json("machines", "list"))
        assert PASSWORD not in shown
        kept = b"".join(path.read_bytes() for path in rack.state.root.rglob("*") if path.is_file())
        assert PASSWORD.encode() not in kept

    def test_one_that_refuses_is_told_and_the_others_are_known(self, rack: Cli, fakes: list[FakeServer]) -> None:
        fakes[0].have(Fault.REFUSE)
        result = rack("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2")
        assert result.exit_code == 1
        assert "does not accept the user or the password" in result.stdout
        assert "1 of 2 BMCs did not let Crowbar in" in result.stderr
        assert [one["machine"]["name"] for one in rack.json("machines", "list")["machines"]] == ["bmc-b2"]
        fakes[0].mend()
        assert rack("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2").exit_code == 0

    def test_a_list_with_names_and_credentials(self, rack: Cli, fakes: list[FakeServer]) -> None:
        fakes[2].credential = Credential("root", "a, comma")
        text = (
            'address,user,password,name\n# rack 1\nfake://b1,admin,Pa55-of-the-BMCs,left\nfake://b3,root,"a, comma"\n'
        )
        document = rack.json("machines", "discover", "--csv", str(rack.file(text, "bmcs.csv")))
        assert {one["name"] for one in document["machines"]} == {"left", "bmc-b3"}
        result = rack("machines", "discover", "--csv", "-", stdin="fake://b2\n")
        assert result.exit_code == 0, result.output

    def test_all_faults_of_a_list_and_of_arguments_are_told_at_once(self, rack: Cli) -> None:
        text = f"fake://b1,admin,{PASSWORD},UPPER\nfake://b1,admin\n\nhttp://b2\nipmi://10.0.0.1,a,b{PASSWORD},c,d\n"
        path = rack.file(text, "bmcs.csv")
        result = rack("machines", "discover", "--csv", path, "--bmc", "ipmi://10.0.0.9-3")
        assert result.exit_code == 2
        for words in ("a range goes from the lower", "line 1: its name", "line 2: a user without", "line 4", "line 5"):
            assert words in result.stderr
        assert PASSWORD not in result.output
        assert rack.json("machines", "list") == {"machines": []}

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ((), "No BMC was named"),
            (("--bmc", "fake://b1", "--bmc", "fake://b1"), "is given twice"),
            (("--bmc", "fake://b1", "--bmc", "fake://b2", "--name", "x"), "of one machine, and these are 2"),
            (("--bmc", "fake://b1", "--name", "No_Name"), "'No_Name' is no host name"),
            (("--bmc", "fake://b1", "--mac", "oops"), "'oops' is no MAC address"),
            (("--csv", "/nowhere/bmcs.csv"), "/nowhere/bmcs.csv cannot be read"),
            (("--bmc", "fake://b1", "--password-file", "/dev/null"), "There is no password in /dev/null"),
            (("--rack",), "There is no rack"),
        ],
    )
    def test_what_is_wrong_is_told_and_nothing_is_changed(self, rack: Cli, words: tuple[str, ...], says: str) -> None:
        result = rack("machines", "discover", *words)
        assert result.exit_code == 2, result.output
        assert says in result.stderr
        assert rack.json("machines", "list") == {"machines": []}

    def test_without_a_password_nobody_is_asked_in_a_script(self, rack: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CROWBAR_BMC_PASSWORD")
        result = rack("machines", "discover", "--bmc", "fake://b1")
        assert result.exit_code == 2
        assert "Set CROWBAR_BMC_PASSWORD or --password-file" in result.stderr
        password = rack.file(f"{PASSWORD}\n", "password")
        rack.ok("machines", "discover", "--bmc", "fake://b1", "--password-file", password)

    def test_a_known_mac_gets_its_address_at_once(self, rack: Cli) -> None:
        rack.ok("machines", "discover", "--bmc", "fake://b1", "--name", "left", "--mac", "52-54-00-00-00-01")
        one = machine(rack, "left")
        assert one.macs == ("52:54:00:00:00:01",)
        assert rack.json("networks", "show", "admin")["addresses"] == [
            {"mac": "52:54:00:00:00:01", "address": "198.51.100.20", "node": "left"}
        ]

    def test_a_bmc_that_is_known_is_its_machines(self, rack: Cli) -> None:
        rack.ok("machines", "discover", "--bmc", "fake://b1", "--name", "left")
        assert rack.json("machines", "discover", "--bmc", "fake://b1")["machines"][0]["name"] == "left"
        result = rack("machines", "discover", "--bmc", "fake://b1", "--name", "right")
        assert result.exit_code == 2
        assert "is already the BMC of left" in result.stderr


def test_those_that_wait_are_seen_and_approved(machines: Cli) -> None:
    with machines.context() as context:
        for number in (1, 2):
            context.store.machines.save(Machine(f"d{number}"))
    assert machines.ok("machines", "list").count("waits for approval") == 2
    assert machines("machines", "approve", "d1", "nobody", "noone").stderr.count("is not known") == 2
    assert not machine(machines, "d1").approved
    assert machines.json("machines", "approve", "d1") == {"action": "approve", "machines": ["d1"]}
    assert machines.json("machines", "approve", "--all")["machines"] == ["d2"]
    assert machines.json("machines", "approve", "--all")["machines"] == []
    assert "No machine waits" in machines("machines", "approve", "--all").stderr
    assert machines("machines", "approve").exit_code == 2
