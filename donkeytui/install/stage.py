"""Read and judge the fetched packages; say which files come and what the user has to do next.

Pure on bytes: nothing is written here. The files are laid out by `commit`, inside the project (the
same file system) and never below its plugins root, where the framework's generator would find them.
"""

from collections.abc import Mapping

from msgspec import Struct, structs

from donkeytui.install.fetch import Fetched
from donkeytui.install.plan import InstallPlan
from donkeytui.project.lockfile import Lockfile
from donkeytui.project.tree import is_installed_path, tree_integrity
from registry_server.contract.archive import Entries, Entry, read_package
from registry_server.contract.definition import Definition
from registry_server.contract.problems import ArchiveUnsafe, InvalidPackage, PackageTooLarge
from registry_server.contract.validation import check_package


class StagedPlugin(Struct, frozen=True, kw_only=True):
    name: str
    files: dict[str, Entry]
    definition: Definition
    env_vars: tuple[str, ...]
    instructions: tuple[str, ...]
    tree: str


class Staged(Struct, frozen=True, kw_only=True):
    plugins: tuple[StagedPlugin, ...]
    lockfile: Lockfile
    """The plan's, with the digests of the new trees."""


def stage(plan: InstallPlan, fetched: Fetched) -> Staged:
    """Raises `ArchiveUnsafe` or `InvalidPackage` for a package that should never have been published."""
    versions = {step.name: step.after for step in plan.steps}
    plugins = tuple(_stage_one(name, versions[name], data) for name, data in sorted(fetched.packages.items()))
    trees = {plugin.name: plugin.tree for plugin in plugins}
    locked = {
        name: structs.replace(plugin, tree=trees.get(name, plugin.tree))
        for name, plugin in plan.lockfile.plugins.items()
    }
    return Staged(plugins=plugins, lockfile=Lockfile(plugins=locked))


def _stage_one(name: str, version: str, data: bytes) -> StagedPlugin:
    entries = _read(name, version, data)
    checked = check_package(entries)
    manifest, definition = checked.manifest, checked.definition
    if manifest is None or manifest.name != name or manifest.version != version:
        found = f"{manifest.name} {manifest.version}" if manifest else "something unreadable"
        raise ArchiveUnsafe(
            f"the package of `{name}` {version} is not what it should be",
            detail=f"it contains {found}",
            hint="nothing was changed; tell the registry's operator",
        )
    if definition is None or checked.errors:
        raise InvalidPackage(
            f"the package of `{name}` {version} breaks the rules for plugins",
            detail=checked.errors[0].text if checked.errors else "it has no definition",
            hint="nothing was changed; tell the registry's operator",
            findings=checked.errors,
        )
    files = _installed(entries)
    return StagedPlugin(
        name=name,
        files=files,
        definition=definition,
        env_vars=checked.framework_manifest.env_vars,
        instructions=checked.framework_manifest.instructions,
        tree=tree_integrity({path: entry.data for path, entry in files.items()}),
    )


def _read(name: str, version: str, data: bytes) -> Entries:
    """The entries; what is wrong with the archive is told with whose it is."""
    try:
        return read_package(data)
    except (ArchiveUnsafe, PackageTooLarge) as error:
        raise type(error)(
            f"the package of `{name}` {version} is refused: {error.problem.title}",
            detail=error.problem.detail,
            hint="nothing was changed; tell the registry's operator",
        ) from error


def _installed(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    return {path: entry for path, entry in entries.items() if is_installed_path(path)}
