"""What authors' verbs write: a new plugin's folder, mended files, a package; and what they never touch."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.authoring.scaffold import NewPlugin
from donkeytui.events import Notice
from donkeytui.operations.mend import mend_source
from donkeytui.operations.new import create_plugin, place_of
from donkeytui.operations.pack import pack_folder
from donkeytui.operations.plugin_source import open_source
from donkeytui.operations.suggest import usual_range
from donkeytui.operations.sync import sync
from donkeytui.operations.validate import validate
from donkeytui.problems import FolderTaken, ProjectNotWritable, SourceUnreadable
from registry_server.contract.archive import read_package
from registry_server.contract.problems import InvalidName
from tests.support.builders import tree, write_plugin

is_root = os.geteuid() == 0


@pytest.fixture
def place(in_session: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    """Where a plugin called auth would go."""

    def place(wanted: Path | None = None, **changed: Any) -> Path:
        async def operation(session: Any) -> Path:
            return place_of(session, "auth", tmp_path / "here", wanted)

        return in_session(operation, **changed)  # type: ignore[no-any-return]

    return place


@pytest.fixture
def create(in_session: Callable[..., Any]) -> Callable[..., Any]:
    def create(folder: Path, name: str = "auth", **fields: Any) -> Any:
        events: list[Any] = []

        async def operation(session: Any) -> Any:
            return await create_plugin(session, NewPlugin(name=name, **fields), folder, events.append)

        return in_session(operation), events

    return create


# New plugins.


def test_a_new_plugin_goes_into_the_plugins_folder_of_the_project(
    place: Callable[..., Path], project: Path
) -> None:
    assert place() == project / "src/server/plugins/auth"

    (project / "donkeylabs.config.ts").write_text('export default { plugins: ["./features/**/index.ts"] };\n')
    assert place(project_start=project / "src") == project / "features/auth"


def test_outside_of_a_project_it_goes_where_one_is(place: Callable[..., Path], tmp_path: Path) -> None:
    assert place(project_start=tmp_path) == tmp_path / "here" / "auth"


def test_the_folder_has_the_plugin_s_name_wherever_it_is(place: Callable[..., Path], tmp_path: Path) -> None:
    assert place(tmp_path / "a") == tmp_path / "a" / "auth"
    assert place(tmp_path / "a" / "auth") == tmp_path / "a" / "auth"


def test_a_plugins_folder_that_leads_out_of_the_project_is_refused(
    place: Callable[..., Path], project: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / "src/server/plugins").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ProjectNotWritable, match="leads out"):
        place()


def test_what_is_made_is_valid_and_told(create: Callable[..., Any], project: Path, clock: Any) -> None:
    folder = project / "src/server/plugins/auth"
    made, events = create(folder, has_config=True)
    source = open_source(folder)

    assert source.findings == made.findings == ()
    assert source.files == made.files
    assert events == []
    assert made.is_in_project
    assert made.registration == (
        'import { authPlugin } from "./plugins/auth";',
        'server.registerPlugin(authPlugin({ greeting: "Hello" }));',
    )
    assert f"Copyright (c) {clock().year} the authors of auth" in (folder / "LICENSE").read_text()


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder with a file", "folder with .git"])
def test_nothing_that_is_there_is_overwritten(
    create: Callable[..., Any], project: Path, tmp_path: Path, kind: str
) -> None:
    folder = project / "auth"
    match kind:
        case "file":
            folder.write_text("mine")
        case "link":
            (tmp_path / "empty").mkdir()
            folder.symlink_to(tmp_path / "empty")
        case "dangling link":
            folder.symlink_to("nowhere")
        case _:
            (folder / ("a.txt" if kind.endswith("file") else ".git")).parent.mkdir()
            (folder / ("a.txt" if kind.endswith("file") else ".git")).write_text("mine")
    before = tree(project)

    with pytest.raises(FolderTaken, match="there already"):
        create(folder)

    assert tree(project) == before
    assert kind != "link" or not any((tmp_path / "empty").iterdir())


def test_an_empty_folder_is_free(create: Callable[..., Any], project: Path) -> None:
    (project / "auth").mkdir()
    create(project / "auth")

    assert (project / "auth" / "index.ts").is_file()


def test_a_name_that_cannot_be_makes_nothing(create: Callable[..., Any], project: Path) -> None:
    before = tree(project)

    with pytest.raises(InvalidName):
        create(project / "2fa", name="2fa")

    assert tree(project) == before


def test_a_place_below_a_file_is_refused_and_leaves_nothing(
    create: Callable[..., Any], project: Path
) -> None:
    before = tree(project)

    with pytest.raises(ProjectNotWritable):
        create(project / "package.json" / "plugins" / "auth")

    assert tree(project) == before


@pytest.mark.skipif(is_root, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(create: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)

    with pytest.raises(ProjectNotWritable):
        create(tmp_path / "locked" / "auth")


def test_half_a_plugin_is_taken_back(create: Callable[..., Any], project: Path) -> None:
    """A name that is too long for the file system, among names that are not."""
    name = "a" * 64
    deep = project.joinpath(*["d" * 200] * 19)
    deep.mkdir(parents=True)
    room = 4096 - len(str(deep)) - 1
    assert room > 104
    folder = deep / ("e" * min(200, room - 64 - 40)) / name
    before = sorted(project.rglob("*"))

    with pytest.raises(ProjectNotWritable):
        create(folder, name=name, has_schema=True)

    assert sorted(project.rglob("*")) == before


def test_a_name_the_registry_has_is_told(
    create: Callable[..., Any], publish: Callable[..., Any], in_session: Callable[..., Any], project: Path
) -> None:
    publish("authJwt")
    in_session(sync)
    _, events = create(project / "auth-jwt", name="auth-jwt")

    assert events == [
        Notice(
            severity="warning",
            code="name-taken",
            text="the registry `embedded` has a plugin `authJwt` already",
            hint="only its owners can publish under that name",
        )
    ]


def test_a_plugin_that_is_needed_is_taken_from_its_latest_release_on(
    publish: Callable[..., Any], in_session: Callable[..., Any]
) -> None:
    publish("users", "2.3.0")
    in_session(sync)

    async def ranges(session: Any) -> tuple[str, str]:
        return usual_range(session, "users"), usual_range(session, "email")

    assert in_session(ranges) == ("^2.3.0", "*")


def test_a_cache_that_cannot_be_used_is_no_reason_not_to_begin(
    create: Callable[..., Any], in_session: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    made, _ = create(project / "auth")

    assert made.findings == ()
    assert in_session(lambda session: mend_source(session, project / "auth")).mends == ()
    check = in_session(lambda session: validate(session, project / "auth", has_tools=False))
    assert (check.errors, check.suggestion) == ((), None)


# Mending.


def test_files_are_mended_in_place_with_their_rights(in_session: Callable[..., Any], tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "auth", "auth")
    manifest = folder / "package.json"
    manifest.write_text(manifest.read_text().replace('"name": "auth"', '"name": "other"'))
    manifest.chmod(0o600)
    report = in_session(lambda session: mend_source(session, folder))

    assert open_source(folder).errors == ()
    assert manifest.stat().st_mode & 0o777 == 0o600
    assert '-  "name": "other",\n+  "name": "auth",\n' in report.diff
    assert {mend.path for mend in report.mends} == {"package.json", "CHANGELOG.md"}
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_paper_that_an_ignore_line_hides_is_not_overwritten(
    in_session: Callable[..., Any], tmp_path: Path
) -> None:
    folder = write_plugin(tmp_path / "auth", "auth")
    (folder / ".gitignore").write_text("README.md\n")
    (folder / "README.md").write_text("mine\n")
    report = in_session(lambda session: mend_source(session, folder))

    assert (folder / "README.md").read_text() == "mine\n"
    assert "README.md" not in {mend.path for mend in report.mends}


def test_a_requirement_is_declared_from_the_release_the_catalogue_knows(
    in_session: Callable[..., Any], publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("users", "2.3.0")
    in_session(sync)
    folder = write_plugin(tmp_path / "auth", "auth")
    index = folder / "index.ts"
    index.write_text(index.read_text().replace("dependencies: []", 'dependencies: ["users"]'))
    in_session(lambda session: mend_source(session, folder))

    assert '"users": "^2.3.0"' in (folder / "package.json").read_text()


# Validating.


def test_what_is_published_already_is_no_warning_until_it_changes(
    in_session: Callable[..., Any], publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("auth", "1.0.0")
    in_session(sync)
    folder = write_plugin(tmp_path / "auth", "auth")

    def check() -> Any:
        return in_session(lambda session: validate(session, folder, has_tools=False))

    assert [finding.code for finding in check().findings] == []
    index = folder / "index.ts"
    index.write_text(index.read_text() + "export const more = 1;\n")
    changed = check()
    assert [(finding.severity, finding.code) for finding in changed.findings] == [
        ("warning", "version-exists")
    ]
    assert (changed.suggestion.version, changed.suggestion.is_partial) == ("1.1.0", False)

    manifest = folder / "package.json"
    manifest.write_text(manifest.read_text().replace("1.0.0", "1.0.1"))
    assert [finding.code for finding in check().findings] == ["version-low"]
    manifest.write_text(manifest.read_text().replace("1.0.1", "1.1.0"))
    assert check().findings == ()


def test_a_release_is_compared_with_the_last_stable_one(
    in_session: Callable[..., Any], publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("auth", "1.0.0")
    publish("auth", "1.1.0-beta.1")
    in_session(sync)
    folder = write_plugin(tmp_path / "auth", "auth", "1.1.0")
    index = folder / "index.ts"
    index.write_text(index.read_text() + "export const more = 1;\n")
    suggestion = in_session(lambda session: validate(session, folder, has_tools=False)).suggestion

    assert (suggestion.before, suggestion.version, suggestion.is_met) == ("1.0.0", "1.1.0", True)


def test_without_the_last_package_the_catalogue_is_compared(
    in_session: Callable[..., Any], publish: Callable[..., Any], registry: Any, tmp_path: Path
) -> None:
    publish("auth", "1.0.0", extra={"manifest.json": '{"envVars": ["KEY"]}'})
    in_session(sync)
    for blob in (tmp_path / "data").rglob("*"):
        if blob.is_file() and blob.read_bytes()[:2] == b"\x1f\x8b":
            blob.unlink()
    folder = write_plugin(
        tmp_path / "auth", "auth", extra={"migrations/001_a.ts": "export async function up() {}\n"}
    )
    suggestion = in_session(lambda session: validate(session, folder, has_tools=False)).suggestion

    assert suggestion.is_partial
    assert (suggestion.level, suggestion.reasons) == ("minor", ("there is a migration `001_a.ts`",))


def test_a_package_that_would_be_refused_is_an_error_among_the_others(
    in_session: Callable[..., Any], tmp_path: Path
) -> None:
    folder = write_plugin(tmp_path / "auth", "auth")
    (folder / "con.ts").write_text("")
    check = in_session(lambda session: validate(session, folder, has_tools=False))

    assert [(error.code, "con.ts" in error.text) for error in check.errors] == [("archive-unsafe", True)]
    assert check.size_bytes == sum(size for _, size in check.files)
    assert [run.why for run in check.tools] == ["--no-tools was given"] * 2


# Packing.


def test_a_package_is_written_whole_and_reads_as_it_was(
    in_session: Callable[..., Any], tmp_path: Path
) -> None:
    folder = write_plugin(tmp_path / "auth", "auth")
    made = in_session(lambda session: pack_folder(session, folder, None, tmp_path))
    archive = (tmp_path / "auth-1.0.0.tar.gz").read_bytes()

    assert made.file == str(tmp_path / "auth-1.0.0.tar.gz")
    assert made.size_bytes == len(archive)
    assert read_package(archive) == open_source(folder).entries
    assert dict(made.files) == {path: len(entry.data) for path, entry in read_package(archive).items()}


def test_packing_in_the_plugin_s_own_folder_changes_no_byte_of_the_next_package(
    in_session: Callable[..., Any], tmp_path: Path
) -> None:
    folder = write_plugin(tmp_path / "auth", "auth")
    first = in_session(lambda session: pack_folder(session, folder, None, folder))

    assert (folder / "auth-1.0.0.tar.gz").is_file()
    assert in_session(lambda session: pack_folder(session, folder, None, folder)) == first


@pytest.mark.parametrize("name", ["package.json", "auth.tar.gz"])
def test_a_file_that_is_no_package_is_not_overwritten(
    in_session: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    folder = write_plugin(tmp_path / "auth", "auth")
    (tmp_path / name).write_text("{}")

    with pytest.raises(SourceUnreadable, match="is no package"):
        in_session(lambda session: pack_folder(session, folder, tmp_path / name, tmp_path))

    assert (tmp_path / name).read_text() == "{}"


def test_a_target_in_no_folder_is_refused(in_session: Callable[..., Any], tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "auth", "auth")

    with pytest.raises(SourceUnreadable, match="cannot be written"):
        in_session(lambda session: pack_folder(session, folder, tmp_path / "no" / "x.tar.gz", tmp_path))
