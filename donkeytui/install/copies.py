"""Files that a release sends elsewhere in the project: which come, change and go."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from donkeytui.problems import FileTaken
from donkeytui.project.snapshot import ProjectSnapshot
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

    Raises `FileTaken` for a file that is not ours and not forced, `InvalidPackage` for a target that
    no plugin may write to or that two plugins claim.
    """
    owners = {
        path: name
        for name, plugin in snapshot.lockfile.plugins.items()
        for path in plugin.copies
        if name not in touched
    }
    ours = {path for plugin in snapshot.lockfile.plugins.values() for path in plugin.copies}
    steps: dict[str, FileStep] = {}
    for name, contents in sorted(touched.items()):
        for copy in contents.copies if contents else ():
            _check_target(snapshot, name, copy.target, owners)
            owners[copy.target] = name
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
            if path not in owners and present.get(path):
                steps[path] = FileStep(kind="remove", path=path, plugin=name)
    return tuple(steps[path] for path in sorted(steps))


def _kind(path: str, present: Mapping[str, str], ours: set[str]) -> Literal["create", "update", "replace"]:
    if not present.get(path):
        return "create"
    return "update" if path in ours else "replace"


def _check_target(snapshot: ProjectSnapshot, plugin: str, target: str, owners: Mapping[str, str]) -> None:
    """The catalogue is the registry's word, and a package is a stranger's."""
    texts = {text.path for text in snapshot.texts()}
    is_inside = f"{target}/".startswith(f"{snapshot.plugins_root}/")
    if not is_place(target) or target in texts or is_inside:
        raise InvalidPackage(
            f"`{plugin}` would write to `{clean(target, 120)}`, where no plugin may",
            hint="nothing was changed; tell the registry's operator",
        )
    if target in owners:
        raise FileTaken(
            f"`{plugin}` and `{owners[target]}` both bring {target}",
            hint="install one of the two",
        )
