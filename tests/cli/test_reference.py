"""The reference page is what the command itself says."""

from __future__ import annotations

from pathlib import Path

from crowbar_cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "python -m crowbar_cli.reference > docs/reference/cli.md"


def test_it_has_every_command_with_its_options() -> None:
    page = reference()
    for heading in ("## crowbar deploy\n", "## crowbar proposals\n", "### crowbar proposals edit\n"):
        assert heading in page
    assert "| `--reapply` |" in page
    assert "    Example:  crowbar deploy --single-node\n" in page
