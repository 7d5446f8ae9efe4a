"""npm packages of all installed plugins: what they make of the project's package.json.

Values in, values out. An entry that we wrote is known by its record in the lockfile and by standing
there as we wrote it; everything else is the user's own. Ours are narrowed to what all plugins need,
and go, or give way to what stood there, when none needs them. The user's are narrowed where they
allow more than the plugins, and left alone where they exclude them or are no version range.
"""

from collections.abc import Mapping

from msgspec import Struct

from donkeytui.project.package_json import (
    read_npm_dependencies,
    remove_npm_dependencies,
    set_npm_dependencies,
)
from registry_server.contract.problems import InvalidRange
from registry_server.contract.range_sets import intersect_ranges
from registry_server.contract.ranges import parse_range

PACKAGE_JSON = "package.json"
_ANY = "*"


class NpmRecord(Struct, frozen=True, kw_only=True):
    """An entry of package.json as we wrote it."""

    range: str
    before: str = ""
    """The user's own range that stood there; empty when there was no entry."""


class NpmConflict(Struct, frozen=True, kw_only=True):
    """A plugin's range that is not in package.json, because it excludes what is."""

    package: str
    range: str
    """What excludes it: in package.json, or of the other plugin."""
    plugin: str
    wanted: str
    other: str
    """`package.json` or the name of a plugin."""


class NpmChange(Struct, frozen=True, kw_only=True):
    """What becomes of package.json. All mappings go from a package to what stands there now."""

    text: str
    """The whole file afterwards."""
    records: dict[str, NpmRecord]
    """Of the entries that stand as we wrote them, by package; for the lockfile."""
    added: dict[str, str]
    changed: dict[str, str]
    """The user's own ranges that are back are among them."""
    removed: tuple[str, ...]
    conflicts: tuple[NpmConflict, ...]
    """By package, then by plugin."""


class _Target(Struct, frozen=True, kw_only=True):
    """What an entry shall be."""

    range: str | None
    """None when there shall be none of ours."""
    conflicts: tuple[NpmConflict, ...] = ()


def change_npm(
    text: str, records: Mapping[str, NpmRecord], needs: Mapping[str, Mapping[str, str]]
) -> NpmChange:
    """`text` (package.json) for the plugins of `needs` (plugin -> package -> range): all that stay.

    `records` are those of the last change. Of plugins that exclude each other those win that agree with
    what we wrote then, so that who comes later takes nothing from who was there; else the first by
    name. The same again changes nothing; without needs, all that we did is undone.

    Raises `InvalidManifest` when `text` cannot be read, `InvalidRange` when a plugin's is no range.
    """
    present = read_npm_dependencies(text)
    wanted = _by_package(needs)
    kept: dict[str, NpmRecord] = {}
    ranges: dict[str, str] = {}
    obsolete: list[str] = []
    conflicts: list[NpmConflict] = []
    for package in sorted({*wanted, *records}):
        before = _users_range(present.get(package), records.get(package))
        ours = records[package].range if package in records and before != present.get(package) else None
        target = _target(package, before, _in_order(wanted.get(package, {}), ours))
        conflicts += target.conflicts
        if target.range is None:
            obsolete.append(package)
            continue
        if target.range != before:
            # The user's own empty text means any version too; a record without one means no entry.
            kept[package] = NpmRecord(range=target.range, before="" if before is None else before or _ANY)
        if target.range != present.get(package):
            ranges[package] = target.range
    changed_text = remove_npm_dependencies(set_npm_dependencies(text, ranges), obsolete)
    return NpmChange(
        text=changed_text,
        records=kept,
        added={package: range_ for package, range_ in ranges.items() if package not in present},
        changed={package: range_ for package, range_ in ranges.items() if package in present},
        removed=tuple(sorted(present.keys() - read_npm_dependencies(changed_text).keys())),
        conflicts=tuple(conflicts),
    )


def _by_package(needs: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Package -> plugin -> range, plugins by name."""
    wanted: dict[str, dict[str, str]] = {}
    for plugin in sorted(needs):
        for package, range_ in needs[plugin].items():
            wanted.setdefault(package, {})[plugin] = range_
    return wanted


def _in_order(wanted: Mapping[str, str], ours: str | None) -> dict[str, str]:
    """By name, but first those that agree with what we wrote."""
    if ours is None:
        return dict(wanted)
    agreeing = {plugin for plugin, range_ in wanted.items() if intersect_ranges(ours, range_) is not None}
    return {
        plugin: wanted[plugin] for plugin in sorted(wanted, key=lambda name: (name not in agreeing, name))
    }


def _users_range(present: str | None, record: NpmRecord | None) -> str | None:
    """What stands there, or would stand there without us; None for no entry."""
    if present is None or record is None or present != record.range:
        return present
    return record.before or None


def _target(package: str, before: str | None, wanted: Mapping[str, str]) -> _Target:
    """`before` narrowed to what the plugins want, in their order."""
    if before is not None and not _is_range(before):
        return _Target(range=before)
    current = before
    standing = {} if before is None else {PACKAGE_JSON: before}
    conflicts: list[NpmConflict] = []
    for plugin, range_ in wanted.items():
        parse_range(range_)
        if current is None:
            current = range_.strip() or _ANY
        elif (both := intersect_ranges(current, range_)) is not None:
            current = both
        else:
            other, excluding = _excluding(range_, standing) or (PACKAGE_JSON, current)
            conflicts.append(
                NpmConflict(package=package, range=excluding, plugin=plugin, wanted=range_, other=other)
            )
            continue
        standing[plugin] = range_
    return _Target(range=current, conflicts=tuple(conflicts))


def _excluding(wanted: str, standing: Mapping[str, str]) -> tuple[str, str] | None:
    """The first name and range that alone exclude `wanted`; None when only all together do."""
    return next((one for one in standing.items() if intersect_ranges(one[1], wanted) is None), None)


def _is_range(text: str) -> bool:
    """Not a tag, a folder, an address or another package's name."""
    try:
        parse_range(text)
    except InvalidRange:
        return False
    return True
