"""The state a project is to reach: from its lockfile as it stands, or from a resolution."""

from collections.abc import Iterable, Mapping

from donkeytui.install.plan import Wanted
from donkeytui.operations.releases import (
    address_of,
    catalogued,
    check_same_bytes,
    document_of,
    locked_release,
)
from donkeytui.project.lockfile import LockedPlugin, Lockfile
from donkeytui.resolution.request import PROJECT, Resolved, Wish
from donkeytui.session import Session
from registry_server.contract.problems import InvalidRange
from registry_server.contract.ranges import Requirement, exact_version, parse_range, parse_requirement
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Release

YOU = "you"
LATEST = "@latest"
"""Behind a name: its newest release, whatever range stands in the lockfile."""


def read_requirements(asked: Iterable[str]) -> dict[str, Requirement]:
    """Raises `InvalidRange` where two ranges are given for one plugin, besides what parsing raises."""
    requirements: dict[str, Requirement] = {}
    for requirement in map(parse_requirement, asked):
        other = requirements.setdefault(requirement.name, requirement)
        if other != requirement:
            raise InvalidRange(
                f"`{requirement.name}` is asked for twice",
                detail=f"as `{other.range.text}` and as `{requirement.range.text}`",
                hint="name it once",
            )
    return requirements


def named_latest(asked: Iterable[str]) -> frozenset[str]:
    """Plugins asked for as `name@latest`."""
    return frozenset(text.removesuffix(LATEST) for text in asked if text.endswith(LATEST))


def make_wishes(
    lockfile: Lockfile, requirements: Mapping[str, Requirement], *, beyond: frozenset[str]
) -> tuple[Wish, ...]:
    """What is asked for now, first, then what the lockfile says was asked for before.

    The lockfile's ranges of `beyond` do not count.
    """
    wishes = {name: Wish(name=name, range=r.range, source="request") for name, r in requirements.items()}
    for name, plugin in lockfile.plugins.items():
        if plugin.range is not None and (name not in wishes or wishes[name].range.is_any):
            wanted = parse_range("*" if name in beyond else plugin.range)
            wishes[name] = Wish(name=name, range=wanted, source="lockfile")
    return tuple(wishes.values())


def asked_to_move(lockfile: Lockfile, requirements: Mapping[str, Requirement]) -> frozenset[str]:
    """A range given by name means its newest; a bare name that is installed stays where it is."""
    asked = requirements.values()
    return frozenset(r.name for r in asked if not r.range.is_any or r.name not in lockfile.plugins)


def is_complete(lockfile: Lockfile) -> bool:
    """Whether every requirement in the lockfile is met by the lockfile, so that nothing need be solved."""
    for plugin in lockfile.plugins.values():
        if plugin.range is not None and not parse_range(plugin.range).allows(parse_version(plugin.version)):
            return False
        for name, wanted in plugin.dependencies.items():
            found = lockfile.plugins.get(name)
            if found is None or not parse_range(wanted).allows(parse_version(found.version)):
                return False
    return True


def kept_as_locked(session: Session, lockfile: Lockfile, name: str) -> Wanted:
    """A plugin exactly as the lockfile has it."""
    locked = lockfile.plugins[name]
    release = locked_release(session, name, locked)
    return Wanted(
        release=release,
        range=locked.range,
        why=((YOU,) if locked.range is not None else ()) + tuple(lockfile.dependents(name)),
        resolved=locked.resolved,
        dependencies=dict(locked.dependencies),
        before=release,
        pinned=locked.pinned,
    )


def make_goal(
    session: Session, lockfile: Lockfile, resolved: Resolved, named: Mapping[str, Requirement]
) -> dict[str, Wanted]:
    goal: dict[str, Wanted] = {}
    for name, candidate in resolved.pins.items():
        document = document_of(session, lockfile, name)
        assert document is not None
        releases = {release.version: release for release in document.versions}
        release = releases[candidate.version.text]
        locked = lockfile.plugins.get(name)
        if locked is not None and locked.version == release.version:
            check_same_bytes(name, locked, release)
        range_ = _saved_range(locked, named.get(name), release)
        goal[name] = Wanted(
            release=release,
            range=range_,
            why=_askers(resolved, name, is_asked=range_ is not None),
            resolved=address_of(session, name, release),
            dependencies={wanted: of.text for wanted, of in candidate.requires},
            before=catalogued(session, name, locked.version) if locked else None,
            pinned=locked is not None and locked.pinned,
        )
    return goal


def unneeded(plugins: Mapping[str, LockedPlugin] | Mapping[str, Wanted]) -> set[str]:
    """What nobody asked for and nothing leads to that somebody asked for."""
    waiting = [name for name, plugin in plugins.items() if plugin.range is not None]
    reached = set(waiting)
    while waiting:
        for name in plugins[waiting.pop()].dependencies:
            if name in plugins and name not in reached:
                reached.add(name)
                waiting.append(name)
    return set(plugins) - reached


def _askers(resolved: Resolved, name: str, *, is_asked: bool) -> tuple[str, ...]:
    """What is kept though nothing needs it is asked for by nobody."""
    askers = (asker for asker, _ in resolved.why[name] if is_asked or asker != PROJECT)
    return tuple(YOU if asker == PROJECT else asker for asker in askers)


def _saved_range(locked: LockedPlugin | None, named: Requirement | None, release: Release) -> str | None:
    """What the lockfile remembers as asked for: as written, or `^version` for a bare name.

    A range that the release has left, by `--latest`, is written anew.
    """
    if named is None or (named.range.is_any and locked is not None and locked.range is not None):
        kept = locked.range if locked else None
        if kept is None or parse_range(kept).allows(parse_version(release.version)):
            return kept
        return f"^{release.version}"
    if named.range.is_any:
        return f"^{release.version}"
    exact = exact_version(named.range)
    return exact.text if exact else named.range.text
