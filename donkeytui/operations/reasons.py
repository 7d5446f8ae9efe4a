"""Why a plugin is in the project: every chain from what the user asked for."""

from msgspec import Struct

from donkeytui.events import Report, silent
from donkeytui.operations.project import check_installed, open_project
from donkeytui.operations.releases import catalogued
from donkeytui.project.lockfile import Lockfile
from donkeytui.session import Session

CHAINS_MAX = 50
STEPS_MAX = 2_000
"""Where plugins need each other crosswise, there are more chains than anybody can walk."""


class Link(Struct, frozen=True, kw_only=True):
    """One plugin of a chain, and the range it is asked for in."""

    name: str
    version: str
    range: str


class WhyReport(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    chains: tuple[tuple[Link, ...], ...]
    """Each from a plugin the user asked for to this one; shortest first. None: nothing needs it."""
    is_cut: bool
    """There are more chains than these."""
    is_pinned: bool
    quarantine: str = ""
    """Why the registry's operator took the installed release out of circulation; empty for most."""


async def why(session: Session, name: str, report: Report = silent) -> WhyReport:
    """Raises `NotInstalled`, and what opening the project raises."""
    lockfile = (await open_project(session, report)).lockfile
    check_installed(lockfile, (name,))
    locked = lockfile.plugins[name]
    chains, is_complete = _chains(lockfile, name)
    release = catalogued(session, name, locked.version)
    return WhyReport(
        name=name,
        version=locked.version,
        chains=chains[:CHAINS_MAX],
        is_cut=not is_complete or len(chains) > CHAINS_MAX,
        is_pinned=locked.pinned,
        quarantine=release.quarantine if release is not None else "",
    )


def _chains(lockfile: Lockfile, name: str) -> tuple[tuple[tuple[Link, ...], ...], bool]:
    """Upwards, breadth first; a circle is walked once. And whether these are all."""
    found: list[tuple[Link, ...]] = []
    waiting: list[tuple[str, tuple[Link, ...]]] = [(name, ())]
    """A plugin, and the links below it that lead to `name`."""
    for at, below in waiting:
        plugin = lockfile.plugins[at]
        if plugin.range is not None:
            found.append((_link(lockfile, at, plugin.range), *below))
        on_the_way = {at, *(link.name for link in below)}
        for asker in lockfile.dependents(at):
            if asker not in on_the_way and len(waiting) <= STEPS_MAX:
                range_ = lockfile.plugins[asker].dependencies[at]
                waiting.append((asker, (_link(lockfile, at, range_), *below)))
    return tuple(found), len(waiting) <= STEPS_MAX


def _link(lockfile: Lockfile, name: str, range_: str) -> Link:
    return Link(name=name, version=lockfile.plugins[name].version, range=range_)
