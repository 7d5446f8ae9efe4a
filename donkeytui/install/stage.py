"""Read and judge the fetched packages; say which files come and what the user has to do next.

Pure on bytes: nothing is written here. The files are laid out by `commit`, inside the project (the
same file system) and never below its plugins root, where the framework's generator would find them.
"""

from collections.abc import Mapping

from msgspec import Struct, structs

from donkeytui.install.plan import Edit, InstallPlan, PluginMerge
from donkeytui.project.lockfile import LOCKFILE_NAME, Lockfile, render_lockfile
from donkeytui.project.plugin_files import PluginFiles, merge_plugin, released_files
from registry_server.contract.archive import Entries, Entry, read_package
from registry_server.contract.contents import contents_of
from registry_server.contract.definition import Definition
from registry_server.contract.problems import ArchiveUnsafe, InvalidPackage, PackageTooLarge
from registry_server.contract.validation import check_package
from registry_server.contract.wire import Contents


class ReadPackage(Struct, frozen=True, kw_only=True):
    """What a verified and judged package is."""

    name: str
    files: PluginFiles
    definition: Definition
    contents: Contents


class StagedFolder(Struct, frozen=True, kw_only=True):
    """A plugin's new folder: files, or a copy of a folder that is kept in the project."""

    name: str
    files: dict[str, Entry] = {}
    copy_of: str = ""
    """Relative to the project; empty for `files`."""
    tree: str


class StagedFile(Struct, frozen=True, kw_only=True):
    path: str
    data: bytes | None
    """None: the file goes."""
    is_executable: bool = False
    mode_of: str = ""
    """A file, relative to the project, whose permissions it gets; "" for those of what it replaces."""


class Staged(Struct, frozen=True, kw_only=True):
    folders: tuple[StagedFolder, ...]
    files: tuple[StagedFile, ...]
    """The lockfile last."""
    packages: tuple[ReadPackage, ...] = ()


class MergeInput(Struct, frozen=True, kw_only=True):
    """What merging a plugin's edits takes besides the new package."""

    base: bytes
    """The package the edits were made on."""
    mine: PluginFiles


def stage(
    plan: InstallPlan, packages: Mapping[str, bytes], merges: Mapping[str, MergeInput] | None = None
) -> Staged:
    """`packages` and `merges` by plugin.

    Raises `ArchiveUnsafe` or `InvalidPackage` for a package that should never have been published, or
    that is not what the catalogue says.
    """
    merges = merges or {}
    steps = {step.name: step for step in plan.steps}
    read = tuple(read_plugin(name, steps[name].after, data) for name, data in sorted(packages.items()))
    for package in read:
        _check_announced(plan, package)
    planned = {merge.name: merge for merge in plan.merges}
    placed = {
        package.name: _merged(plan, planned[package.name], package, merges[package.name])
        if package.name in planned
        else package.files
        for package in read
    }
    lockfile = _with_integrities(plan.lockfile, {package.name: package.files for package in read})
    return Staged(
        folders=tuple(
            StagedFolder(name=name, files=files.folder, tree=files.tree) for name, files in placed.items()
        ),
        files=(*_copies(plan, placed), *_texts(plan.edits, lockfile)),
        packages=read,
    )


def read_plugin(name: str, version: str, data: bytes) -> ReadPackage:
    """A package that was verified against the catalogue, judged by the rules for plugins.

    Raises `ArchiveUnsafe`, `PackageTooLarge` or `InvalidPackage`.
    """
    entries = _read(name, version, data)
    # The sources were scanned when the release was published. Doing it again would cost an install most
    # of its time and stop nobody: who can put another package under this digest can alter a scan's rules.
    checked = check_package(entries, with_sources=False)
    manifest, definition = checked.manifest, checked.definition
    if manifest is None or manifest.name != name or manifest.version != version:
        unreadable = checked.errors[0].text if checked.errors else "something unreadable"
        found = f"{manifest.name} {manifest.version}" if manifest else unreadable
        raise ArchiveUnsafe(
            f"the package of `{name}` {version} is not what it should be",
            detail=f"it contains {found}" if manifest else found,
            hint="nothing was changed; tell the registry's operator",
        )
    if definition is None or checked.errors:
        raise InvalidPackage(
            f"the package of `{name}` {version} breaks the rules for plugins",
            detail=checked.errors[0].text if checked.errors else "it has no definition",
            hint="nothing was changed; tell the registry's operator",
            findings=checked.errors,
        )
    contents = contents_of(entries, checked)
    return ReadPackage(
        name=name, files=released_files(entries, contents.copies), definition=definition, contents=contents
    )


def _check_announced(plan: InstallPlan, package: ReadPackage) -> None:
    """Only what the plan showed may be written outside of the plugin's folder."""
    planned = set(plan.lockfile.plugins[package.name].copies)
    unannounced = sorted(set(package.files.copies) ^ planned)
    if unannounced:
        raise InvalidPackage(
            f"the package of `{package.name}` is not what the catalogue says",
            detail=f"they differ in files elsewhere in the project: {', '.join(unannounced[:5])}",
            hint="nothing was changed; donkeytui sync, and tell the registry's operator if it stays so",
        )


def _merged(plan: InstallPlan, merge: PluginMerge, package: ReadPackage, given: MergeInput) -> PluginFiles:
    base = read_plugin(merge.name, merge.base.version, given.base)
    version = plan.lockfile.plugins[merge.name].version
    folder = f"{plan.plugins_root}/{merge.name}"
    merged = merge_plugin(
        base.files, given.mine, package.files, side=merge.side, folder=folder, version=version
    )
    return merged.files


def _with_integrities(lockfile: Lockfile, released: Mapping[str, PluginFiles]) -> Lockfile:
    """The lockfile says what was released, so that edits stay edits after they are carried over."""
    locked = {
        name: structs.replace(plugin, tree=released[name].tree, copies=released[name].copy_integrities)
        if name in released
        else plugin
        for name, plugin in lockfile.plugins.items()
    }
    return structs.replace(lockfile, plugins=locked)


def _copies(plan: InstallPlan, placed: Mapping[str, PluginFiles]) -> list[StagedFile]:
    files: list[StagedFile] = []
    for step in plan.files:
        entry = placed[step.plugin].copies.get(step.path) if step.kind != "remove" else None
        files.append(
            StagedFile(
                path=step.path,
                data=entry.data if entry else None,
                is_executable=entry is not None and entry.is_executable,
            )
        )
    return files


def _texts(edits: tuple[Edit, ...], lockfile: Lockfile) -> list[StagedFile]:
    texts = {edit.path: edit.after for edit in edits}
    if LOCKFILE_NAME in texts:
        texts[LOCKFILE_NAME] = render_lockfile(lockfile)
    ordered = sorted(texts, key=lambda path: (path == LOCKFILE_NAME, path))
    return [StagedFile(path=path, data=texts[path].encode("utf-8", "surrogateescape")) for path in ordered]


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
