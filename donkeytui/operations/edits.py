"""What in the project is not as it was released: `verify` says which files, `diff` shows them."""

from typing import Literal

from msgspec import Struct

from donkeytui.events import Report, silent
from donkeytui.install.fetch import cached_integrities
from donkeytui.operations.carrying import pristine, working_files
from donkeytui.operations.project import check_installed, open_project
from donkeytui.problems import PluginEdited
from donkeytui.project.differences import FileChange, changed_paths, unified
from donkeytui.project.merge import has_markers
from donkeytui.project.plugin_files import PluginFiles
from donkeytui.project.snapshot import ProjectSnapshot
from donkeytui.project.tree import GENERATED
from donkeytui.session import Session

State = Literal["intact", "edited", "missing", "unknown"]


class PluginCheck(Struct, frozen=True, kw_only=True):
    """One installed plugin against what the lockfile says was installed."""

    name: str
    version: str
    state: State
    """`unknown`: the lockfile has no digest of its files."""
    files: tuple[FileChange, ...] = ()
    """Which files differ, paths relative to the project; empty also when its package is not at hand."""
    markers: tuple[str, ...] = ()
    """Files that hold conflict markers of a merge."""


class VerifyReport(Struct, frozen=True, kw_only=True):
    root: str
    plugins: tuple[PluginCheck, ...]
    yours: tuple[str, ...]
    """Plugins in the folder that were not installed by us; nobody checks them."""

    @property
    def is_intact(self) -> bool:
        return all(check.state == "intact" for check in self.plugins)


class FileDiff(Struct, frozen=True, kw_only=True):
    plugin: str
    path: str
    text: str
    """A unified diff, from the release to the file as it is now."""


async def verify(session: Session, report: Report = silent) -> VerifyReport:
    """Checks every installed plugin; fetches nothing. Raises what opening the project raises."""
    snapshot = await open_project(session, report)
    states = _states(snapshot)
    return VerifyReport(
        root=str(snapshot.root),
        plugins=tuple([await _check(session, snapshot, name, state=state) for name, state in states.items()]),
        yours=tuple(snapshot.yours()),
    )


async def diff(
    session: Session, names: tuple[str, ...] = (), report: Report = silent
) -> tuple[FileDiff, ...]:
    """The user's edits of `names`, or of everything installed.

    Raises `NotInstalled`, and what fetching raises for a release that is not in the cache.
    """
    snapshot = await open_project(session, report)
    check_installed(snapshot.lockfile, names)
    edited = snapshot.edited()
    found: list[FileDiff] = []
    for name in dict.fromkeys(names or edited):
        if name in edited:
            found += await _diff_of(session, snapshot, name)
    return tuple(found)


async def _diff_of(session: Session, snapshot: ProjectSnapshot, name: str) -> list[FileDiff]:
    released = _placed(snapshot, name, (await pristine(session, snapshot, name)).files)
    now = _placed(snapshot, name, await session.in_thread(working_files, snapshot, name))
    return [
        FileDiff(
            plugin=name,
            path=change.path,
            text=unified(change.path, released.get(change.path), now.get(change.path)),
        )
        for change in changed_paths(released, now)
    ]


async def _check(session: Session, snapshot: ProjectSnapshot, name: str, *, state: State) -> PluginCheck:
    locked = snapshot.lockfile.plugins[name]
    if state != "edited":
        return PluginCheck(name=name, version=locked.version, state=state)
    try:
        now = _placed(snapshot, name, await session.in_thread(working_files, snapshot, name))
    except PluginEdited:
        # A link among its files: edited, and not by anything that could be read.
        return PluginCheck(name=name, version=locked.version, state="edited")
    files: tuple[FileChange, ...] = ()
    if cached_integrities(session.package_cache, [locked.integrity]):
        files = changed_paths(_placed(snapshot, name, (await pristine(session, snapshot, name)).files), now)
    markers = tuple(path for path, data in now.items() if has_markers(data))
    return PluginCheck(name=name, version=locked.version, state="edited", files=files, markers=markers)


def _states(snapshot: ProjectSnapshot) -> dict[str, State]:
    """Of every plugin in the lockfile."""
    states: dict[str, State] = {
        name: "intact" if plugin.tree else "unknown" for name, plugin in snapshot.lockfile.plugins.items()
    }
    states |= dict.fromkeys(snapshot.edited(), "edited")
    return states | dict.fromkeys(snapshot.missing(), "missing")


def _placed(snapshot: ProjectSnapshot, name: str, files: PluginFiles) -> dict[str, bytes]:
    """By path in the project, but for what the framework generates."""
    folder = f"{snapshot.plugins_root}/{name}"
    placed = files.placed(folder)
    placed.pop(f"{folder}/{GENERATED}", None)
    return placed
