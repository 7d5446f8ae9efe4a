"""A plugin's folder becomes a package: what goes in, what stays out, what is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.authoring.source import LOOKED_AT_MAX, read_source
from donkeytui.operations.plugin_source import PreparedPackage, open_source, packing_fault, prepare_package
from donkeytui.operations.publish import check_publish, prepare_release, publish
from donkeytui.operations.show import show
from donkeytui.problems import SourceUnreadable
from registry_server.contract.archive import ENTRIES_MAX, UNPACKED_MAX_BYTES, read_package
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import ArchiveUnsafe, InvalidPackage, PackageTooLarge, VersionExists
from tests.support.builders import write_plugin

PLAIN = {"LICENSE", "README.md", "index.ts", "package.json", "tests/index.test.ts"}


def prepared(folder: Path) -> PreparedPackage:
    return prepare_package(open_source(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_plugin(tmp_path / "auth", "auth")


def test_the_files_of_a_folder_are_read_with_their_bytes(folder: Path) -> None:
    (folder / "logo.png").write_bytes(b"\x89PNG\r\n\0")
    entries = read_source(folder).entries

    assert set(entries) == PLAIN | {"logo.png"}
    assert list(entries) == sorted(entries)
    assert entries["logo.png"].data == b"\x89PNG\r\n\0"


def test_hidden_files_and_what_tools_leave_behind_stay_out(folder: Path) -> None:
    left_out = (".git/config", ".env", ".DS_Store", "node_modules/zod/index.js", "coverage/lcov.info")
    for path in (*left_out, "handlers/node_modules/a.js", "handlers/.cache/a", "Thumbs.db"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("left out")

    assert set(read_source(folder).entries) == PLAIN


def test_empty_folders_leave_no_trace(folder: Path) -> None:
    (folder / "empty").mkdir()

    assert set(read_source(folder).entries) == PLAIN


def test_what_may_be_run_is_remembered_and_no_other_right(folder: Path) -> None:
    (folder / "setup.sh").write_text("#!/bin/sh\n")
    (folder / "setup.sh").chmod(0o754)
    (folder / "index.ts").chmod(0o666)
    entries = read_source(folder).entries

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

    assert set(read_source(folder).entries) == PLAIN


def test_what_is_neither_file_nor_folder_is_passed_over(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    assert set(read_source(folder).entries) == PLAIN


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


def test_a_folder_that_is_far_too_large_is_refused_unread_with_its_largest_files(folder: Path) -> None:
    for number in range(7):
        with (folder / f"{number}.bin").open("wb") as file:
            file.truncate((UNPACKED_MAX_BYTES << 10) + number)

    with pytest.raises(SourceUnreadable, match="too large for a plugin") as caught:
        read_source(folder)

    detail = caught.value.problem.detail
    assert "64 MiB are allowed" in detail
    assert [name for name in ("6.bin", "5.bin", "4.bin", "3.bin", "2.bin", "1.bin") if name in detail] == [
        "6.bin",
        "5.bin",
        "4.bin",
        "3.bin",
        "2.bin",
    ]


def test_what_is_large_and_ignored_is_no_matter(folder: Path) -> None:
    (folder / "dump").mkdir()
    with (folder / "dump" / "huge.bin").open("wb") as file:
        file.truncate(UNPACKED_MAX_BYTES << 10)
    (folder / ".gitignore").write_text("dump/\n")

    assert set(read_source(folder).entries) == PLAIN


def test_a_folder_with_far_too_many_files_is_refused(folder: Path) -> None:
    for number in range(ENTRIES_MAX + 1):
        os.link(folder / "LICENSE", folder / f"{number}.ts")

    with pytest.raises(SourceUnreadable, match="too large for a plugin") as caught:
        read_source(folder)

    assert caught.value.problem.detail.startswith(f"{ENTRIES_MAX + 1 + len(PLAIN)} files, {ENTRIES_MAX} are")


def test_a_walk_ends_however_much_there_is(folder: Path) -> None:
    assert LOOKED_AT_MAX > ENTRIES_MAX

    with pytest.raises(SourceUnreadable, match="too large for a plugin") as caught:
        read_source(folder, looked_at_max=3)

    assert caught.value.problem.detail.startswith("more than ")


# Ignore files.


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        place = folder / name.replace("__", "/").replace("_dot_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def test_what_ignore_files_leave_out_is_told_with_its_line(folder: Path) -> None:
    write(folder, _dot_gitignore="# tools\n*.log\nout/\n", _dot_donkeyignore="drafts\n")
    write(folder, a_dot_log="", out__x_dot_js="", sub__b_dot_log="", sub__kept_dot_ts="", drafts="")
    reading = read_source(folder)

    assert set(reading.entries) == PLAIN | {"sub/kept.ts"}
    assert [(item.path, item.place, item.rule) for item in reading.left_out] == [
        ("a.log", ".gitignore:2", "*.log"),
        ("drafts", ".donkeyignore:1", "drafts"),
        ("out/", ".gitignore:3", "out/"),
        ("sub/b.log", ".gitignore:2", "*.log"),
    ]
    assert reading.findings == ()


def test_ignore_files_count_in_every_folder_and_not_above_the_plugin(folder: Path) -> None:
    write(folder.parent, _dot_gitignore="*.ts\n")
    write(folder, sub___dot_gitignore="x.ts\n", sub__x_dot_ts="", sub__y_dot_ts="", x_dot_ts="")

    assert set(read_source(folder).entries) == PLAIN | {"sub/y.ts", "x.ts"}


def test_a_donkeyignore_takes_back_what_only_git_should_not_see(folder: Path) -> None:
    write(folder, _dot_gitignore="schema.ts\n", _dot_donkeyignore="!schema.ts\n", schema_dot_ts="")

    assert "schema.ts" in read_source(folder).entries


@pytest.mark.parametrize("lines", ["!.env\n!.git/", "!node_modules/\n!node_modules/zod.js"])
def test_no_line_brings_in_what_never_belongs_into_a_package(folder: Path, lines: str) -> None:
    write(folder, _dot_donkeyignore=lines, _dot_env="", _dot_git__config="", node_modules__zod_dot_js="")

    assert set(read_source(folder).entries) == PLAIN


@pytest.mark.parametrize("path", ["index.ts", "package.json"])
def test_a_line_that_hides_what_must_go_in_is_an_error_not_a_hole(folder: Path, path: str) -> None:
    write(folder, _dot_gitignore=f"\n{path}\n")
    source = open_source(folder)

    assert path in source.entries
    assert [(e.code, e.path, e.line, e.hint) for e in source.errors] == [
        ("file-ignored", ".gitignore", 2, f"add `!{path}` to .donkeyignore")
    ]
    with pytest.raises(InvalidPackage):
        prepare_package(source)

    write(folder, _dot_donkeyignore=f"!{path}\n")
    assert open_source(folder).errors == ()


def test_migrations_that_are_left_out_are_warned_of(folder: Path) -> None:
    write(folder, _dot_gitignore="002*\n", migrations__001_a_dot_ts="export const up = 1;")
    write(folder, migrations__002_b_dot_ts="export const up = 1;")
    findings = [finding for finding in open_source(folder).findings if finding.code == "file-ignored"]

    assert [(finding.severity, finding.line) for finding in findings] == [("warning", 1)]
    assert "migrations/002_b.ts" in findings[0].text


def test_a_line_that_is_no_pattern_is_told(folder: Path) -> None:
    write(folder, _dot_donkeyignore="*.log\n!\n")
    findings = read_source(folder).findings

    assert [(f.code, f.severity, f.path, f.line) for f in findings] == [
        ("ignore-line", "warning", ".donkeyignore", 2)
    ]


def test_ignore_files_that_are_folders_or_links_are_no_ignore_files(folder: Path) -> None:
    (folder / ".gitignore").mkdir()
    (folder.parent / "elsewhere").write_text("*\n")
    (folder / ".donkeyignore").symlink_to("../elsewhere")

    assert set(read_source(folder).entries) == PLAIN


def test_a_package_that_was_made_here_does_not_go_into_the_next(folder: Path) -> None:
    write(folder, **{"auth-1_dot_0_dot_0_dot_tar_dot_gz": "", "data_dot_tar_dot_gz": ""})
    reading = read_source(folder)

    assert set(reading.entries) == PLAIN | {"data.tar.gz"}
    assert [item.path for item in reading.left_out] == ["auth-1.0.0.tar.gz"]


# Judging.


def test_a_good_folder_has_no_errors(folder: Path) -> None:
    check = open_source(folder)

    assert (check.name, check.version, check.errors) == ("auth", "1.0.0", ())
    assert {path for path, _ in check.files} == PLAIN
    assert dict(check.files)["LICENSE"] == len("MIT\n")
    assert check.folder == folder


def test_everything_wrong_comes_at_once_with_path_and_line(folder: Path) -> None:
    index = folder / "index.ts"
    index.write_text(index.read_text() + 'eval("1");\nimport "../outside";\n')
    (folder / "bunfig.toml").write_text("")

    errors = open_source(folder).errors

    assert {(error.path, error.line > 0) for error in errors} >= {("bunfig.toml", False), ("index.ts", True)}
    assert len(errors) >= 3


def test_a_folder_with_errors_is_not_packed_and_the_first_are_told(folder: Path) -> None:
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        (folder / f"{name}.ts").write_text('eval("1");\n')

    with pytest.raises(InvalidPackage, match="auth breaks 7 rules") as caught:
        prepared(folder)

    problem = caught.value.problem
    assert problem.detail.count("\n") == 5
    assert problem.detail.endswith("and 2 more")
    assert problem.hint == f"donkeytui validate {folder}"
    assert len([finding for finding in problem.findings if finding.severity == "error"]) == 7


def test_warnings_block_nothing(folder: Path) -> None:
    (folder / "README.md").unlink()

    assert prepared(folder).source.findings


def test_a_manifest_that_is_missing_or_broken_is_an_error_not_an_accident(folder: Path) -> None:
    (folder / "package.json").write_text("{")
    assert open_source(folder).name == ""
    (folder / "package.json").unlink()
    assert open_source(folder).errors

    with pytest.raises(InvalidPackage):
        prepared(folder)


def test_a_name_that_is_no_utf8_is_refused(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.md")).write_text("")

    with pytest.raises(ArchiveUnsafe):
        prepared(folder)


# Packing.


def test_the_package_depends_on_nothing_but_the_files(folder: Path, tmp_path: Path) -> None:
    first = prepared(folder)
    twin = tmp_path / "elsewhere" / "another-name"
    twin.mkdir(parents=True)
    for path in sorted(PLAIN, reverse=True):
        (twin / path).parent.mkdir(exist_ok=True)
        (twin / path).write_bytes((folder / path).read_bytes())
        (twin / path).chmod(0o600)
        os.utime(twin / path, (1, 1))

    second = prepared(twin)

    assert second.archive == first.archive
    assert first.integrity == integrity_of(first.archive)
    assert read_package(first.archive) == read_source(folder).entries


def test_umask_times_order_and_ignored_files_change_no_byte(folder: Path, tmp_path: Path) -> None:
    first = prepared(folder)
    before = os.umask(0o077)
    try:
        twin = tmp_path / "z" / "auth"
        for path in sorted(PLAIN, reverse=True):
            (twin / path).parent.mkdir(parents=True, exist_ok=True)
            (twin / path).write_bytes((folder / path).read_bytes())
            os.utime(twin / path, (2_000_000_000, 2_000_000_000))
    finally:
        os.umask(before)
    write(twin, _dot_gitignore="*.log\n", a_dot_log="", node_modules__x_dot_js="", _dot_env="SECRET=1")

    assert prepared(twin).archive == first.archive


def test_a_package_beyond_its_limit_names_the_largest_files(folder: Path) -> None:
    noise = os.urandom(4 << 20)
    for number in range(3):
        (folder / f"{number}.bin").write_bytes(noise[number:])

    with pytest.raises(PackageTooLarge) as caught:
        prepared(folder)

    assert "the largest: 0.bin (4.0 MiB), 1.bin (4.0 MiB), 2.bin (4.0 MiB), " in caught.value.problem.detail
    fault = packing_fault(open_source(folder))
    assert fault is not None
    assert (fault.severity, fault.code) == ("error", "package-too-large")
    assert "0.bin" in fault.text


# Sending.


def test_what_is_published_is_found_at_once(folder: Path, in_session: Callable[..., Any]) -> None:
    package = prepared(folder)

    async def operation(session: Any) -> Any:
        receipt = await publish(session, package)
        return receipt, show(session, "auth")

    receipt, document = in_session(operation)

    assert (receipt.state, receipt.integrity, receipt.version) == ("published", package.integrity, "1.0.0")
    assert receipt.url == "embedded:/api/plugins/auth"
    assert document.versions[0].checksum == package.integrity


def test_the_same_bytes_again_succeed_and_others_are_refused(
    folder: Path, in_session: Callable[..., Any]
) -> None:
    def send(package: PreparedPackage) -> Any:
        return in_session(lambda session: publish(session, package))

    send(prepared(folder))
    assert send(prepared(folder)).state == "present"

    (folder / "README.md").write_text("# Other words\n")
    with pytest.raises(VersionExists):
        send(prepared(folder))


def test_a_dry_run_publishes_nothing(folder: Path, in_session: Callable[..., Any]) -> None:
    package = prepared(folder)
    report = in_session(lambda session: check_publish(session, package, is_suggesting=False))
    assert (report.state, report.name, report.integrity) == ("would-publish", "auth", package.integrity)
    assert report.files == package.source.files

    assert in_session(lambda session: publish(session, package)).state == "published"


def test_a_dry_run_knows_that_the_version_is_taken(folder: Path, in_session: Callable[..., Any]) -> None:
    in_session(lambda session: publish(session, prepared(folder)))
    same = in_session(lambda session: check_publish(session, prepared(folder), is_suggesting=False))
    index = folder / "index.ts"
    index.write_text(index.read_text() + "export const more = 1;\n")
    other = in_session(lambda session: check_publish(session, prepared(folder), is_suggesting=False))

    assert same.state == "present"
    assert other.state == "would-be-refused"
    assert other.findings[0].text == "1.0.0 is published with other contents; 1.1.0 would be next"
    assert other.suggestion.reasons == ("`index.ts` exports `more` too",)


def test_a_version_that_is_taken_is_refused_with_the_next_one_and_why(
    folder: Path, in_session: Callable[..., Any]
) -> None:
    in_session(lambda session: publish(session, prepared(folder)))
    index = folder / "index.ts"
    index.write_text(index.read_text().replace("version:", "release:"))

    with pytest.raises(VersionExists) as caught:
        in_session(lambda session: publish(session, prepared(folder)))

    problem = caught.value.problem
    assert problem.detail.endswith("next is 2.0.0: the service has no `version` any more")
    assert problem.hint == "donkeytui publish --bump auto"
    assert problem.extra["version"] == "2.0.0"


# Raising the version.


def release(in_session: Callable[..., Any], folder: Path, bump: Any) -> Any:
    events: list[Any] = []

    async def operation(session: Any) -> Any:
        package = await prepare_release(session, folder, bump)
        assert (
            f'"version": "{package.raised_from or package.version}"' in (folder / "package.json").read_text()
        )
        return await publish(session, package, events.append)

    report = in_session(operation)
    return report, [event.text for event in events if getattr(event, "code", "") == "version-raised"]


@pytest.mark.parametrize(
    ("bump", "version"), [("patch", "1.0.1"), ("minor", "1.1.0"), ("major", "2.0.0"), (None, "1.0.0")]
)
def test_the_version_is_raised_in_the_file_and_nothing_else(
    folder: Path, in_session: Callable[..., Any], bump: Any, version: str
) -> None:
    manifest = folder / "package.json"
    before = manifest.read_text()
    manifest.chmod(0o640)
    report, said = release(in_session, folder, bump)

    assert report.version == version
    assert manifest.read_text() == before.replace('"version": "1.0.0"', f'"version": "{version}"')
    assert manifest.stat().st_mode & 0o777 == 0o640
    assert said == ([f"package.json: version 1.0.0 is {version} now"] if bump else [])


def test_auto_keeps_a_first_version_and_one_that_is_high_enough(
    folder: Path, in_session: Callable[..., Any]
) -> None:
    assert release(in_session, folder, "auto")[0].version == "1.0.0"
    index = folder / "index.ts"
    index.write_text(index.read_text() + "export const more = 1;\n")
    assert release(in_session, folder, "auto")[0].version == "1.1.0"

    manifest = folder / "package.json"
    manifest.write_text(manifest.read_text().replace("1.1.0", "1.5.0"))
    index.write_text(index.read_text() + "export const evenMore = 1;\n")
    report, said = release(in_session, folder, "auto")
    assert (report.version, said) == ("1.5.0", [])


def test_behind_an_old_release_the_number_comes_after_the_newest(
    folder: Path, in_session: Callable[..., Any]
) -> None:
    release(in_session, folder, None)
    release(in_session, folder, "patch")
    manifest, index = folder / "package.json", folder / "index.ts"
    manifest.write_text(manifest.read_text().replace("1.0.1", "1.0.0"))
    index.write_text(index.read_text() + "// other words\n")

    assert release(in_session, folder, "auto")[0].version == "1.0.2"


def test_a_folder_with_errors_raises_nothing(folder: Path, in_session: Callable[..., Any]) -> None:
    (folder / "index.ts").write_text("export {};\n")
    before = (folder / "package.json").read_bytes()

    with pytest.raises(InvalidPackage):
        release(in_session, folder, "major")

    assert (folder / "package.json").read_bytes() == before
