"""What is on disk now: found from anywhere inside, read without following links out of the project."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donkeytui.problems import LockfileInvalid, NotAProject, ProjectNotWritable
from donkeytui.project.lockfile import LockedPlugin, Lockfile, render_lockfile
from donkeytui.project.snapshot import TEXT_MAX_BYTES, find_project, read_snapshot, read_tree
from donkeytui.project.tree import tree_integrity
from registry_server.contract.copies import is_installed_path
from registry_server.contract.integrity import integrity_of
from tests.support.builders import CONFIG, PACKAGE_JSON, write_project

PLUGINS = "src/server/plugins"
DIGEST = "sha256:" + "0" * 64


def put(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.ts").write_text(text)
    return folder


def lock(project: Path, **trees: str) -> None:
    plugins = {
        name: LockedPlugin(version="1.0.0", resolved="", integrity=DIGEST, tree=tree)
        for name, tree in trees.items()
    }
    (project / "donkeylabs-lock.json").write_text(render_lockfile(Lockfile(plugins=plugins)))


# Finding a project.


def test_a_project_is_found_from_any_folder_inside(project: Path) -> None:
    inside = put(project / "src" / "deep" / "down")

    assert find_project(project) == find_project(inside) == project


def test_the_nearest_project_counts(project: Path) -> None:
    inner = write_project(project / "packages" / "inner")

    assert find_project(inner / "src") == inner


def test_a_javascript_config_makes_a_project_too(tmp_path: Path) -> None:
    (tmp_path / "donkeylabs.config.js").write_text("export default {};\n")

    assert find_project(tmp_path) == tmp_path
    assert read_snapshot(tmp_path).config.path == "donkeylabs.config.js"


def test_a_folder_called_like_the_config_makes_no_project(tmp_path: Path) -> None:
    (tmp_path / "donkeylabs.config.ts").mkdir()

    with pytest.raises(NotAProject) as caught:
        find_project(tmp_path)
    assert str(tmp_path) in caught.value.problem.detail
    with pytest.raises(NotAProject):
        read_snapshot(tmp_path)


# Reading one.


def test_a_fresh_project_has_nothing_installed(project: Path) -> None:
    snapshot = read_snapshot(project)

    assert (snapshot.lockfile, snapshot.trees, snapshot.framework) == (Lockfile(), {}, None)
    assert (snapshot.plugins_root, snapshot.lockfile_text.integrity) == (PLUGINS, "")
    assert snapshot.config.integrity == integrity_of(CONFIG.encode())
    assert (snapshot.package_json.text, snapshot.package_json.path) == (PACKAGE_JSON, "package.json")


def test_edited_missing_and_hand_written_plugins_are_told_apart(project: Path) -> None:
    root = project / PLUGINS
    put(root / "edited", index="// mine\n")
    put(root / "mine", index="// mine\n")
    fine = tree_integrity(read_tree(put(root / "fine", index="// theirs\n")))
    put(root / "unknown", index="// nobody remembers\n")
    put(root / "Not A Name", index="")
    put(root / ".hidden", index="")
    (root / "notes.md").write_text("a file is no plugin")
    lock(project, edited=DIGEST, fine=fine, gone=DIGEST, unknown="")

    snapshot = read_snapshot(project)

    assert snapshot.edited() == ["edited"]
    assert snapshot.missing() == ["gone"]
    assert snapshot.yours() == ["mine"]


def test_bytes_that_are_no_text_are_kept_to_the_byte(project: Path) -> None:
    data = b'{"name": "caf\xe9"}'
    (project / "package.json").write_bytes(data)
    text = read_snapshot(project).package_json

    assert text.text.encode("utf-8", "surrogateescape") == data
    assert text.integrity == integrity_of(data)


@pytest.mark.parametrize("path", ["donkeylabs.config.ts", "package.json"])
def test_a_file_nobody_writes_by_hand_is_not_read_whole(project: Path, path: str) -> None:
    (project / path).write_bytes(b" " * (TEXT_MAX_BYTES + 1))

    with pytest.raises(ProjectNotWritable, match=f"{path} is larger than"):
        read_snapshot(project)


@pytest.mark.parametrize("path", ["package.json", "donkeylabs-lock.json"])
def test_a_folder_where_a_file_should_be_is_a_problem(project: Path, path: str) -> None:
    (project / path).unlink(missing_ok=True)
    (project / path).mkdir()

    with pytest.raises(ProjectNotWritable, match=f"{path} is no file"):
        read_snapshot(project)


def test_a_broken_lockfile_is_a_problem(project: Path) -> None:
    (project / "donkeylabs-lock.json").write_bytes(b"\xff\xfe")

    with pytest.raises(LockfileInvalid):
        read_snapshot(project)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('{"version": "2.5.1"}', "2.5.1"),
        ('{"version": "3.0.0-beta.1"}', "3.0.0-beta.1"),
        ('{"version": "latest"}', None),
        ('{"version": ["2.5.1"]}', None),
        ("[" * 100_000, None),
        ("[]", None),
        ("", None),
    ],
)
def test_the_framework_s_version_is_that_of_what_is_installed(
    project: Path, text: str, version: str | None
) -> None:
    folder = project / "node_modules" / "@donkeylabs" / "server"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(text)
    found = read_snapshot(project).framework

    assert (found.text if found else None) == version


# Links.


@pytest.mark.parametrize("part", ["src", "src/server", PLUGINS])
def test_a_plugins_folder_behind_a_link_is_refused(project: Path, tmp_path: Path, part: str) -> None:
    outside = put(tmp_path / "outside" / "server" / "plugins" / "auth", index="// elsewhere\n")
    link = project / part
    if link.is_dir():
        link.rename(tmp_path / "moved")
    link.symlink_to(outside.parents[2 - part.count("/")])

    with pytest.raises(ProjectNotWritable, match="leads out of the project") as caught:
        read_snapshot(project)
    assert caught.value.problem.detail == f"{part} is a link"


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_in_place_of_a_plugin_is_an_edit_and_is_not_followed(
    project: Path, tmp_path: Path, exists: bool
) -> None:
    outside = tmp_path / "outside"
    if exists:
        put(outside, index="// theirs\n")
    (project / PLUGINS).mkdir()
    for name in ("auth", "mine"):
        (project / PLUGINS / name).symlink_to(outside)
    lock(project, auth=tree_integrity({"index.ts": b"// theirs\n"}))

    snapshot = read_snapshot(project)

    assert (snapshot.edited(), snapshot.missing(), snapshot.yours()) == (["auth"], [], ["mine"])


def test_a_link_inside_a_plugin_counts_by_where_it_points(project: Path, tmp_path: Path) -> None:
    folder = put(project / PLUGINS / "auth", index="")
    secret = tmp_path / "secret"
    secret.write_text("one")
    (folder / "link.ts").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    first = read_snapshot(project).trees["auth"]
    secret.write_text("two")
    assert read_snapshot(project).trees["auth"] == first

    (folder / "link.ts").unlink()
    (folder / "link.ts").symlink_to(tmp_path / "other")

    assert read_snapshot(project).trees["auth"] != first


# The digest of a plugin's files.

contents = st.binary(max_size=30).filter(lambda data: not data.endswith(b"\r"))
trees = st.dictionaries(st.sampled_from(["index.ts", "a/b.ts", "a.ts", "schema.ts", "logo.png"]), contents)


@given(trees)
def test_the_digest_tells_files_apart_but_for_line_ends_and_generated_ones(files: dict[str, bytes]) -> None:
    digest = tree_integrity(files)

    assert tree_integrity(dict(reversed(files.items()))) == digest
    assert tree_integrity({**files, "schema.ts": b"generated"}) == digest
    assert tree_integrity({**files, "new.ts": b""}) != digest
    for path, data in files.items():
        is_text = b"\0" not in data
        assert (tree_integrity({**files, path: data + b"\n"}) == digest) == (is_text or path == "schema.ts")
        assert (tree_integrity({**files, path: data + b"x"}) == digest) == (path == "schema.ts")


def test_windows_line_ends_are_the_same_text_and_other_bytes_in_a_picture() -> None:
    assert tree_integrity({"index.ts": b"a\nb\n"}) == tree_integrity({"index.ts": b"a\r\nb\r\n"})
    assert tree_integrity({"logo.png": b"\0a\nb"}) != tree_integrity({"logo.png": b"\0a\r\nb"})


def test_a_schema_below_another_folder_is_the_user_s_business() -> None:
    assert tree_integrity({"models/schema.ts": b"a"}) != tree_integrity({"models/schema.ts": b"b"})


@pytest.mark.parametrize(
    ("path", "is_installed"),
    [
        ("index.ts", True),
        ("handlers/tests/run.ts", True),
        ("handlers/package.json", True),
        ("tests.ts", True),
        ("package.json", False),
        ("manifest.json", False),
        ("tests/index.test.ts", False),
        ("__tests__/a.ts", False),
        ("test/deep/a.ts", False),
    ],
)
def test_the_author_s_own_files_are_not_installed(path: str, is_installed: bool) -> None:
    assert is_installed_path(path) == is_installed


def test_a_lockfile_of_a_later_version_is_not_guessed_at(project: Path) -> None:
    (project / "donkeylabs-lock.json").write_text(json.dumps({"lockfileVersion": 2}))

    with pytest.raises(LockfileInvalid, match="lockfileVersion 2"):
        read_snapshot(project)
