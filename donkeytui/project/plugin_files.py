"""A plugin's files in a project: as a package brings them, and as they lie there now."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct

from donkeytui.problems import PluginEdited, ProjectNotWritable
from donkeytui.project.merge import MergedFile, Side, merge_trees
from donkeytui.project.tree import file_integrity, tree_integrity
from registry_server.contract.archive import Entries, Entry
from registry_server.contract.copies import is_installed_path
from registry_server.contract.foreign import clean
from registry_server.contract.wire import FileCopy

FILE_MAX_BYTES = 32 << 20


class PluginFiles(Struct, frozen=True, kw_only=True):
    folder: dict[str, Entry]
    """By path below the plugin's folder."""
    copies: dict[str, Entry] = {}
    """By path in the project, of what lies elsewhere."""

    @property
    def tree(self) -> str:
        return tree_integrity({path: entry.data for path, entry in self.folder.items()})

    def placed(self, folder: str) -> dict[str, bytes]:
        """All by path in the project, where the plugin lies in `folder`."""
        inside = {f"{folder}/{path}": entry.data for path, entry in self.folder.items()}
        return inside | {path: entry.data for path, entry in self.copies.items()}

    @property
    def copy_integrities(self) -> dict[str, str]:
        return {path: file_integrity(entry.data) for path, entry in self.copies.items()}


def released_files(entries: Entries, copies: Iterable[FileCopy]) -> PluginFiles:
    """What of a package goes into a project, and where to."""
    return PluginFiles(
        folder={path: entry for path, entry in entries.items() if is_installed_path(path)},
        copies={copy.target: entries[copy.source] for copy in copies},
    )


def read_plugin_files(root: Path, folder: str, copies: Iterable[str]) -> PluginFiles:
    """As they are now; `folder` and `copies` are relative to the project, and a missing file is left out.

    Raises `PluginEdited` for a link among them, which no merge can carry over, and
    `ProjectNotWritable` for what cannot be read.
    """
    copies = tuple(copies)
    for place in (folder, *copies):
        _check_unlinked(root, place)
    try:
        return PluginFiles(
            folder={
                path.relative_to(root / folder).as_posix(): _read(root, path)
                for path in sorted((root / folder).rglob("*"))
                if path.is_symlink() or path.is_file()
            },
            copies={path: _read(root, root / path) for path in copies if (root / path).is_file()},
        )
    except OSError as error:
        raise ProjectNotWritable(f"{folder} cannot be read", detail=str(error.strerror)) from error


class MergedPlugin(Struct, frozen=True, kw_only=True):
    files: PluginFiles
    touched: tuple[MergedFile, ...]
    """What the user had touched; paths relative to the project."""


def merge_plugin(
    before: PluginFiles, mine: PluginFiles, after: PluginFiles, *, side: Side, folder: str, version: str
) -> MergedPlugin:
    """The user's edits of a release, brought over to the release called `version`."""
    labels = ("yours", version)
    inside = merge_trees(
        _data(before.folder), _data(mine.folder), _data(after.folder), side=side, labels=labels
    )
    outside = merge_trees(
        _data(before.copies), _data(mine.copies), _data(after.copies), side=side, labels=labels
    )
    return MergedPlugin(
        files=PluginFiles(
            folder=_entries(inside.files, mine.folder, after.folder),
            copies=_entries(outside.files, mine.copies, after.copies),
        ),
        touched=(
            *(
                MergedFile(path=f"{folder}/{file.path}", outcome=file.outcome, detail=file.detail)
                for file in inside.touched
            ),
            *outside.touched,
        ),
    )


def _data(files: Mapping[str, Entry]) -> dict[str, bytes]:
    return {path: entry.data for path, entry in files.items()}


def _entries(
    files: Mapping[str, bytes], mine: Mapping[str, Entry], after: Mapping[str, Entry]
) -> dict[str, Entry]:
    """Whether a file can be run is the release's word, or for files of the user's own theirs."""
    sources = {**mine, **after}
    return {
        path: Entry(data=data, is_executable=path in sources and sources[path].is_executable)
        for path, data in sorted(files.items())
    }


def _read(root: Path, path: Path) -> Entry:
    place = path.relative_to(root).as_posix()
    if path.is_symlink():
        raise _linked(place)
    with path.open("rb") as file:
        data = file.read(FILE_MAX_BYTES + 1)
    if len(data) > FILE_MAX_BYTES:
        raise ProjectNotWritable(f"{place} is larger than {FILE_MAX_BYTES} bytes", hint="move it elsewhere")
    return Entry(data=data, is_executable=bool(path.stat().st_mode & 0o100))


def _check_unlinked(root: Path, place: str) -> None:
    """Neither `place` nor a folder above it, one that leads nowhere included."""
    for part in (place, *(parent.as_posix() for parent in PurePosixPath(place).parents)):
        if part != "." and (root / part).is_symlink():
            raise _linked(part)


def _linked(place: str) -> PluginEdited:
    return PluginEdited(
        f"{clean(place, 200)} is a link",
        detail="edits are carried over file by file, and a link is none",
        hint="put what it leads to there itself, or --force to go ahead without your edits",
    )
