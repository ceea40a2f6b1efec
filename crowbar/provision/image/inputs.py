"""What a run of mmdebstrap reads, written from the host's own supply."""

from __future__ import annotations

from pathlib import Path

from crowbar.provision.image import settings
from crowbar.provision.image.debootstrap import Inputs
from crowbar.provision.image.spec import Supply


def write_inputs(partial: Path, cache: Path, supply: Supply) -> Inputs:
    """Below ``partial``, which nobody else may read: the archives' logins are there, too."""
    folder = partial / "inputs"
    folder.mkdir(parents=True)
    partial.chmod(0o700)
    cache.mkdir(exist_ok=True)
    inputs = Inputs(
        root=partial / "root",
        cache=cache,
        sources=folder / "crowbar.sources",
        settings=folder / "host.conf",
        node_settings=folder / "node.conf",
        logins=folder / "auth.conf",
    )
    recommends = [("APT::Install-Recommends", "false")]
    inputs.sources.write_text(supply.sources, encoding="utf-8")
    inputs.settings.write_text(settings.render(supply.settings), encoding="utf-8")
    node_settings = [*recommends, *settings.for_node(supply.settings)]
    inputs.node_settings.write_text(settings.render(node_settings), encoding="utf-8")
    inputs.logins.write_text(supply.logins, encoding="utf-8")
    return inputs
