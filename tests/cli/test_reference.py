"""The reference pages are what the command and the schemas themselves say."""

from __future__ import annotations

from pathlib import Path

from crowbar_cli import reference_attributes, reference_causes, reference_cluster
from crowbar_cli.reference import reference

PAGES = Path(__file__).parents[2] / "docs" / "reference"
PAGE = PAGES / "cli.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "python -m crowbar_cli.reference > docs/reference/cli.md"


def test_it_has_every_command_with_its_options() -> None:
    page = reference()
    for heading in ("## crowbar deploy\n", "## crowbar proposals\n", "### crowbar proposals edit\n"):
        assert heading in page
    assert "| `--reapply` |" in page
    assert "    Example:  crowbar deploy --single-node\n" in page


def test_the_page_of_attributes_is_current() -> None:
    page = (PAGES / "attributes.md").read_text(encoding="utf-8")
    assert page == reference_attributes.reference(), (
        "python -m crowbar_cli.reference_attributes > docs/reference/attributes.md"
    )


def test_the_page_of_causes_is_current() -> None:
    page = (PAGES / "causes.md").read_text(encoding="utf-8")
    assert page == reference_causes.reference(), "python -m crowbar_cli.reference_causes > docs/reference/causes.md"


def test_the_page_of_the_cluster_file_is_current() -> None:
    page = (PAGES / "cluster-file.md").read_text(encoding="utf-8")
    assert page == reference_cluster.reference(), (
        "python -m crowbar_cli.reference_cluster > docs/reference/cluster-file.md"
    )


def test_a_key_of_the_cluster_file_has_its_default_its_bounds_and_its_meaning() -> None:
    page = reference_cluster.reference()
    assert "| `kind` | `container` | `vm` or `container` | `vm` has real firmware" in page
    assert "| `cpus` | `2` | whole number, at least 1, at most 64 | Processors. |" in page
    assert "| `name` | required | text |" in page


def test_an_attribute_has_its_default_its_bounds_and_its_meaning() -> None:
    page = reference_attributes.reference()
    assert "## quantum (also: neutron)\n" in page
    assert "| `cpu_allocation_ratio` | `4.0` | number, 0.1 to 64 | CPU overcommit. Virtual processors " in page
    schema = {
        "properties": {
            "names": {"type": "array", "maxItems": 2, "items": {"type": "string", "pattern": "^a|b$"}, "default": []},
            "disks": {"type": "object", "additionalProperties": {"properties": {"size": {"enum": ["s", ""]}}}},
        }
    }
    found = {path: reference_attributes.allowed(sub) for path, sub in reference_attributes.attributes(schema)}
    assert found == {
        "names": "list, at most 2 items, each: text, like `^a\\|b$`",
        "disks": "mapping",
        "disks.*.size": "`s`, empty",
    }
