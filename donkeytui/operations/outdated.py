"""What could be newer: what an update would really give, the newest there is, and what is in the way.

What is in quarantine is told too, however new it is: there another release is better, be it older.
"""

from typing import Literal

from msgspec import Struct, structs

from donkeytui.events import Report, silent
from donkeytui.operations.project import open_project
from donkeytui.operations.releases import catalogued, hours_too_young, quarantined
from donkeytui.operations.resolving import Question, resolve
from donkeytui.operations.sync import refresh_if_stale
from donkeytui.problems import ResolutionFailed
from donkeytui.project.lockfile import Lockfile
from donkeytui.project.snapshot import ProjectSnapshot
from donkeytui.resolution.request import Wish
from donkeytui.session import Session
from registry_server.contract.ranges import parse_range
from registry_server.contract.versions import parse_version

Blocker = Literal["", "range", "pin", "cool-down", "conflict"]


class Outdated(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    range: str | None
    """What the user asked for; None for what others brought in."""
    wanted: str
    """What `donkeytui update` would give."""
    newest: str
    """The newest release there is, but for prereleases, yanked, deprecated and quarantined ones; the
    installed one when there is no other."""
    blocked_by: Blocker
    """Why `wanted` is not `newest`."""
    why: tuple[str, ...] = ()
    """For a conflict: its sentences."""
    quarantine: str = ""
    """Why the registry's operator took the installed release out of circulation; empty for most."""


class OutdatedReport(Struct, frozen=True, kw_only=True):
    root: str
    checked: int
    """How many plugins are installed."""
    plugins: tuple[Outdated, ...]
    """Only those that are not at their newest, or in quarantine."""


async def outdated(session: Session, report: Report = silent) -> OutdatedReport:
    """Raises what opening the project and reading the registry raise, and `ResolutionFailed`."""
    snapshot = await open_project(session, report)
    await refresh_if_stale(session, report)
    lockfile = snapshot.lockfile
    newest = _newest(session, lockfile)
    withdrawn = quarantined(session, lockfile)
    behind = [
        name
        for name, version in newest.items()
        if version != lockfile.plugins[name].version or name in withdrawn
    ]
    pins = await _updated(session, snapshot, report) if behind else {}
    return OutdatedReport(
        root=str(snapshot.root),
        checked=len(lockfile.plugins),
        plugins=tuple(
            [
                structs.replace(
                    await _outdated(session, snapshot, name, pins.get(name, ""), newest[name]),
                    quarantine=withdrawn.get(name, ""),
                )
                for name in behind
            ]
        ),
    )


def _newest(session: Session, lockfile: Lockfile) -> dict[str, str]:
    """The newest usable release of each plugin that is newer than the installed one, or the installed.

    In place of an installed one in quarantine, the newest that is in none.
    """
    found: dict[str, str] = {}
    documents = session.catalogue.get_many(list(lockfile.plugins)) if lockfile.plugins else {}
    for name, document in documents.items():
        here, there = lockfile.plugins[name].version, document.latest_version
        states = {release.version: bool(release.quarantine) for release in document.versions}
        is_newer = bool(there) and parse_version(here) < parse_version(there)
        is_better = is_newer or (states.get(here, False) and not states.get(there, True))
        found[name] = there if is_better else here
    return found


def _wishes(lockfile: Lockfile) -> dict[str, Wish]:
    return {
        name: Wish(name=name, range=parse_range(plugin.range), source="lockfile")
        for name, plugin in lockfile.plugins.items()
        if plugin.range is not None
    }


async def _updated(session: Session, snapshot: ProjectSnapshot, report: Report) -> dict[str, str]:
    question = Question(
        wishes=tuple(_wishes(snapshot.lockfile).values()),
        lockfile=snapshot.lockfile,
        free=frozenset(snapshot.lockfile.plugins),
        held=snapshot.lockfile.pinned,
        mode="newest",
        framework=snapshot.framework,
    )
    resolved = await resolve(session, question, report)
    return {name: candidate.version.text for name, candidate in resolved.pins.items()}


async def _outdated(
    session: Session, snapshot: ProjectSnapshot, name: str, wanted: str, newest: str
) -> Outdated:
    locked = snapshot.lockfile.plugins[name]
    wanted = wanted or locked.version
    plugin = Outdated(
        name=name, version=locked.version, range=locked.range, wanted=wanted, newest=newest, blocked_by=""
    )
    if wanted == newest:
        return plugin
    if locked.pinned:
        return _blocked(plugin, "pin")
    release = catalogued(session, name, newest)
    if release is not None and (hours := hours_too_young(session, name, release)) > 0:
        return _blocked(plugin, "cool-down", (f"it is younger than your cool-down, by {hours:.0f} h",))
    if sentences := await _in_the_way(session, snapshot, name, newest):
        return _blocked(plugin, "conflict", sentences)
    if locked.range is not None and not parse_range(locked.range).allows(parse_version(newest)):
        return _blocked(plugin, "range")
    return _blocked(plugin, "conflict", (f"{newest} fits only beside older releases of other plugins",))


def _blocked(plugin: Outdated, by: Blocker, why: tuple[str, ...] = ()) -> Outdated:
    return structs.replace(plugin, blocked_by=by, why=why)


async def _in_the_way(session: Session, snapshot: ProjectSnapshot, name: str, newest: str) -> tuple[str, ...]:
    """Why exactly `newest` cannot be had beside the rest; empty when only the user's own range says no."""
    wishes = _wishes(snapshot.lockfile) | {name: Wish(name=name, range=parse_range(newest), source="request")}
    question = Question(
        wishes=tuple(wishes.values()),
        lockfile=snapshot.lockfile,
        free=frozenset(snapshot.lockfile.plugins),
        held=snapshot.lockfile.pinned,
        mode="newest",
        framework=snapshot.framework,
    )
    try:
        await resolve(session, question, silent)
    except ResolutionFailed as error:
        facts = error.problem.extra.get("conflict", {}).get("facts") or error.problem.detail.splitlines()
        # That this release was asked for is our own question, and no fact about the project.
        told = tuple(fact for fact in facts if fact != f"you asked for `{name} {newest}`")
        return told or (error.problem.title,)
    return ()
