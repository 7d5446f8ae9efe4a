"""Files that a release sends elsewhere in the project: which come, change and go."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Literal

from msgspec import Struct

from donkeytui.problems import FileTaken
from donkeytui.project.snapshot import A_FOLDER, A_LINK, ProjectSnapshot
from donkeytui.project.tree import is_place
from registry_server.contract.foreign import clean
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.wire import Contents


class FileStep(Struct, frozen=True, kw_only=True):
    """What happens to one file of a plugin outside of its folder."""

    kind: Literal["create", "update", "replace", "remove"]
    """`replace`: a file that is not ours makes way."""
    path: str
    plugin: str


def copy_steps(
    snapshot: ProjectSnapshot,
    touched: Mapping[str, Contents | None],
    present: Mapping[str, str],
    *,
    is_forced: bool,
) -> tuple[FileStep, ...]:
    """`touched`: plugin -> what its release brings, None for one that goes. Sorted by path.

    Raises `FileTaken` for a file that is not ours and not forced, for a folder or a link in the way,
    and for a place that two plugins claim; `InvalidPackage` for one that
    no plugin may write to.
    """
    places = _Places()
    for name, plugin in snapshot.lockfile.plugins.items():
        for path in plugin.copies if name not in touched else ():
            places.take(path, name)
    ours = {path for plugin in snapshot.lockfile.plugins.values() for path in plugin.copies}
    steps: dict[str, FileStep] = {}
    for name, contents in sorted(touched.items()):
        for copy in contents.copies if contents else ():
            _check_target(snapshot, name, copy.target)
            places.claim(copy.target, name)
            _check_way(name, copy.target, present.get(copy.target, ""))
            kind = _kind(copy.target, present, ours)
            if kind == "replace" and not is_forced:
                raise FileTaken(
                    f"{copy.target} is in the way",
                    detail=f"`{name}` brings a file of that name, and yours is not in the lockfile",
                    hint="move it, or --force: a copy stays, and donkeytui undo brings it back",
                )
            steps[copy.target] = FileStep(kind=kind, path=copy.target, plugin=name)
    for name in touched:
        locked = snapshot.lockfile.plugins.get(name)
        for path in locked.copies if locked else ():
            is_there = present.get(path, "") not in ("", A_FOLDER, A_LINK)
            # A lockfile comes with a clone: what no plugin may bring was brought by none.
            if is_there and path not in places.files and _may_hold(snapshot, path):
                steps[path] = FileStep(kind="remove", path=path, plugin=name)
    return tuple(steps[path] for path in sorted(steps))


def _kind(path: str, present: Mapping[str, str], ours: set[str]) -> Literal["create", "update", "replace"]:
    if not present.get(path):
        return "create"
    return "update" if path in ours else "replace"


class _Places:
    """Which plugin has which file, and which folder for it."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def take(self, path: str, plugin: str) -> None:
        self.files[path] = plugin
        self._folders.update(dict.fromkeys(_above(path), plugin))

    def claim(self, path: str, plugin: str) -> None:
        """Raises `FileTaken`."""
        if path in self.files:
            raise FileTaken(
                f"`{plugin}` and `{self.files[path]}` both bring {path}",
                hint="install one of the two",
            )
        rivals = (self._folders.get(path), *(self.files.get(folder) for folder in _above(path)))
        rival = next((rival for rival in rivals if rival), None)
        if rival:
            raise FileTaken(
                f"`{plugin}` and `{rival}` cannot both be here: {path}",
                detail="one brings a file where the other needs a folder",
                hint="install one of the two",
            )
        self.take(path, plugin)


def _above(path: str) -> list[str]:
    return [parent.as_posix() for parent in PurePosixPath(path).parents][:-1]


def _check_way(plugin: str, target: str, present: str) -> None:
    """What no force replaces: a link may lead anywhere, and a folder hold anything."""
    for kind, integrity in (("folder", A_FOLDER), ("link", A_LINK)):
        if present == integrity:
            raise FileTaken(
                f"a {kind} is in the way of {target}",
                detail=f"`{plugin}` brings a file of that name",
                hint=f"move the {kind}, and try again",
            )


def _check_target(snapshot: ProjectSnapshot, plugin: str, target: str) -> None:
    """The catalogue is the registry's word, and a package is a stranger's."""
    if not _may_hold(snapshot, target):
        raise InvalidPackage(
            f"`{plugin}` would write to `{clean(target, 120)}`, where no plugin may",
            hint="nothing was changed; tell the registry's operator",
        )


def _may_hold(snapshot: ProjectSnapshot, path: str) -> bool:
    """Whether a plugin's file may lie there: not in place of a text we edit, nor in any plugin's folder."""
    texts = {text.path for text in snapshot.texts()}
    root = snapshot.plugins_root
    is_inside = path == root or path.startswith(f"{root}/") or root.startswith(f"{path}/")
    return is_place(path) and path not in texts and not is_inside
