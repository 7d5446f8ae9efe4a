"""An undo that is stopped at any moment leaves the project as it was before it or as it is after it."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from donkeytui.install.commit import recover
from donkeytui.install.disk import Disk
from donkeytui.install.history import read_history
from donkeytui.install.journal import needs_recovery
from donkeytui.install.plan import InstallPlan
from donkeytui.install.project_lock import project_lock
from donkeytui.operations.undo import apply_undo
from donkeytui.problems import ProjectNotWritable
from donkeytui.session import Session
from tests.support.faults import CountingDisk, Killed, RefusingDisk, StopAfter, When
from tests.support.undoing import Bench, change_all, finish, lived_in, whole, write

Files = dict[str, tuple[Any, ...]]


class Scene(msgspec.Struct, frozen=True):
    """A project after one change of every kind, and the plan to take it back."""

    origin: Path
    bench: Bench
    plan: InstallPlan
    before: Files
    after: Files
    calls: list[str]
    """Of an undo that nothing stops."""


class HalfDone(StopAfter):
    """As `StopAfter`; torn, a folder is copied by half, and one of two empty folders is gone."""

    def copy_folder(self, source: Path, target: Path) -> None:
        if self.when == "torn" and len(self.calls) + 1 == self.stop:
            target.mkdir()
            (target / "index.ts").write_bytes(b"hal")
        super().copy_folder(source, target)

    def remove_empty(self, folder: Path, root: Path) -> None:
        if self.when == "torn" and len(self.calls) + 1 == self.stop and not any(folder.iterdir()):
            folder.rmdir()
        super().remove_empty(folder, root)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("undo")
    origin = lived_in(folder / "work" / "origin")
    after = whole(origin)
    change_all(origin)
    bench = Bench(origin, folder / "home")
    plan, disk = bench.plan(), CountingDisk()
    root = copy(origin, folder / "work" / "counted")
    bench.apply(at(plan, root), disk)
    return Scene(origin, bench, plan, whole(origin), after, disk.calls)


def copy(origin: Path, root: Path) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    # Files are replaced and never written into, so the copies may share theirs.
    return shutil.copytree(origin, root, symlinks=True, copy_function=os.link)


def at(plan: InstallPlan, root: Path) -> InstallPlan:
    return msgspec.structs.replace(plan, root=str(root))


def undo_each(
    scene: Scene, root: Path, disks: list[Disk], check: Callable[[Disk, BaseException], None]
) -> None:
    """One undo on a fresh copy for each disk, which stops it."""

    async def runs(session: Session) -> None:
        for disk in disks:
            copy(scene.origin, root)
            with pytest.raises((Killed, ProjectNotWritable)) as caught:
                await apply_undo(session, at(scene.plan, root), disk=disk)
            check(disk, caught.value)

    scene.bench.run(runs)


def unfinished(root: Path) -> list[Path]:
    folders = (root / ".donkeylabs").glob("txn-*")
    return [folder for folder in folders if not (folder / "record.json").exists()]


def test_the_undo_makes_every_kind_of_call(scene: Scene) -> None:
    kinds = {call.split()[0] for call in scene.calls}
    assert {"copy_folder", "copy_mode", "write", "move", "unlink", "remove_empty", "sync_all"} <= kinds


def test_a_kill_at_any_call_of_an_undo_leaves_the_project_as_before_or_as_after(
    scene: Scene, tmp_path: Path
) -> None:
    root = tmp_path / "work" / "shop"
    commit_point = scene.calls.index("move journal.json") + 1
    disks: list[StopAfter] = []
    for when in get_args(When):
        torn = ("write", "copy_folder", "remove_empty")
        stops = [n for n, call in enumerate(scene.calls, 1) if when != "torn" or call.startswith(torn)]
        disks += [HalfDone(stop, when) for stop in stops]
    ended: list[bool] = []

    def check(disk: Disk, _: BaseException) -> None:
        assert isinstance(disk, StopAfter)
        is_committed = disk.stop > commit_point or (disk.stop == commit_point and disk.when == "after")
        finish(root)
        assert whole(root) == (scene.after if is_committed else scene.before), (disk.stop, disk.when)
        assert (root / "assets").exists() != is_committed
        assert not unfinished(root)
        assert read_history(root)[0].journal.undoes == (2 if is_committed else 0)
        ended.append(is_committed)

    undo_each(scene, root, [*disks[:-1:4], disks[-1]], check)

    assert set(ended) == {True, False}
    assert len(ended) > 35


def test_a_second_kill_in_the_recovery_of_an_undo_is_recovered_too(scene: Scene, tmp_path: Path) -> None:
    root, stopped = tmp_path / "work" / "shop", tmp_path / "work" / "stopped"
    commit_point = scene.calls.index("move journal.json") + 1
    runs: list[int] = []

    def check(disk: Disk, _: BaseException) -> None:
        assert isinstance(disk, StopAfter)
        for second in range(1, len(scene.calls) - disk.stop + 2, 3):
            copy(stopped, root)
            recover_until_killed(root, second)
            finish(root)
            assert whole(root) == scene.after, (disk.stop, second)
            assert not unfinished(root)
            runs.append(second)

    stops = range(commit_point + 1, len(scene.calls) + 1, 7)
    undo_each(scene, stopped, [StopAfter(stop) for stop in stops], check)

    assert len(runs) > 30


def recover_until_killed(root: Path, stop: int) -> None:
    """The recovery may be through before the stop comes."""
    try:
        with project_lock(root):
            recover(root, StopAfter(stop))
    except Killed:
        return


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_disk_that_refuses_an_undo_leaves_the_project_as_before_or_to_finish(
    scene: Scene, tmp_path: Path, code: int
) -> None:
    root = tmp_path / "work" / "shop"
    last_that_can_fail = scene.calls.index("move record.json") + 1
    begun: list[bool] = []

    def check(disk: Disk, error: BaseException) -> None:
        assert isinstance(error, ProjectNotWritable)
        is_begun = needs_recovery(root)
        assert ("was begun" in str(error)) == is_begun
        assert error.problem.detail.startswith("No space left on device: ")
        assert is_begun or whole(root) == scene.before
        finish(root)
        assert whole(root) == (scene.after if is_begun else scene.before)
        begun.append(is_begun)

    stops = sorted({*range(1, last_that_can_fail, 5), last_that_can_fail})
    undo_each(scene, root, [RefusingDisk(stop, code) for stop in stops], check)

    assert set(begun) == {True, False}
    assert len(begun) > 10


class FullDisk(CountingDisk):
    """The device takes no more once a folder is copied: what the system itself then says."""

    def copy_folder(self, source: Path, target: Path) -> None:
        (target.parent / target.name).mkdir()
        super().copy_folder(source, target)


def test_a_copy_that_fails_halfway_is_told_with_its_reason(scene: Scene, tmp_path: Path) -> None:
    def check(_: Disk, error: BaseException) -> None:
        assert str(error).startswith("the project cannot be written")
        assert isinstance(error, ProjectNotWritable)
        assert error.problem.detail.startswith("File exists: ")

    root = tmp_path / "work" / "shop"
    undo_each(scene, root, [FullDisk()], check)

    assert whole(root) == scene.before
    assert not unfinished(root)


# What the user does between the kill and the recovery is not lost.


def stopped_after(scene: Scene, root: Path, call: str) -> Path:
    """Killed right after this call."""
    stop = scene.calls.index(call) + 1
    undo_each(scene, root, [StopAfter(stop, "after")], lambda *_: None)
    return root


def found_below(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


@pytest.mark.parametrize(
    "path", ["package.json", "donkeylabs-lock.json", "public/users.txt", "public/deep/old.txt"]
)
def test_a_file_edited_before_the_recovery_goes_out_of_the_way_and_is_kept(
    scene: Scene, tmp_path: Path, path: str
) -> None:
    root = stopped_after(scene, tmp_path / "work" / "shop", "move journal.json")
    place = root / path
    place.unlink(missing_ok=True)
    write(place, "written meanwhile")

    finish(root)

    assert whole(root) == scene.after
    assert b"written meanwhile" in found_below(root / ".donkeylabs")


def test_a_folder_made_where_a_file_belongs_goes_out_of_the_way(scene: Scene, tmp_path: Path) -> None:
    root = stopped_after(scene, tmp_path / "work" / "shop", "move journal.json")
    write(root / "public" / "deep" / "old.txt" / "note.txt", "written meanwhile")

    finish(root)

    assert whole(root) == scene.after
    assert b"written meanwhile" in found_below(root / ".donkeylabs")


@pytest.mark.parametrize("call", ["move journal.json", "unlink users.css"])
def test_a_file_written_before_the_recovery_where_one_goes_stays(
    scene: Scene, tmp_path: Path, call: str
) -> None:
    root = stopped_after(scene, tmp_path / "work" / "shop", call)
    place = root / "assets" / "new" / "users.css"
    place.unlink(missing_ok=True)
    write(place, "written meanwhile")

    finish(root)

    stayed = {"assets/new/users.css": ("0o644", b"written meanwhile")}
    assert whole(root) == {**scene.after, **stayed}


def test_a_recovery_that_is_refused_says_that_a_change_was_begun(scene: Scene, tmp_path: Path) -> None:
    root = stopped_after(scene, tmp_path / "work" / "shop", "move journal.json")

    with project_lock(root), pytest.raises(ProjectNotWritable) as caught:
        recover(root, RefusingDisk(1))

    assert caught.value.problem.title == "the change was begun and could not be finished"
    assert "nothing was changed" not in caught.value.problem.hint


# Whatever verb comes next finishes it first.


def test_planning_another_undo_finishes_the_one_that_was_killed(scene: Scene, tmp_path: Path) -> None:
    root = stopped_after(scene, tmp_path / "work" / "shop", "move journal.json")
    bench = Bench(root, tmp_path / "home")

    plan = bench.plan(is_forced=True)

    assert plan.undoes == 1
    assert whole(root) == scene.after


def test_the_history_counts_the_change_that_was_killed(scene: Scene, tmp_path: Path) -> None:
    root = stopped_after(scene, tmp_path / "work" / "shop", "move journal.json")

    changes = Bench(root, tmp_path / "home").history()

    assert [(change.number, change.undoes) for change in changes] == [(3, 2), (2, 0), (1, 0)]
    assert whole(root) == scene.after
