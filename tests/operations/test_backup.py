"""A backup is always one whole registry, the earlier or the later; a restore is one or nothing."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from filelock import FileLock

from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import InvalidRequest, ProblemError, RegistryBusy, RegistryDamaged
from registry_server.contract.wire import ListQuery
from registry_server.operations import browse, feed
from registry_server.operations.accounts import Caller
from registry_server.operations.backup import back_up, verify_backup
from registry_server.operations.backup_folder import MANIFEST, read_manifest
from registry_server.operations.check import check
from registry_server.operations.publish import publish as publish_operation
from registry_server.operations.restore import restore
from registry_server.registry import Registry, open_registry
from registry_server.store import folder
from tests.support.builders import FixedClock, package, tree

Publish = Callable[..., Any]
ROOT = Path(__file__).parents[2]


class Stopped(BaseException):
    """Ctrl-C at a chosen moment."""


@pytest.fixture
def data(registry: Registry) -> Path:
    return registry.database.path.parent


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def filled(publish: Publish) -> None:
    publish("users")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    publish("auth", "1.1.0", needs={"users": "^1.0.0"})


def blob_of(root: Path, archive: bytes) -> Path:
    return folder.blob_path(root / "packages", integrity_of(archive))


def restored(source: Path, data: Path) -> Registry:
    restore(source, data)
    return open_registry(data, FixedClock())


def assert_same_catalogue(one: Registry, other: Registry) -> None:
    for name in ("auth", "users"):
        assert browse.plugin_document(one, name)[0] == browse.plugin_document(other, name)[0]
    packages = [tree(registry.packages.root) for registry in (one, other)]
    assert packages[0] == packages[1]
    assert len(packages[0]) == 3


# There and back.


def test_what_was_backed_up_comes_back(
    registry: Registry, data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    report = back_up(data, target)

    assert (report.copied, report.kept, report.manifest.releases) == (3, 0, 3)
    back = restored(target, tmp_path / "new")
    try:
        assert_same_catalogue(registry, back)
        assert [hit.name for hit in browse.list_plugins(back, ListQuery(q="auth")).plugins] == ["auth"]
    finally:
        back.close()
    assert check(tmp_path / "new", is_stopped=True).findings == ()


def test_a_restored_registry_has_followers_begin_again(
    registry: Registry, data: Path, target: Path, tmp_path: Path, filled: None, publish: Publish
) -> None:
    feed.read_snapshot(registry)
    back_up(data, target)
    publish("later")
    before = feed.read_snapshot(registry)

    back = restored(target, tmp_path / "new")
    try:
        after = feed.read_snapshot(back)
        lines = [feed.read_shard(back, shard.digest) for shard in after.shards]
    finally:
        back.close()

    assert after.epoch != before.epoch
    assert (after.serial, after.plugins) == (3, 2)
    assert all(lines)


def test_an_empty_registry_can_be_backed_up(data: Path, target: Path, tmp_path: Path) -> None:
    back_up(data, target)

    report = restore(target, tmp_path / "new")

    assert (report.manifest.serial, report.manifest.packages) == (0, 0)
    assert check(tmp_path / "new").is_clean


def test_the_registrys_settings_come_along(data: Path, target: Path, tmp_path: Path) -> None:
    (data / "registry.toml").write_bytes(b"limits = false\r\n# \xc3\xa4\n")

    back_up(data, target)
    restore(target, tmp_path / "new")

    assert (tmp_path / "new" / "registry.toml").read_bytes() == b"limits = false\r\n# \xc3\xa4\n"


@pytest.mark.parametrize("content", [b"\xff", b" " * (2 << 20)], ids=["bytes", "too-long"])
def test_settings_that_are_no_text_are_not_left_out_silently(
    data: Path, target: Path, content: bytes
) -> None:
    (data / "registry.toml").write_bytes(content)

    with pytest.raises(InvalidRequest, match="cannot be backed up"):
        back_up(data, target)


def test_a_second_backup_copies_only_what_is_new(
    data: Path, target: Path, filled: None, publish: Publish
) -> None:
    back_up(data, target)
    publish("billing")

    second = back_up(data, target)

    assert (second.copied, second.kept) == (1, 3)
    assert second.manifest.serial == 4
    assert verify_backup(target) == second.manifest
    assert [path.name for path in target.glob("registry-*")] == [second.manifest.database]


def test_what_no_release_names_any_more_leaves_the_backup_last(
    registry: Registry, data: Path, target: Path, filled: None
) -> None:
    back_up(data, target)
    with registry.database.write() as connection:
        connection.execute("DELETE FROM releases WHERE version = '1.1.0'")

    report = back_up(data, target)

    # One package and the database of before.
    assert report.pruned == 2
    assert len(list(folder.list_blobs(target / "packages"))) == 2
    assert verify_backup(target).packages == 2


def test_nothing_of_the_earlier_backup_goes_before_the_later_one_is_there(
    registry: Registry, data: Path, target: Path, filled: None
) -> None:
    earlier = back_up(data, target).manifest
    with registry.database.write() as connection:
        connection.execute("DELETE FROM releases WHERE version = '1.1.0'")

    def obstruct(stage: str, done: int, total: int) -> None:
        if stage == "packages" and done == total:
            (target / MANIFEST).rename(target / "aside")
            (target / MANIFEST).mkdir()

    with pytest.raises(RegistryBusy, match="cannot be written"):
        back_up(data, target, obstruct)
    (target / MANIFEST).rmdir()
    (target / "aside").rename(target / MANIFEST)
    assert verify_backup(target) == earlier


def test_a_backup_while_others_publish_is_of_one_moment(
    registry: Registry, data: Path, target: Path, owner: Caller, tmp_path: Path
) -> None:
    publish_operation(registry, owner, package("first"))
    is_over = threading.Event()

    def publish_on() -> None:
        for number in range(200):
            publish_operation(registry, owner, package(f"plugin{number}"))
            if is_over.is_set():
                return

    publisher = threading.Thread(target=publish_on)
    publisher.start()
    try:
        reports = [back_up(data, target) for _ in range(4)]
    finally:
        is_over.set()
        publisher.join()

    for report in reports:
        assert report.manifest.serial == report.manifest.releases == report.manifest.packages
    restore(target, tmp_path / "new")
    assert check(tmp_path / "new", is_stopped=True).findings == ()


def test_a_package_gone_while_the_backup_runs_is_lacking(data: Path, target: Path, filled: None) -> None:
    gone = blob_of(data, package("users"))

    def on_progress(stage: str, done: int, total: int) -> None:
        if stage == "database":
            gone.unlink()

    with pytest.raises(RegistryDamaged, match="lacks 1 package"):
        back_up(data, target, on_progress)


def test_a_backup_opens_neither_the_door_to_others(data: Path, target: Path, filled: None) -> None:
    """It has the hashes of passwords and tokens in it."""
    back_up(data, target)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_file()}
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert modes <= {0o600, 0o644}
    assert stat.S_IMODE(next(target.glob("registry-*")).stat().st_mode) == 0o600


def test_progress_says_how_far_it_is(data: Path, target: Path, tmp_path: Path, filled: None) -> None:
    heard: list[tuple[str, int, int]] = []

    back_up(data, target, lambda *step: heard.append(step))
    restore(target, tmp_path / "new", lambda *step: heard.append(step))

    assert [step for step in heard if step[0] == "packages"] == [("packages", n, 3) for n in (1, 2, 3)] * 2
    assert heard[-1] == ("index", 1, 1)


# Damage.


def test_a_damaged_database_does_not_take_the_place_of_a_good_backup(
    registry: Registry, data: Path, target: Path, filled: None
) -> None:
    earlier = back_up(data, target).manifest
    registry.close()
    path = data / "registry.sqlite"
    content = bytearray(path.read_bytes())
    content[8192 : 8192 + 4096 * 8] = bytes(4096 * 8)
    for damaged in (bytes(content), b"", b"no database"):
        path.write_bytes(damaged)

        with pytest.raises(RegistryDamaged):
            back_up(data, target)
        assert verify_backup(target) == earlier
        assert len(list(target.glob("*.sqlite"))) == 1


def test_a_new_registry_does_not_wipe_out_the_backup_of_a_lost_one(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    earlier = back_up(data, target).manifest
    open_registry(tmp_path / "fresh", FixedClock()).close()

    with pytest.raises(InvalidRequest, match="backup of another registry"):
        back_up(tmp_path / "fresh", target)
    assert verify_backup(target) == earlier


def test_a_restored_registry_goes_on_with_the_backup_it_came_from(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    back_up(data, target)
    restore(target, tmp_path / "new")

    report = back_up(tmp_path / "new", target)

    assert (report.copied, report.kept) == (0, 3)
    restore(target, tmp_path / "newer")
    assert back_up(tmp_path / "newer", target).copied == 0


def test_a_backup_of_a_damaged_registry_is_made_and_says_what_it_lacks(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    blob_of(data, package("users")).write_bytes(b"x" * len(package("users")))
    missing = blob_of(data, package("auth", needs={"users": "^1.0.0"}))
    missing.unlink()
    missing.mkdir()

    with pytest.raises(RegistryDamaged, match="lacks 2 packages") as caught:
        back_up(data, target)

    assert "`users` 1.0.0 has other bytes than its name says" in caught.value.problem.detail
    assert "`auth` 1.0.0 is no ordinary file" in caught.value.problem.detail
    assert len(read_manifest(target).lacking) == 2
    with pytest.raises(RegistryDamaged, match="lacks 2 packages"):
        restore(target, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_a_backup_lacks_can_be_accepted(data: Path, target: Path, tmp_path: Path, filled: None) -> None:
    back_up(data, target)
    blob_of(target, package("users")).unlink()

    report = restore(target, tmp_path / "new", accept_lacking=True)

    assert report.lacking == ("`users` 1.0.0 is missing",)
    [finding] = check(tmp_path / "new").findings
    assert (finding.code, finding.remedy) == ("package-missing", "backup")


def test_an_earlier_backups_good_copy_outlives_damage_in_the_registry(
    data: Path, target: Path, filled: None
) -> None:
    back_up(data, target)
    blob_of(data, package("users")).unlink()

    report = back_up(data, target)

    assert report.manifest.lacking == ()
    assert verify_backup(target).packages == 3


def test_recheck_replaces_what_rotted_in_the_backup(data: Path, target: Path, filled: None) -> None:
    back_up(data, target)
    rotten = blob_of(target, package("users"))
    rotten.write_bytes(bytes(len(package("users"))))

    with pytest.raises(RegistryDamaged, match="lacks 1 package"):
        verify_backup(target)
    assert back_up(data, target).copied == 0
    assert back_up(data, target, recheck=True).copied == 1
    assert verify_backup(target).packages == 3


@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_a_package_of_another_size_is_copied_again(data: Path, target: Path, filled: None, size: int) -> None:
    back_up(data, target)
    blob_of(target, package("users")).write_bytes(bytes(size))

    assert back_up(data, target).copied == 1
    assert verify_backup(target).packages == 3


def test_a_damaged_database_in_the_backup_restores_nothing(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    manifest = back_up(data, target).manifest
    path = target / manifest.database
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 0xFF
    path.write_bytes(changed)

    with pytest.raises(RegistryDamaged, match="database of the backup"):
        restore(target, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_database_that_is_broken_inside_restores_nothing_even_with_a_fitting_manifest(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    manifest = back_up(data, target).manifest
    path = target / manifest.database
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'owners'")
    connection.close()
    digest = folder.digest_file(path)
    lied = msgspec.structs.replace(manifest, database_integrity=digest.integrity, database_size=digest.size)
    (target / MANIFEST).write_bytes(msgspec.json.encode(lied))

    with pytest.raises(RegistryDamaged):
        restore(target, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_manifest_of_another_database_is_noticed(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    manifest = back_up(data, target).manifest
    (target / MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, serial=99)))

    with pytest.raises(RegistryDamaged, match="does not describe the database"):
        restore(target, tmp_path / "new")


def test_a_backup_of_a_newer_program_is_refused(
    registry: Registry, data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    with registry.database.write() as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('registry', '999_x', '')"
        )
    back_up(data, target)

    with pytest.raises(InvalidRequest, match="newer registry-server"):
        restore(target, tmp_path / "new")
    assert [finding.code for finding in check(data).findings] == ["schema-new"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"format": 1, "made_at": 3}',
        b"\xff",
        pytest.param(b" " * (17 << 20), id="too-long"),
    ],
)
def test_a_folder_whose_manifest_is_none_is_no_backup(
    data: Path, target: Path, tmp_path: Path, filled: None, text: bytes
) -> None:
    back_up(data, target)
    (target / MANIFEST).write_bytes(text)

    for attempt in (lambda: restore(target, tmp_path / "new"), lambda: back_up(data, target)):
        with pytest.raises(InvalidRequest, match="is not a backup"):
            attempt()


@pytest.mark.parametrize("name", ["../data/registry.sqlite", "/etc/passwd", "backup.json", ""])
def test_a_manifest_names_no_file_elsewhere(
    data: Path, target: Path, tmp_path: Path, filled: None, name: str
) -> None:
    manifest = back_up(data, target).manifest
    (target / MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, database=name)))

    with pytest.raises(InvalidRequest, match="is not a backup"):
        restore(target, tmp_path / "new")


def test_another_format_is_refused_by_its_number(data: Path, target: Path, tmp_path: Path) -> None:
    manifest = back_up(data, target).manifest
    (target / MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, format=2)))

    with pytest.raises(InvalidRequest, match="format 2"):
        restore(target, tmp_path / "new")


# Sticks.


@pytest.mark.parametrize("what", ["link", "pipe", "device", "folder", "linked folder"])
def test_nothing_but_ordinary_files_is_read_from_a_stick(
    data: Path, target: Path, tmp_path: Path, filled: None, what: str
) -> None:
    back_up(data, target)
    path = blob_of(target, package("users"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(path, elsewhere / path.name)
    if what == "linked folder":
        shutil.rmtree(path.parent)
        path.parent.symlink_to(elsewhere)
    else:
        path.unlink()
    match what:
        case "link":
            path.symlink_to(elsewhere / path.name)
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()

    with pytest.raises(RegistryDamaged, match="lacks 1 package"):
        restore(target, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", [MANIFEST, "registry-*"])
def test_a_linked_manifest_or_database_is_not_followed(
    data: Path, target: Path, tmp_path: Path, filled: None, name: str
) -> None:
    back_up(data, target)
    path = next(target.glob(name))
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")

    with pytest.raises(ProblemError) as caught:
        restore(target, tmp_path / "new")
    assert "is a link" in caught.value.problem.detail


# Places.


def test_a_target_in_or_round_the_data_folder_is_refused(data: Path, tmp_path: Path, filled: None) -> None:
    (tmp_path / "way").symlink_to(data)
    before = tree(data)

    for target in (data, data / "backup", data.parent, tmp_path / "way" / "backup"):
        with pytest.raises(InvalidRequest, match="is no place to back up to"):
            back_up(data, target)
    assert tree(data) == before


def test_a_folder_with_other_things_in_it_is_left_alone(data: Path, target: Path) -> None:
    target.mkdir()
    (target / "holiday.jpg").touch()

    with pytest.raises(InvalidRequest, match="other things than a backup"):
        back_up(data, target)
    assert [path.name for path in target.iterdir()] == ["holiday.jpg"]


def test_a_disk_of_its_own_is_a_fine_target(data: Path, target: Path, tmp_path: Path, filled: None) -> None:
    (target / "lost+found").mkdir(parents=True)
    (tmp_path / "new" / "lost+found").mkdir(parents=True)

    back_up(data, target)
    restore(target, tmp_path / "new")

    assert check(tmp_path / "new").is_clean


def test_without_a_registry_there_is_nothing_to_back_up(tmp_path: Path, target: Path) -> None:
    with pytest.raises(InvalidRequest, match="there is no registry"):
        back_up(tmp_path, target)
    assert not target.exists()


@pytest.mark.parametrize("content", ["registry.sqlite", "notes.txt", "packages"])
def test_restore_overwrites_nothing(data: Path, target: Path, tmp_path: Path, content: str) -> None:
    back_up(data, target)
    place = tmp_path / "new"
    place.mkdir()
    (place / content).write_text("mine")

    with pytest.raises(InvalidRequest, match="is not empty"):
        restore(target, place)
    assert tree(place) == {content: b"mine"}


def test_two_backups_into_one_folder_do_not_mix(data: Path, target: Path) -> None:
    back_up(data, target)
    with (
        FileLock(target / folder.LOCK),
        pytest.raises(RegistryBusy, match="another process is backing up"),
    ):
        back_up(data, target)


def test_of_two_restores_into_one_folder_the_second_is_refused_and_spoils_nothing(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    back_up(data, target)
    refused: list[str] = []

    def meanwhile(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("packages", 2):
            with pytest.raises(RegistryBusy, match="another process is restoring"):
                restore(target, tmp_path / "new")
            refused.append(stage)

    restore(target, tmp_path / "new", meanwhile)

    assert refused == ["packages"]
    assert check(tmp_path / "new", is_stopped=True).is_clean


def test_a_registry_made_meanwhile_is_not_overwritten(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    back_up(data, target)
    place = tmp_path / "new"

    def meanwhile(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("index", 0):
            open_registry(place, FixedClock()).close()

    with pytest.raises(InvalidRequest, match="is not empty"):
        restore(target, place, meanwhile)
    assert check(place, is_stopped=True).plugins == 0


# The system says no.


CHILD = """
import os, resource, signal, sys
from pathlib import Path
from registry_server.contract.problems import ProblemError
from registry_server.operations.backup import back_up
from registry_server.operations.restore import restore

verb, source, target, limit, stop = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
steps = 0

def on_progress(stage, done, total):
    global steps
    steps += 1
    if steps == int(stop):
        os.kill(os.getpid(), signal.SIGKILL)

try:
    {"back_up": back_up, "restore": restore}[verb](Path(source), Path(target), on_progress)
except ProblemError as error:
    print(error.problem.title, "|", error.problem.detail, "|", error.problem.hint)
"""


def child(verb: str, source: Path, target: Path, *, limit: int = 0, stop: int = 0) -> tuple[int, str]:
    """The operation in a process of its own: exit status, and the problem in words."""
    run = subprocess.run(
        [sys.executable, "-c", CHILD, verb, str(source), str(target), str(limit), str(stop)],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert "Traceback" not in run.stderr, run.stderr
    return run.returncode, run.stdout


def test_a_full_disk_leaves_the_earlier_backup_whole(
    registry: Registry, data: Path, target: Path, owner: Caller, filled: None
) -> None:
    """A limit on the size of files stands for the disk: the package fits nowhere."""
    earlier = back_up(data, target).manifest
    noise = "".join(f"{number * 7919 % 99991:x}" for number in range(300_000))
    publish_operation(registry, owner, package("large", extra={"docs/noise.md": noise}))

    _, said = child("back_up", data, target, limit=500_000)

    assert "cannot be written | file too large" in said
    assert "check free disk space" in said
    assert verify_backup(target) == earlier
    assert [path.name for path in target.rglob(".new-*")] == []


def test_a_full_disk_restores_nothing(
    registry: Registry, data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    back_up(data, target)

    _, said = child("restore", target, tmp_path / "new", limit=50_000)

    assert "cannot be written" in said
    assert not (tmp_path / "new").exists()


def test_a_target_that_cannot_be_written_is_a_sentence(data: Path, tmp_path: Path, filled: None) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RegistryBusy, match="cannot be written") as caught:
        back_up(data, tmp_path / "file" / "backup")
    assert "check free disk space and rights" in caught.value.problem.hint


# Stopped.


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_a_backup_killed_in_the_middle_leaves_the_earlier_one_and_the_next_finishes(
    data: Path, target: Path, publish: Publish, stop: int
) -> None:
    publish("first")
    earlier = back_up(data, target).manifest
    publish("second")
    publish("third")

    status, _ = child("back_up", data, target, stop=stop)

    assert status == -9
    assert verify_backup(target) == earlier
    later = back_up(data, target)
    assert verify_backup(target) == later.manifest
    assert len(list(target.glob("registry-*"))) == 1
    assert [path.name for path in target.rglob(".new-*")] == []


@pytest.mark.parametrize("stop", [1, 2, 4, 5])
def test_a_restore_killed_in_the_middle_leaves_no_registry_and_the_next_finishes(
    data: Path, target: Path, tmp_path: Path, filled: None, stop: int
) -> None:
    back_up(data, target)

    status, _ = child("restore", target, tmp_path / "new", stop=stop)

    assert status == -9
    assert not (tmp_path / "new" / "registry.sqlite").exists()
    restore(target, tmp_path / "new")
    assert check(tmp_path / "new", is_stopped=True).findings == ()


def test_a_restore_killed_after_the_last_move_is_a_whole_registry(
    data: Path, target: Path, tmp_path: Path, filled: None
) -> None:
    back_up(data, target)

    status, _ = child("restore", target, tmp_path / "new", stop=6)

    assert status == -9
    assert check(tmp_path / "new", is_stopped=True).findings == ()


@pytest.mark.parametrize("stop", range(1, 6))
def test_a_restore_that_is_cancelled_leaves_nothing(
    data: Path, target: Path, tmp_path: Path, filled: None, stop: int
) -> None:
    back_up(data, target)
    left = iter(range(stop, 0, -1))

    def cancel(*_: object) -> None:
        if next(left) == 1:
            raise Stopped

    with pytest.raises(Stopped):
        restore(target, tmp_path / "new", cancel)
    assert not (tmp_path / "new").exists()
