"""What a change means for package.json: which npm packages come, move and go."""

from collections.abc import Mapping

from msgspec import Struct

from donkeytui.project.npm_packages import NpmConflict, NpmRecord, change_npm
from donkeytui.project.package_json import read_npm_dependencies
from donkeytui.project.snapshot import ProjectSnapshot
from registry_server.contract.foreign import clean
from registry_server.contract.manifest import is_npm_dependency
from registry_server.contract.problems import InvalidPackage


class NpmPlan(Struct, frozen=True, kw_only=True):
    text: str | None
    """package.json afterwards; None when it is not looked at."""
    records: dict[str, NpmRecord]
    ranges: dict[str, str] = {}
    removed: tuple[str, ...] = ()
    conflicts: tuple[NpmConflict, ...] = ()


def plan_npm(
    snapshot: ProjectSnapshot, needs: Mapping[str, Mapping[str, str]], touched: frozenset[str]
) -> NpmPlan:
    """`needs` of all plugins that are there afterwards; `touched` are those that change, or go.

    What a plugin that stays needs and package.json lacks was taken out by the user, on purpose.
    Raises `InvalidPackage` for a package that is none, `InvalidManifest` for a broken package.json.
    """
    for name in sorted(touched & needs.keys()):
        for package, range_ in needs[name].items():
            _check_npm(name, package, range_)
    records, locked = snapshot.lockfile.npm, snapshot.lockfile.plugins
    concerned = any(needs.get(name) or (name in locked and locked[name].packages) for name in touched)
    if not concerned or not snapshot.package_json.integrity:
        return NpmPlan(text=None, records=dict(records))
    text = snapshot.package_json.text
    present = read_npm_dependencies(text)
    wanted = {
        name: {p: r for p, r in packages.items() if name in touched or p in present}
        for name, packages in needs.items()
    }
    change = change_npm(text, records, wanted)
    return NpmPlan(
        text=change.text,
        records=change.records,
        ranges=change.added | change.changed,
        removed=change.removed,
        conflicts=change.conflicts,
    )


def _check_npm(plugin: str, package: str, range_: str) -> None:
    """The catalogue is the registry's word: it may not bring in code by git, http or file either."""
    if not is_npm_dependency(package, range_):
        raise InvalidPackage(
            f"`{plugin}` asks for an npm package that is none: `{clean(package, 80)}` `{clean(range_, 80)}`",
            detail="only a name and a version range go into package.json",
            hint="nothing was changed; tell the registry's operator",
        )
