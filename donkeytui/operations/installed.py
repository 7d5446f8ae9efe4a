"""What is in this project: every plugin with its release, why it is here, and what is wrong or newer."""

from collections.abc import Collection, Mapping

from msgspec import Struct

from donkeytui.events import Report, silent
from donkeytui.operations.project import open_project
from donkeytui.operations.releases import hours_too_young
from donkeytui.project.lockfile import LockedPlugin
from donkeytui.project.snapshot import ProjectSnapshot
from donkeytui.session import Session
from registry_server.contract.ranges import max_satisfying, parse_range
from registry_server.contract.versions import Version, parse_version
from registry_server.contract.wire import PluginDocument


class InstalledPlugin(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    range: str | None
    """What the user asked for; None for what others brought in."""
    needed_by: tuple[str, ...]
    newest_in_range: str
    """Newest release the user's and all dependents' ranges allow, and that is old enough for the cool-down;
    the version itself when there is none, and for what is pinned. For one in quarantine the newest other
    one, be it older."""
    newest: str
    """Latest release of the registry; empty when the catalogue does not know the plugin."""
    problems: tuple[str, ...]
    """Of: quarantined, missing, edited, yanked, deprecated, unknown."""
    quarantine: str = ""
    """Why the registry's operator took the installed release out of circulation."""
    needs: dict[str, str] = {}
    """Plugins it needs -> range."""
    is_pinned: bool = False

    @property
    def has_update(self) -> bool:
        return self.newest_in_range != self.version


class TreeRow(Struct, frozen=True, kw_only=True):
    """One line of the tree of what is installed."""

    name: str
    version: str
    range: str
    """In which it is asked for; empty for what nothing needs."""
    is_last: tuple[bool, ...]
    """For each level below the first: whether it is the last of its siblings."""
    is_again: bool
    """Shown above with what it needs."""


class InstalledList(Struct, frozen=True, kw_only=True):
    root: str
    plugins_root: str
    plugins: tuple[InstalledPlugin, ...]
    yours: tuple[str, ...]
    """Plugins in the folder that were not installed by us; never touched."""

    def tree(self) -> tuple[TreeRow, ...]:
        """Roots are what the user asked for, and what nothing needs; each plugin's needs come once.

        A circle that nothing leads to has its first plugin for a root.
        """
        plugins = {plugin.name: plugin for plugin in self.plugins}
        roots = [p for p in self.plugins if p.range is not None or not p.needed_by]
        rows: list[TreeRow] = []
        shown: set[str] = set()
        for root in roots:
            _grow(rows, shown, plugins, root)
        for plugin in self.plugins:
            if plugin.name not in shown:
                _grow(rows, shown, plugins, plugin)
        return tuple(rows)


async def list_installed(session: Session, report: Report = silent) -> InstalledList:
    """From project and catalogue alone; never syncs. Raises what `open_project` raises."""
    snapshot = await open_project(session, report)
    return await session.in_thread(installed_list, session, snapshot)


def installed_list(session: Session, snapshot: ProjectSnapshot) -> InstalledList:
    lockfile = snapshot.lockfile
    documents = session.catalogue.get_many(list(lockfile.plugins)) if lockfile.plugins else {}
    edited, missing = snapshot.edited(), snapshot.missing()
    return InstalledList(
        root=str(snapshot.root),
        plugins_root=snapshot.plugins_root,
        plugins=tuple(
            _installed(
                session,
                snapshot,
                documents.get(name),
                name=name,
                is_edited=name in edited,
                is_missing=name in missing,
            )
            for name in lockfile.plugins
        ),
        yours=tuple(snapshot.yours()),
    )


def _installed(
    session: Session,
    snapshot: ProjectSnapshot,
    document: PluginDocument | None,
    *,
    name: str,
    is_edited: bool,
    is_missing: bool,
) -> InstalledPlugin:
    locked = snapshot.lockfile.plugins[name]
    dependents = snapshot.lockfile.dependents(name)
    release = next((r for r in document.versions if r.version == locked.version), None) if document else None
    quarantine = release.quarantine if release is not None else ""
    flags = {
        "quarantined": bool(quarantine),
        "missing": is_missing,
        "edited": is_edited,
        "yanked": release is not None and release.yanked,
        "deprecated": release is not None and release.deprecated,
        "unknown": release is None,
    }
    releases = document.versions if document else ()
    usable = [
        parse_version(each.version)
        for each in releases
        if not (each.yanked or each.deprecated or each.quarantine)
        and hours_too_young(session, name, each) <= 0
    ]
    ranges = [snapshot.lockfile.plugins[other].dependencies[name] for other in dependents]
    return InstalledPlugin(
        name=name,
        version=locked.version,
        range=locked.range,
        needed_by=tuple(dependents),
        newest_in_range=_newest_in(locked, ranges, usable, is_to_go=bool(quarantine)),
        newest=document.latest_version if document else "",
        problems=tuple(flag for flag, is_set in flags.items() if is_set),
        quarantine=quarantine,
        needs=locked.dependencies,
        is_pinned=locked.pinned,
    )


def _newest_in(
    locked: LockedPlugin, ranges: Collection[str], usable: Collection[Version], *, is_to_go: bool
) -> str:
    """`is_to_go`: an older release is better than the installed one too."""
    if locked.pinned:
        return locked.version
    wanted = [parse_range(text) for text in (*([locked.range] if locked.range else []), *ranges)]
    fitting = [version for version in usable if all(range_.allows(version) for range_ in wanted)]
    best = max_satisfying(fitting, wanted[0]) if wanted else None
    is_better = best is not None and (is_to_go or best > parse_version(locked.version))
    return best.text if best and is_better else locked.version


def _grow(
    rows: list[TreeRow], shown: set[str], plugins: Mapping[str, InstalledPlugin], root: InstalledPlugin
) -> None:
    """Adds the rows of `root` and of what it needs."""
    waiting: list[tuple[InstalledPlugin, str, tuple[bool, ...]]] = [(root, root.range or "", ())]
    while waiting:
        plugin, wanted, is_last = waiting.pop()
        is_again = plugin.name in shown and bool(plugin.needs)
        rows.append(
            TreeRow(
                name=plugin.name, version=plugin.version, range=wanted, is_last=is_last, is_again=is_again
            )
        )
        below = [] if is_again else [(plugins[n], r) for n, r in plugin.needs.items() if n in plugins]
        shown.add(plugin.name)
        for number, (needed, range_) in reversed(list(enumerate(below, 1))):
            waiting.append((needed, range_, (*is_last, number == len(below))))
