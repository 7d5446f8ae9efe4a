"""A plugin's folder becomes a package: what goes in, what stays out, what is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.operations.publish import (
    PreparedPackage,
    check_publish,
    prepare_package,
    publish,
    read_source,
    validate,
)
from donkeytui.operations.show import show
from donkeytui.problems import SourceUnreadable
from registry_server.contract.archive import ENTRIES_MAX, UNPACKED_MAX_BYTES, read_package
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import ArchiveUnsafe, InvalidPackage, VersionExists
from tests.support.builders import write_plugin

PLAIN = {"LICENSE", "README.md", "index.ts", "package.json", "tests/index.test.ts"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_plugin(tmp_path / "auth", "auth")


def test_the_files_of_a_folder_are_read_with_their_bytes(folder: Path) -> None:
    (folder / "logo.png").write_bytes(b"\x89PNG\r\n\0")
    entries = read_source(folder)

    assert set(entries) == PLAIN | {"logo.png"}
    assert list(entries) == sorted(entries)
    assert entries["logo.png"].data == b"\x89PNG\r\n\0"


def test_hidden_files_and_what_tools_leave_behind_stay_out(folder: Path) -> None:
    left_out = (".git/config", ".env", ".DS_Store", "node_modules/zod/index.js", "coverage/lcov.info")
    for path in (*left_out, "handlers/node_modules/a.js", "handlers/.cache/a", "Thumbs.db"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("left out")

    assert set(read_source(folder)) == PLAIN


def test_empty_folders_leave_no_trace(folder: Path) -> None:
    (folder / "empty").mkdir()

    assert set(read_source(folder)) == PLAIN


def test_what_may_be_run_is_remembered_and_no_other_right(folder: Path) -> None:
    (folder / "setup.sh").write_text("#!/bin/sh\n")
    (folder / "setup.sh").chmod(0o754)
    (folder / "index.ts").chmod(0o666)
    entries = read_source(folder)

    assert [path for path, entry in entries.items() if entry.is_executable] == ["setup.sh"]


@pytest.mark.parametrize("target", ["index.ts", "tests", "../secret", "nowhere"])
def test_a_link_is_refused_wherever_it_leads(folder: Path, target: str) -> None:
    (folder.parent / "secret").write_text("secret")
    (folder / "link").symlink_to(target)

    with pytest.raises(SourceUnreadable, match="link is a link"):
        read_source(folder)


def test_a_link_in_what_stays_out_is_nobody_s_business(folder: Path) -> None:
    (folder / "node_modules").symlink_to(folder.parent)
    (folder / ".cache").symlink_to("nowhere")

    assert set(read_source(folder)) == PLAIN


def test_what_is_neither_file_nor_folder_is_passed_over(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    assert set(read_source(folder)) == PLAIN


@pytest.mark.parametrize("kind", ["nothing", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "x"
    if kind == "file":
        place.write_text("")

    with pytest.raises(SourceUnreadable, match="is not a folder"):
        read_source(place)


def test_a_folder_without_a_plugin_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """As when somebody publishes from a home folder."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").symlink_to("nowhere")

    with pytest.raises(SourceUnreadable, match="not a plugin's folder"):
        read_source(tmp_path)


def test_a_folder_that_is_far_too_large_is_refused_unread(folder: Path) -> None:
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(UNPACKED_MAX_BYTES << 10)

    with pytest.raises(SourceUnreadable, match="too large for a plugin"):
        read_source(folder)


def test_a_folder_with_far_too_many_files_is_refused(folder: Path) -> None:
    for number in range(ENTRIES_MAX + 1):
        os.link(folder / "LICENSE", folder / f"{number}.ts")

    with pytest.raises(SourceUnreadable, match="too large for a plugin"):
        read_source(folder)


# Judging.


def test_a_good_folder_has_no_errors(folder: Path) -> None:
    check = validate(folder)

    assert (check.name, check.version, check.errors) == ("auth", "1.0.0", ())
    assert {path for path, _ in check.files} == PLAIN
    assert dict(check.files)["LICENSE"] == len("MIT\n")
    assert check.folder == str(folder)


def test_everything_wrong_comes_at_once_with_path_and_line(folder: Path) -> None:
    index = folder / "index.ts"
    index.write_text(index.read_text() + 'eval("1");\nimport "../outside";\n')
    (folder / "bunfig.toml").write_text("")

    errors = validate(folder).errors

    assert {(error.path, error.line > 0) for error in errors} >= {("bunfig.toml", False), ("index.ts", True)}
    assert len(errors) >= 3


def test_a_folder_with_errors_is_not_packed_and_the_first_are_told(folder: Path) -> None:
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        (folder / f"{name}.ts").write_text('eval("1");\n')

    with pytest.raises(InvalidPackage, match="auth breaks 7 rules") as caught:
        prepare_package(folder)

    problem = caught.value.problem
    assert problem.detail.count("\n") == 5
    assert problem.detail.endswith("and 2 more")
    assert problem.hint == f"donkeytui validate {folder}"
    assert len([finding for finding in problem.findings if finding.severity == "error"]) == 7


def test_warnings_block_nothing(folder: Path) -> None:
    (folder / "README.md").unlink()

    assert prepare_package(folder).check.findings


def test_a_manifest_that_is_missing_or_broken_is_an_error_not_an_accident(folder: Path) -> None:
    (folder / "package.json").write_text("{")
    assert validate(folder).name == ""
    (folder / "package.json").unlink()
    assert validate(folder).errors

    with pytest.raises(InvalidPackage):
        prepare_package(folder)


def test_a_name_that_is_no_utf8_is_refused(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.md")).write_text("")

    with pytest.raises(ArchiveUnsafe):
        prepare_package(folder)


# Packing.


def test_the_package_depends_on_nothing_but_the_files(folder: Path, tmp_path: Path) -> None:
    first = prepare_package(folder)
    twin = tmp_path / "elsewhere" / "another-name"
    twin.mkdir(parents=True)
    for path in sorted(PLAIN, reverse=True):
        (twin / path).parent.mkdir(exist_ok=True)
        (twin / path).write_bytes((folder / path).read_bytes())
        (twin / path).chmod(0o600)
        os.utime(twin / path, (1, 1))

    second = prepare_package(twin)

    assert second.archive == first.archive
    assert first.integrity == integrity_of(first.archive)
    assert read_package(first.archive) == read_source(folder)


# Sending.


def test_what_is_published_is_found_at_once(folder: Path, in_session: Callable[..., Any]) -> None:
    package = prepare_package(folder)

    async def operation(session: Any) -> Any:
        receipt = await publish(session, package)
        return receipt, show(session, "auth")

    receipt, document = in_session(operation)

    assert (receipt.created, receipt.integrity, receipt.version) == (True, package.integrity, "1.0.0")
    assert document.versions[0].checksum == package.integrity


def test_the_same_bytes_again_succeed_and_others_are_refused(
    folder: Path, in_session: Callable[..., Any]
) -> None:
    def send(package: PreparedPackage) -> Any:
        return in_session(lambda session: publish(session, package))

    send(prepare_package(folder))
    assert send(prepare_package(folder)).created is False

    (folder / "README.md").write_text("# Other words\n")
    with pytest.raises(VersionExists):
        send(prepare_package(folder))


def test_a_dry_run_publishes_nothing(folder: Path, in_session: Callable[..., Any]) -> None:
    package = prepare_package(folder)
    report = in_session(lambda session: check_publish(session, package))
    assert (report.success, report.name, report.integrity) == (True, "auth", package.integrity)

    assert in_session(lambda session: publish(session, package)).created
