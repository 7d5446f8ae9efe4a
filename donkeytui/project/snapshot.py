"""ProjectSnapshot: what is on disk now, with digests; reads only.

A project is a folder with `donkeylabs.config.ts` (or `.js`), found from the working folder upwards.
Its files come with a clone and are untrusted: the plugins root must lie inside the project and no
link is followed on the way to it.
"""

import json
from pathlib import Path, PurePosixPath

from msgspec import Struct

from donkeytui.problems import NotAProject, ProjectNotWritable
from donkeytui.project.config_ts import ConfigReading, plugins_root, read_config
from donkeytui.project.lockfile import (
    LOCKFILE_MAX_BYTES,
    LOCKFILE_NAME,
    LockedPlugin,
    Lockfile,
    parse_lockfile,
)
from donkeytui.project.tree import file_integrity, is_place, tree_integrity
from registry_server.contract.integrity import integrity_of
from registry_server.contract.names import is_name
from registry_server.contract.problems import ProblemError
from registry_server.contract.versions import Version, parse_version

CONFIG_NAMES = ("donkeylabs.config.ts", "donkeylabs.config.js")
PACKAGE_JSON = "package.json"
FRAMEWORK_PACKAGE = "node_modules/@donkeylabs/server/package.json"
SERVER_ENTRIES = ("src/server/index.ts", "src/index.ts")
TEXT_MAX_BYTES = 4 << 20
TREE_FILES_MAX = 20_000
A_LINK = integrity_of(b"a link")
A_FOLDER = integrity_of(b"a folder")


class ProjectText(Struct, frozen=True, kw_only=True):
    """A text file of the project; `integrity` is of its bytes, "" when there is no such file."""

    path: str
    text: str
    integrity: str


class ProjectSnapshot(Struct, frozen=True, kw_only=True):
    root: Path
    config: ProjectText
    config_reading: ConfigReading
    package_json: ProjectText
    lockfile_text: ProjectText
    lockfile: Lockfile
    plugins_root: str
    """Relative to the root, with `/`."""
    trees: dict[str, str]
    """Installed folder -> digest of its files now; for locked plugins and all else there, links too."""
    copies: dict[str, str]
    """Path -> integrity now, of files the lockfile tracks outside of the folder; "" for a missing one."""
    entry: ProjectText
    """The server entry; its path is where it would be when there is none."""
    framework: Version | None
    """None until the framework is installed: unknown, and then no conflict."""

    def edited(self) -> list[str]:
        """Locked plugins whose files are not what was installed."""
        locked = self.lockfile.plugins.items()
        return [name for name, plugin in locked if self._is_edited(name, plugin)]

    def missing(self) -> list[str]:
        """Locked plugins without a folder, or that lack a file they brought elsewhere."""
        edited = self.edited()
        return [
            name
            for name, plugin in self.lockfile.plugins.items()
            if name not in self.trees
            or (name not in edited and any(not self.copies[path] for path in plugin.copies))
        ]

    def yours(self) -> list[str]:
        """Folders below the plugins root that the lockfile does not know: the user's own plugins."""
        return sorted(set(self.trees) - set(self.lockfile.plugins))

    def texts(self) -> tuple[ProjectText, ...]:
        """Every text file a plan may edit."""
        return (self.config, self.package_json, self.entry, self.lockfile_text)

    def _is_edited(self, name: str, plugin: LockedPlugin) -> bool:
        if plugin.tree and self.trees.get(name, plugin.tree) != plugin.tree:
            return True
        return any(self.copies[path] not in ("", released) for path, released in plugin.copies.items())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    """False also for what may not be looked at, or is called too long a name."""
    try:
        return path.is_file()
    except OSError:
        return False


def find_project(start: Path) -> Path:
    """The nearest folder at or above `start` that holds a project.

    Raises `NotAProject`.
    """
    for folder in (start, *start.parents):
        if any(_is_file(folder / name) for name in CONFIG_NAMES):
            return folder
    if not _is_folder(start):
        raise NotAProject(f"there is no folder {start}", hint="name a project's folder with --project DIR")
    raise NotAProject(
        "there is no DonkeyLabs project here",
        detail=f"no {CONFIG_NAMES[0]} in {start} or above it",
        hint="go into a project, or name one with --project DIR",
    )


def read_snapshot(root: Path) -> ProjectSnapshot:
    """Raises `NotAProject`, `LockfileInvalid` or `ProjectNotWritable` (for what cannot be read)."""
    config_name = next((name for name in CONFIG_NAMES if (root / name).is_file()), None)
    if config_name is None:
        raise NotAProject(f"{root} is not a DonkeyLabs project", detail=f"it has no {CONFIG_NAMES[0]}")
    config = read_text(root, config_name)
    reading = read_config(config.text)
    lockfile_text = read_text(root, LOCKFILE_NAME, LOCKFILE_MAX_BYTES)
    lockfile = parse_lockfile(lockfile_text.text) if lockfile_text.integrity else Lockfile()
    folder = plugins_root(reading)
    _check_inside(root, folder)
    return ProjectSnapshot(
        root=root,
        config=config,
        config_reading=reading,
        package_json=read_text(root, PACKAGE_JSON),
        lockfile_text=lockfile_text,
        lockfile=lockfile,
        plugins_root=folder,
        trees=_read_trees(root / folder),
        copies={
            path: read_copy(root, path) for plugin in lockfile.plugins.values() for path in plugin.copies
        },
        entry=_read_entry(root, reading.entry),
        framework=_read_framework(root),
    )


def read_text(root: Path, path: str, limit: int = TEXT_MAX_BYTES) -> ProjectText:
    """A file below `root`; a missing one has an empty integrity."""
    place = root / path
    try:
        if place.exists() and not place.is_file():
            # Opening a pipe would wait for ever.
            raise ProjectNotWritable(f"{path} is no file", hint="put one there, or remove what is there")
        with place.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        return ProjectText(path=path, text="", integrity="")
    except OSError as error:
        raise ProjectNotWritable(f"{path} cannot be read", detail=str(error.strerror)) from error
    if len(data) > limit:
        raise ProjectNotWritable(
            f"{path} is larger than {limit} bytes", hint="this is not a file we can edit"
        )
    return ProjectText(path=path, text=data.decode("utf-8", "surrogateescape"), integrity=integrity_of(data))


def read_copy(root: Path, path: str) -> str:
    """Integrity of a file that belongs to a plugin; "" when there is none.

    `A_FOLDER` or `A_LINK` for one in its place, which is never what was installed there.
    """
    place = root / path
    try:
        if any((root / part).is_symlink() for part in (path, *_parents(path))):
            return A_LINK
        if place.is_dir():
            return A_FOLDER
        return file_integrity(place.read_bytes()) if place.is_file() else ""
    except OSError as error:
        raise ProjectNotWritable(f"{path} cannot be read", detail=str(error.strerror)) from error


def _parents(path: str) -> list[str]:
    return [parent.as_posix() for parent in PurePosixPath(path).parents][:-1]


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every file below a plugin's folder: path -> contents. Links count by where they point, unfollowed."""
    if folder.is_symlink():
        return {"": _link(folder)}
    found: dict[str, bytes] = {}
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        for item in sorted(current.iterdir()):
            path = item.relative_to(folder).as_posix()
            if item.is_symlink():
                found[path] = _link(item)
            elif item.is_dir():
                waiting.append(item)
            elif item.is_file():
                found[path] = item.read_bytes()
            if len(found) > TREE_FILES_MAX:
                raise ProjectNotWritable(f"{folder} has more than {TREE_FILES_MAX} files")
    return found


def _link(path: Path) -> bytes:
    return b"link to " + str(path.readlink()).encode("utf-8", "surrogateescape")


def _read_trees(folder: Path) -> dict[str, str]:
    try:
        items = sorted(folder.iterdir()) if folder.is_dir() else []
        return {
            item.name: tree_integrity(read_tree(item))
            for item in items
            if is_name(item.name) and (item.is_symlink() or item.is_dir())
        }
    except OSError as error:
        raise ProjectNotWritable(f"{folder} cannot be read", detail=str(error.strerror)) from error


def _check_inside(root: Path, folder: str) -> None:
    current = root
    for part in folder.split("/"):
        current = current / part
        if current.is_symlink():
            raise ProjectNotWritable(
                f"the plugins folder {folder} leads out of the project through a link",
                detail=f"{current.relative_to(root)} is a link",
                hint="make it a folder",
            )


def _read_entry(root: Path, named: str) -> ProjectText:
    """The server entry the config names, or the first of the framework's own places that is there."""
    candidates = (named.removeprefix("./"),) if named else SERVER_ENTRIES
    found = next((path for path in candidates if is_place(path) and _is_plain_file(root, path)), None)
    return read_text(root, found) if found else ProjectText(path=SERVER_ENTRIES[0], text="", integrity="")


def _is_plain_file(root: Path, path: str) -> bool:
    """Not one that a link leads to: a clone could have it lead out of the project, and into a plan."""
    linked = any((root / part).is_symlink() for part in (path, *_parents(path)))
    return not linked and _is_file(root / path)


def _read_framework(root: Path) -> Version | None:
    try:
        return parse_version(json.loads(read_text(root, FRAMEWORK_PACKAGE).text)["version"])
    except (ValueError, KeyError, TypeError, RecursionError, ProblemError):
        return None
