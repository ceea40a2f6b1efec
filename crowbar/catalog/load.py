"""Finds barclamps in folders and makes the catalog of those that work."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from crowbar.catalog import digest, manifest, schema
from crowbar.catalog.known import Known
from crowbar.catalog.model import Barclamp, Catalog
from crowbar.catalog.relate import Found, canonical, dependable, unique
from crowbar.catalog.source import Source, read_json, read_yaml
from crowbar.errors import Fault, InputError
from crowbar.paths import SITE_BARCLAMPS, data_dir

MANIFEST = "barclamp.yml"
SCHEMA = "schema.json"
SITE = "CROWBAR_BARCLAMPS"  # of the environment: folders of the site's own barclamps


def barclamp_dirs() -> list[Path]:
    """The folders that hold barclamps: Crowbar's own, the site's, and those of installed packages.

    The site's are in the folders that `$CROWBAR_BARCLAMPS` names, separated by colons, else in
    /etc/crowbar/barclamps. A package takes part by an entry point in the group `crowbar.barclamps`, whose value is a
    module beside whose `__init__.py` the barclamps are.
    """
    installed = [
        Path(package.__file__).parent
        for point in entry_points(group="crowbar.barclamps")
        if (package := importlib.import_module(point.module)).__file__
    ]
    return [data_dir() / "barclamps", *(_named() or [SITE_BARCLAMPS]), *installed]


def load_catalog(dirs: Sequence[Path] | None = None, known: Known | None = None) -> tuple[Catalog, list[Fault]]:
    """The catalog of the barclamps in ``dirs`` (default: `barclamp_dirs`), and the faults of those left out.

    A broken barclamp takes with it those that require it, and no others. A schema that is ``known`` is not checked.
    """
    folders = [folder for place in (barclamp_dirs() if dirs is None else dirs) for folder in _folders(place)]
    found = [read_barclamp(folder, known) for folder in folders]
    found = dependable(canonical(unique(found)))
    good = {one.name: one.barclamp for one in found if one.barclamp is not None}
    faults = [fault for one in found for fault in one.faults]
    if dirs is None:  # the folder of everybody need not be there, one that somebody named must
        faults += [Fault(f"${SITE}", f"there is no folder {place}") for place in _named() if not place.is_dir()]
    broken = {one.name: one.faults for one in reversed(found) if one.barclamp is None and one.name not in good}
    return Catalog(good, digest.of_shared(data_dir() / "playbooks"), broken), faults


def _named() -> list[Path]:
    return [Path(word).absolute() for word in os.environ.get(SITE, "").split(os.pathsep) if word]


def read_barclamp(folder: Path, known: Known | None = None) -> Found:
    """The barclamp in ``folder``, or the faults of its manifest and schema; a ``known`` schema has none."""
    faults: list[Fault] = []
    source = described = None
    try:
        source = read_yaml(folder / MANIFEST)
    except InputError as error:
        faults.extend(_faults_of(error, folder / MANIFEST))
    content = schema.EMPTY
    if (folder / SCHEMA).exists():
        try:
            described = read_json(folder / SCHEMA)
            faults.extend(_schema_faults(described, known))
            content = described.data
        except InputError as error:
            faults.extend(_faults_of(error, folder / SCHEMA))
    if source is None:
        return Found(folder, None, None, tuple(faults))
    made, wrong = manifest.barclamp(source, folder, content)
    faults = [*wrong, *faults]
    if made is not None and not faults:
        faults = list(_unheld(made, source))
    return Found(folder, source, None if faults else made, tuple(faults))


def _schema_faults(described: Source, known: Known | None) -> list[Fault]:
    if known is None:
        return schema.faults(described)
    if known.has(described.data):
        return []
    faults = schema.faults(described)
    if not faults:
        known.add(described.data)
    return faults


def _unheld(barclamp: Barclamp, source: Source) -> Iterator[Fault]:
    """Routes and addresses of what no attribute holds."""
    named = {
        "routes": [one.attribute for one in barclamp.routes],
        "addresses": [one.attribute for one in barclamp.addresses],
    }
    for key, attributes in named.items():
        for index, attribute in enumerate(attributes):
            if schema.attribute(barclamp.schema, attribute) is None:
                yield source.fault(f"the schema has no attribute {attribute}", key, index, "attribute")


def _folders(place: Path) -> Iterator[Path]:
    """The barclamp folders in a place: those with a manifest. A place that is not there has none."""
    if place.is_dir():
        yield from sorted(folder for folder in place.iterdir() if (folder / MANIFEST).is_file())


def _faults_of(error: InputError, file: Path) -> Sequence[Fault]:
    return error.faults or (Fault(str(file), error.message),)
