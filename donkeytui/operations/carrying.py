"""The user's edits of installed plugins: found, and carried over to another release.

Finding out takes both packages, so planning may fetch some; a plan then says file by file what
becomes of the edits, and applying it does just that.
"""

from collections.abc import Mapping

from msgspec import structs

from donkeytui.install.plan import PluginMerge, Wanted
from donkeytui.install.stage import MergeInput, ReadPackage, read_plugin
from donkeytui.operations.packages import installed_download, package_of, release_download
from donkeytui.problems import OfflineMissing, PluginEdited, RegistryUnreachable
from donkeytui.project.differences import unified
from donkeytui.project.merge import Side
from donkeytui.project.plugin_files import MergedPlugin, PluginFiles, merge_plugin, read_plugin_files
from donkeytui.project.snapshot import ProjectSnapshot
from donkeytui.session import Session
from registry_server.contract.problems import PluginNotFound, ProblemError, Quarantined, VersionNotFound

_NOT_AT_HAND = (OfflineMissing, RegistryUnreachable, PluginNotFound, Quarantined, VersionNotFound)


async def carried_edits(
    session: Session, snapshot: ProjectSnapshot, goal: Mapping[str, Wanted], *, side: Side
) -> tuple[PluginMerge, ...]:
    """One for each edited plugin that moves to another release.

    Raises `PluginEdited` when the release the edits were made on cannot be had.
    """
    merges: list[PluginMerge] = []
    for name in sorted(snapshot.edited()):
        locked, wanted = snapshot.lockfile.plugins[name], goal.get(name)
        if wanted is None or wanted.release.checksum == locked.integrity or name not in snapshot.trees:
            continue
        base = installed_download(session, name, locked)
        next_package = await package_of(session, release_download(session, name, wanted.release))
        mine = await session.in_thread(working_files, snapshot, name)
        after = await session.in_thread(read_plugin, name, wanted.release.version, next_package)
        merged = await session.in_thread(
            merge_plugin,
            (await _pristine(session, snapshot, name)).files,
            mine,
            after.files,
            side=side,
            folder=f"{snapshot.plugins_root}/{name}",
            version=wanted.release.version,
        )
        merges.append(
            PluginMerge(
                name=name,
                side=side,
                base=base,
                files=merged.touched,
                diffs=await session.in_thread(_diffs, f"{snapshot.plugins_root}/{name}", mine, merged),
            )
        )
    return tuple(merges)


def _diffs(folder: str, mine: PluginFiles, merged: MergedPlugin) -> dict[str, str]:
    before, after = mine.placed(folder), merged.files.placed(folder)
    told = {
        file.path: unified(file.path, before.get(file.path), after.get(file.path)) for file in merged.touched
    }
    return {path: text for path, text in told.items() if text}


async def with_digests(
    session: Session, snapshot: ProjectSnapshot, goal: Mapping[str, Wanted]
) -> ProjectSnapshot:
    """The snapshot with the digests of released files that another program left out of the lockfile.

    Only of plugins that move or go: without one, edits of them would be lost unseen. Raises
    `PluginEdited` when nobody can tell, since the package cannot be had.
    """
    plugins = dict(snapshot.lockfile.plugins)
    for name, locked in snapshot.lockfile.plugins.items():
        is_kept = name in goal and goal[name].release.checksum == locked.integrity
        if locked.tree or is_kept or name not in snapshot.trees:
            continue
        try:
            released = (await pristine(session, snapshot, name)).files
        except _NOT_AT_HAND as error:
            raise PluginEdited(
                f"nobody can tell whether `{name}` has edits of yours",
                detail=f"the lockfile has no digest of its files, and {error.problem.title}",
                hint="--force goes ahead; a copy stays in .donkeylabs, and donkeytui undo brings it back",
            ) from error
        plugins[name] = structs.replace(locked, tree=released.tree)
    return structs.replace(snapshot, lockfile=structs.replace(snapshot.lockfile, plugins=plugins))


async def merge_inputs(
    session: Session, snapshot: ProjectSnapshot, merges: tuple[PluginMerge, ...]
) -> dict[str, MergeInput]:
    """What staging needs to merge as planned."""
    return {
        merge.name: MergeInput(
            base=await package_of(session, merge.base),
            mine=await session.in_thread(working_files, snapshot, merge.name),
        )
        for merge in merges
    }


def working_files(snapshot: ProjectSnapshot, name: str) -> PluginFiles:
    """A plugin's files as they are now; of one that was uninstalled since a plan was made, none elsewhere."""
    locked = snapshot.lockfile.plugins.get(name)
    folder = f"{snapshot.plugins_root}/{name}"
    return read_plugin_files(snapshot.root, folder, locked.copies if locked else ())


async def pristine(session: Session, snapshot: ProjectSnapshot, name: str) -> ReadPackage:
    """An installed plugin as it was released.

    Raises what fetching raises when its package is neither in the cache nor to be had.
    """
    locked = snapshot.lockfile.plugins[name]
    data = await package_of(session, installed_download(session, name, locked))
    return await session.in_thread(read_plugin, name, locked.version, data)


async def _pristine(session: Session, snapshot: ProjectSnapshot, name: str) -> ReadPackage:
    try:
        return await pristine(session, snapshot, name)
    except _NOT_AT_HAND as error:
        raise PluginEdited(
            f"`{name}` has edits of yours that cannot be carried over",
            detail=f"that takes the release they were made on: {error.problem.title}",
            hint=f"{_instead(error)}--force to go ahead without your edits (undo brings them back)",
        ) from error


def _instead(error: ProblemError) -> str:
    """How else the package can be had; what is in quarantine cannot."""
    if isinstance(error, Quarantined):
        return ""
    is_gone = isinstance(error, PluginNotFound | VersionNotFound)
    return f"{'use the registry it came from' if is_gone else 'go online once'}, or "
