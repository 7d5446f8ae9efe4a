"""new: begin a plugin, in the project's plugins folder or where it is told."""

from pathlib import Path

from msgspec import Struct, structs

from donkeytui.authoring.judging import judge
from donkeytui.authoring.scaffold import NewPlugin, check_new, make_plugin
from donkeytui.events import Notice, Report, silent
from donkeytui.operations.suggest import known_document
from donkeytui.problems import FolderTaken, NotAProject, ProjectNotWritable
from donkeytui.project.config_ts import plugins_root, read_config
from donkeytui.project.snapshot import CONFIG_NAMES, find_project, read_text
from donkeytui.session import Session
from registry_server.contract.archive import Entry
from registry_server.contract.names import camel_name
from registry_server.contract.problems import Finding


class NewReport(Struct, frozen=True, kw_only=True):
    name: str
    folder: str
    files: tuple[tuple[str, int], ...]
    """Path and size in bytes."""
    findings: tuple[Finding, ...]
    """What `validate` would say."""
    registration: tuple[str, ...]
    """Lines for the server's entry."""
    is_in_project: bool


def place_of(session: Session, name: str, working_folder: Path, wanted: Path | None) -> Path:
    """Where the plugin goes: its folder has its name, or its migrations would never run.

    `wanted` is that folder, or the one it is made in; None is the plugins folder of the project, and
    outside of a project the working folder.

    Raises `ProjectNotWritable` when the plugins folder leads out of the project.
    """
    if wanted is not None:
        return wanted if wanted.name == name else wanted / name
    try:
        root = find_project(session.settings.project_start)
    except NotAProject:
        return working_folder / name
    config = next(path for path in CONFIG_NAMES if (root / path).is_file())
    folder = root / plugins_root(read_config(read_text(root, config).text))
    if not folder.resolve().is_relative_to(root.resolve()):
        raise ProjectNotWritable(
            f"the plugins folder {folder} leads out of the project through a link",
            hint="name a folder: donkeytui new NAME DIR",
        )
    return folder / name


async def create_plugin(
    session: Session, wanted: NewPlugin, folder: Path, report: Report = silent
) -> NewReport:
    """Writes the files of a new plugin; nothing that is there is touched.

    Raises `InvalidName`, `InvalidManifest`, `FolderTaken` for a folder that is not empty, or
    `ProjectNotWritable`.
    """
    wanted = structs.replace(wanted, year=wanted.year or session.clock().year)
    check_new(wanted)
    _tell_taken(session, wanted.name, report)
    files = {path: text.encode() for path, text in make_plugin(wanted).items()}
    await session.in_thread(_write, folder, files)
    plugin = f"{camel_name(wanted.name)}Plugin"
    argument = '({ greeting: "Hello" })' if wanted.has_config else ""
    return NewReport(
        name=wanted.name,
        folder=str(folder),
        files=tuple((path, len(data)) for path, data in files.items()),
        findings=judge({path: Entry(data=data) for path, data in files.items()}).findings,
        registration=(
            f'import {{ {plugin} }} from "./plugins/{wanted.name}";',
            f"server.registerPlugin({plugin}{argument});",
        ),
        is_in_project=_is_in_project(folder),
    )


def check_free(folder: Path) -> None:
    """Raises `FolderTaken` for a place where something is, `ProjectNotWritable` for one out of reach."""
    try:
        is_taken = folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))
    except OSError as error:
        raise _unwritable(folder, error) from error
    if is_taken:
        raise FolderTaken(
            f"{folder} is there already",
            detail="a new plugin takes no other's place",
            hint="choose another name, or name another folder: donkeytui new NAME DIR",
        )


def _tell_taken(session: Session, name: str, report: Report) -> None:
    taken = known_document(session, name)
    if taken is None:
        return
    registry = session.settings.registry.name
    text = f"the registry `{registry}` has a plugin `{taken.name}` already"
    hint = "only its owners can publish under that name"
    report(Notice(severity="warning", code="name-taken", text=text, hint=hint))


def _write(folder: Path, files: dict[str, bytes]) -> None:
    check_free(folder)
    made: list[Path] = []
    try:
        for path, data in files.items():
            place = folder / path
            for parent in reversed([place.parent, *place.parent.parents]):
                if not parent.exists():
                    parent.mkdir(exist_ok=True)
                    made.append(parent)
            with place.open("xb") as file:
                made.append(place)
                file.write(data)
    except OSError as error:
        _take_back(made)
        raise _unwritable(folder, error) from error


def _take_back(made: list[Path]) -> None:
    """Half a plugin is none. What cannot be removed was not left by us alone, and stays."""
    for place in reversed(made):
        try:
            if place.is_dir():
                place.rmdir()
            else:
                place.unlink()
        except OSError:
            continue


def _unwritable(folder: Path, error: OSError) -> ProjectNotWritable:
    return ProjectNotWritable(
        f"{folder} cannot be written",
        detail=f"{error.strerror}: {error.filename}",
        hint="name another folder: donkeytui new NAME DIR",
    )


def _is_in_project(folder: Path) -> bool:
    try:
        find_project(folder)
    except NotAProject:
        return False
    return True
