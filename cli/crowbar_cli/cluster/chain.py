"""The chain: networks, rack, BMCs, discovery and installation, for as many of a file's machines as need it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from crowbar.errors import NodeError
from crowbar_cli.cluster import reach
from crowbar_cli.cluster.serving import served
from crowbar_cli.cluster.sources import bmcs, put_up
from crowbar_cli.options import Settings

if TYPE_CHECKING:
    from crowbar.catalog.cluster import Cluster
    from crowbar.rack.virtual import RackRecord
    from crowbar.services.cluster.standing import Standing
    from crowbar.services.context import Context

Say = Callable[[str], None]
_EVERY = 1.0  # seconds
_ASK_AGAIN = 30.0  # seconds after which BMCs that did not let us in are asked again
_QUIET = 30.0  # seconds after which it is said again what is waited for


def bring(
    settings: Settings, context: Context, cluster: Cluster, packages: tuple[str, ...], behind: tuple[str, ...], say: Say
) -> dict[str, str]:
    """Have the file's machines installed with ``packages``; why those are left out that do not get there, by name.

    ``behind`` are the networks that the cloud puts behind its gateway. Can be stopped and begun again at any moment.
    Raises InputError and EnvironmentFault; NodeError if not one machine got there.
    """
    from crowbar.services.cluster.standing import installed, left_out, standing
    from crowbar.services.machines.waking import wake

    if cluster.virtual:  # what is behind real servers is the site's to route
        reach.check(settings, behind)
    _networks(context, cluster)
    rack = put_up(settings, context, cluster, say)
    now = standing(context, cluster)
    wake(context.store, {view.machine.name for view in now.views.values() if view and installed(view)}, say)
    if not now.waiting and not any(now.to_come.values()):
        return {}
    with served(settings, say) as check:
        _discover(context, cluster, rack, say)
        _image(settings, packages)
        now = _wait(context, cluster, rack, check, say)
    missing = left_out(now)
    for name, why in missing.items():
        say(f"{name} is left out: it {why}")
    if len(missing) == len(now.views):
        raise NodeError("No machine was installed.", hint="crowbar machines show NAME --timeline")
    return missing


def _networks(context: Context, cluster: Cluster) -> None:
    from crowbar_cli.cluster.expected import networks_of

    for network in networks_of(cluster):
        if context.store.networks.get(network.name) != network:
            context.store.networks.save(network)


def _discover(context: Context, cluster: Cluster, rack: RackRecord | None, say: Say) -> None:
    """Bring in the machines that are not known yet by their BMCs, and say of each what the file says of it."""
    from crowbar.services.machines.adding import add

    if candidates := bmcs(cluster, context, rack):
        add(
            context.store,
            candidates,
            lambda one: say(f"{one.name}: BMC {one.address}: {one.problem or f'power {one.power}'}"),
            lambda _working: None,  # the file names them as this cloud's
        )
    for machine in cluster.machines:
        known = context.store.machines.get(machine.name)
        if known is None:
            continue
        wanted = {
            key: value
            for key in ("group", "intended_role", "rack_position")
            if (value := getattr(machine, key)) and value != getattr(known, key)
        }
        if wanted:
            context.store.machines.update(known.name, **wanted)


def _image(settings: Settings, packages: tuple[str, ...]) -> None:
    from crowbar_cli.disk_image import provide

    provide(settings, packages)  # while the machines boot


def _install(context: Context, now: Standing) -> None:
    """Wish for the installation of those that have none. One that cannot be installed yet is asked again later."""
    from crowbar.errors import InputError
    from crowbar.services.machines.wishes import install
    from crowbar.store.machine_model import Target

    for name in now.waiting:
        view = now.views[name]
        if view is not None and view.machine.target is not Target.INSTALLED:
            with contextlib.suppress(InputError):  # it has a problem, or waits for approval
                install(context.store, [name])


def _wait(context: Context, cluster: Cluster, rack: RackRecord | None, check: Callable[[], None], say: Say) -> Standing:
    """Until every machine is installed, or has had a problem for too long. BMCs that let nobody in are asked again."""
    from crowbar.services.cluster.standing import Patience, standing

    patience = Patience(time.monotonic())
    news = _News(say)
    asked = time.monotonic()
    while True:
        check()
        if time.monotonic() - asked > _ASK_AGAIN:
            _discover(context, cluster, rack, say)
            asked = time.monotonic()
        now = standing(context, cluster)
        _install(context, now)
        news.tell(now)
        if not patience.hopeful(now, time.monotonic()):
            return now
        time.sleep(_EVERY)


class _News:
    """Says what is new, and, when nothing is for a while, what is waited for."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._before: list[str] = []
        self._spoke = time.monotonic()

    def tell(self, now: Standing) -> None:
        lines = now.lines()
        new = [line for line in lines if line not in self._before]
        self._before = lines
        if not new and time.monotonic() - self._spoke > _QUIET:
            new = [
                f"waiting for {', '.join([*now.waiting, *(what for what, number in now.to_come.items() if number)])}"
            ]
        for line in new:
            self._say(line)
            self._spoke = time.monotonic()
