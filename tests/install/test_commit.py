"""The only writer to a project: whatever stops it, the project is as before or as after."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from filelock import FileLock

from donkeytui.install.commit import commit, recover
from donkeytui.install.disk import Disk
from donkeytui.install.history import read_history
from donkeytui.install.journal import GENERATIONS_KEPT, needs_recovery
from donkeytui.install.plan import InstallPlan, edit_of
from donkeytui.install.project_lock import project_lock
from donkeytui.install.stage import Staged, StagedFile
from donkeytui.problems import PlanStale, ProjectBusy, ProjectNotWritable
from donkeytui.project.snapshot import read_snapshot
from tests.support.builders import CONFIG, tree, write_project
from tests.support.faults import CountingDisk, Killed, RefusingDisk, StopAfter, When
from tests.support.plans import Goal

PLUGINS = "src/server/plugins"
NARROW_CONFIG = CONFIG.replace("plugins/**/index.ts", "plugins/*.ts")
"""Its glob finds no plugin, so installing one adds a glob."""


class Scene(msgspec.Struct, frozen=True):
    """A project and everything one plan can do to it: two installs, an update, a removal, four edited
    texts, and files elsewhere that come, change and go."""

    origin: Path
    plan: InstallPlan
    staged: Staged
    before: dict[str, bytes]
    after: dict[str, bytes]
    finished: Path

    def at(self, root: Path) -> InstallPlan:
        return msgspec.structs.replace(self.plan, root=str(root))

    def copy(self, root: Path) -> Path:
        shutil.rmtree(root, ignore_errors=True)
        # Files are replaced and never written into, so the copies may share theirs.
        shutil.copytree(self.origin, root, copy_function=os.link)
        return root

    def commit(self, root: Path, disk: Disk) -> None:
        with project_lock(root):
            commit(self.at(root), self.staged, disk)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    tmp_path = tmp_path_factory.mktemp("scene")
    origin = write_project(tmp_path / "origin", config=NARROW_CONFIG)
    old = Goal().add(
        "users",
        "1.0.0",
        extra={
            "migrations/001_users.ts": "export const up = 1;\n",
            **copying({"public/users.txt": "one\n", "public/deep/old.txt": "old\n"}),
        },
    )
    old.add("stale").add("kept").reach(origin)
    own = origin / PLUGINS / "mine" / "index.ts"
    own.parent.mkdir()
    own.write_text("// written by hand\n")
    goal = Goal().add(
        "users",
        "2.0.0",
        extra={
            "migrations/002_more.ts": "export const up = 2;\n",
            **copying({"public/users.txt": "two\n", "assets/new/users.css": "new\n"}),
        },
    )
    goal.add("auth", needs={"users": "^2.0.0"}, npm={"jose": "^6.0.0"}).add("mail").add("kept")
    # The first install added the glob; without it, this plan edits the config as well.
    (origin / "donkeylabs.config.ts").write_text(NARROW_CONFIG)
    entry = read_snapshot(origin).entry
    plan = goal.plan(origin, entry=edit_of(entry, f"// registered\n{entry.text}"), title="update users")
    staged, before = goal.staged(plan), tree(origin)
    finished = shutil.copytree(origin, tmp_path / "finished")
    with project_lock(finished):
        commit(msgspec.structs.replace(plan, root=str(finished)), staged, Disk())
    return Scene(origin, plan, staged, before, tree(finished), finished)


def copying(files: dict[str, str]) -> dict[str, str]:
    """Files of a package that go to these places of the project."""
    sources = {f"files/{number}.txt": text for number, text in enumerate(files.values())}
    copy = [{"from": source, "to": place} for source, place in zip(sources, files, strict=True)]
    return {**sources, "manifest.json": json.dumps({"name": "users", "version": "1.0.0", "copy": copy})}


def calls_of(scene: Scene, root: Path) -> list[str]:
    disk = CountingDisk()
    scene.commit(scene.copy(root), disk)
    return disk.calls


def finish(root: Path) -> None:
    with project_lock(root):
        recover(root, Disk())


def unfinished(root: Path) -> list[Path]:
    return [
        folder for folder in (root / ".donkeylabs").glob("txn-*") if not (folder / "record.json").exists()
    ]


def plugin_of(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if path.startswith(f"{PLUGINS}/{name}/")}


def assert_whole(scene: Scene, root: Path) -> None:
    """At any moment: every plugin's folder is absent, old or new, and nothing else lies beside them."""
    files = tree(root)
    names = {path.split("/")[3] for path in files if path.startswith(f"{PLUGINS}/")}
    assert names <= {"users", "stale", "kept", "mine", "auth", "mail"}
    for name in names:
        assert plugin_of(files, name) in (plugin_of(scene.before, name), plugin_of(scene.after, name))
    assert not list((root / PLUGINS).rglob(".donkeylabs"))


def test_the_scene_has_every_kind_of_change(scene: Scene) -> None:
    kinds = {step.name: step.kind for step in scene.plan.steps}
    assert kinds == {
        "auth": "install",
        "kept": "keep",
        "mail": "install",
        "stale": "remove",
        "users": "update",
    }
    assert [edit.path for edit in scene.plan.edits] == [
        "package.json",
        "donkeylabs.config.ts",
        "src/server/index.ts",
        "donkeylabs-lock.json",
    ]
    assert [(file.kind, file.path) for file in scene.plan.files] == [
        ("create", "assets/new/users.css"),
        ("remove", "public/deep/old.txt"),
        ("update", "public/users.txt"),
    ]
    gone = {path for path in scene.before if path not in scene.after}
    assert gone == {f"{PLUGINS}/stale/{name}" for name in ("index.ts", "README.md", "LICENSE")} | {
        f"{PLUGINS}/users/migrations/001_users.ts",
        "public/deep/old.txt",
    }
    assert not (scene.finished / "public" / "deep").exists()


def test_a_kill_at_any_call_leaves_the_project_as_before_or_as_after(scene: Scene, tmp_path: Path) -> None:
    root = tmp_path / "shop"
    calls = calls_of(scene, root)
    runs = 0
    for when in get_args(When):
        stops = [n for n, call in enumerate(calls, 1) if when != "torn" or call.startswith("write")]
        ends = [end_of_kill(scene, root, StopAfter(stop, when)) for stop in stops]
        runs += len(ends)
        assert sorted(ends) == ends, f"{when}: once committed, a later kill must not lose it"
        # After the commit nothing is written any more, only moved.
        assert set(ends) == ({False} if when == "torn" else {False, True})
    assert runs > 100


def end_of_kill(scene: Scene, root: Path, disk: StopAfter) -> bool:
    """Whether the change was made in the end; asserts that it was made wholly or not at all."""
    with pytest.raises(Killed):
        scene.commit(scene.copy(root), disk)
    assert_whole(scene, root)
    is_committed = needs_recovery(root) or tree(root) == scene.after
    finish(root)
    assert tree(root) == (scene.after if is_committed else scene.before), disk.calls[-1:]
    assert not unfinished(root)
    return is_committed


def test_a_second_kill_in_the_recovery_is_recovered_too(scene: Scene, tmp_path: Path) -> None:
    root, stopped = tmp_path / "shop", tmp_path / "stopped"
    calls = calls_of(scene, root)
    commit_point = calls.index("move journal.json") + 1
    runs = 0
    for stop in range(commit_point + 1, len(calls), 4):
        with pytest.raises(Killed):
            scene.commit(scene.copy(stopped), StopAfter(stop))
        left = len(calls) - stop
        for second in range(1, left + 1):
            shutil.rmtree(root)
            shutil.copytree(stopped, root, copy_function=os.link)
            recover_until_killed(root, second)
            assert_whole(scene, root)
            finish(root)
            assert tree(root) == scene.after
            assert not unfinished(root)
            runs += 1
    assert runs > 50


def recover_until_killed(root: Path, stop: int) -> None:
    """The recovery may be through before the stop comes."""
    try:
        with project_lock(root):
            recover(root, StopAfter(stop))
    except Killed:
        return


@pytest.mark.parametrize(("code", "step"), [(errno.ENOSPC, 1), (errno.EACCES, 3)])
def test_a_disk_that_says_no_is_a_problem_and_leaves_the_project_as_before_or_to_finish(
    scene: Scene, tmp_path: Path, code: int, step: int
) -> None:
    root = tmp_path / "shop"
    calls = calls_of(scene, root)
    last_that_can_fail = calls.index("move record.json") + 1
    runs = 0
    for stop in range(1, last_that_can_fail + 1, step):
        with pytest.raises(ProjectNotWritable) as caught:
            scene.commit(scene.copy(root), RefusingDisk(stop, code))
        assert_whole(scene, root)
        is_begun = needs_recovery(root)
        assert ("was begun" in str(caught.value)) == is_begun
        assert caught.value.problem.detail.startswith("No space left on device: ")
        assert is_begun or tree(root) == scene.before
        finish(root)
        assert tree(root) == (scene.after if is_begun else scene.before)
        runs += 1
    assert runs * step > 45


def test_a_recovery_that_the_disk_refuses_is_a_problem_and_can_be_had_again(
    scene: Scene, tmp_path: Path
) -> None:
    root = scene.copy(tmp_path / "shop")
    with pytest.raises(Killed):
        scene.commit(root, StopAfter(calls_of(scene, tmp_path / "other").index("move stale") + 1))

    with project_lock(root), pytest.raises(ProjectNotWritable):
        recover(root, RefusingDisk(1))
    finish(root)

    assert tree(root) == scene.after


def test_a_folder_made_anew_after_the_kill_is_not_taken_for_the_old_one(scene: Scene, tmp_path: Path) -> None:
    root = scene.copy(tmp_path / "shop")
    with pytest.raises(Killed):
        scene.commit(root, StopAfter(calls_of(scene, tmp_path / "other").index("move stale") + 1, "after"))
    (root / PLUGINS / "stale").mkdir()
    (root / PLUGINS / "stale" / "index.ts").write_text("// begun anew\n")

    finish(root)

    assert tree(root) == {**scene.after, f"{PLUGINS}/stale/index.ts": b"// begun anew\n"}


def test_leftovers_of_a_transaction_that_never_committed_are_removed(scene: Scene, tmp_path: Path) -> None:
    root = scene.copy(tmp_path / "shop")
    with pytest.raises(Killed):
        scene.commit(root, StopAfter(10))
    assert len(unfinished(root)) == 1

    with project_lock(root):
        assert recover(root, Disk()) is False

    assert not unfinished(root)


def test_what_was_replaced_stays_until_ten_newer_changes_push_it_out(scene: Scene, tmp_path: Path) -> None:
    root = scene.copy(tmp_path / "shop")
    scene.commit(root, Disk())
    newest = read_history(root)[0]
    kept = {path.relative_to(newest.folder).as_posix() for path in newest.folder.rglob("*") if path.is_file()}
    assert {"old/users/index.ts", "old/stale/index.ts", "old/1.before"} <= kept
    before = scene.before[f"{PLUGINS}/users/index.ts"]
    assert (newest.folder / "old" / "users" / "index.ts").read_bytes() == before

    for number in range(GENERATIONS_KEPT):
        Goal().add("kept", f"1.0.{number + 1}").reach(root)

    numbers = [generation.journal.number for generation in read_history(root)]
    assert numbers == list(range(GENERATIONS_KEPT + 2, 2, -1))
    assert not newest.folder.exists()


def test_our_folder_is_kept_out_of_version_control(scene: Scene) -> None:
    assert (scene.origin / ".donkeylabs" / ".gitignore").read_text() == "*\n"


def test_an_executable_file_stays_one_and_others_are_not(project: Path) -> None:
    goal = Goal().add("auth")
    plan = goal.plan(project)
    staged = goal.staged(plan)
    folder = staged.folders[0]
    files = {
        **folder.files,
        "bin/run.sh": msgspec.structs.replace(folder.files["index.ts"], is_executable=True),
    }
    staged = msgspec.structs.replace(staged, folders=(msgspec.structs.replace(folder, files=files),))

    with project_lock(project):
        commit(plan, staged, Disk())

    there = project / PLUGINS / "auth"
    assert (there / "bin" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (there / "index.ts").stat().st_mode & 0o111 == 0


# A plan is for the project it was made from.


@pytest.mark.parametrize(
    "path",
    [
        "donkeylabs.config.ts",
        "donkeylabs-lock.json",
        "package.json",
        "src/server/index.ts",
        "public/users.txt",
        f"{PLUGINS}/users/index.ts",
    ],
)
def test_a_plan_is_refused_when_the_project_changed_meanwhile(
    scene: Scene, tmp_path: Path, path: str
) -> None:
    root = shutil.copytree(scene.origin, tmp_path / "shop")
    file = root / path
    file.write_text(file.read_text().replace("\n", "\n ", 1))
    changed = tree(root)

    with pytest.raises(PlanStale) as caught:
        scene.commit(root, Disk())

    named = path.removesuffix("/index.ts") if path.startswith(PLUGINS) else path
    assert caught.value.problem.detail == f"changed: {named}"
    assert tree(root) == changed


def test_a_plan_is_refused_when_a_folder_came_into_the_way(scene: Scene, tmp_path: Path) -> None:
    root = shutil.copytree(scene.origin, tmp_path / "shop")
    (root / PLUGINS / "auth").mkdir()
    (root / PLUGINS / "auth" / "index.ts").write_text("// just written\n")

    with pytest.raises(PlanStale, match="has changed since"):
        scene.commit(root, Disk())


def test_changes_elsewhere_do_not_make_a_plan_stale(scene: Scene, tmp_path: Path) -> None:
    root = shutil.copytree(scene.origin, tmp_path / "shop")
    (root / "src" / "server" / "other.ts").write_text("// written meanwhile\n")
    (root / PLUGINS / "mine" / "index.ts").write_text("// edited meanwhile\n")

    scene.commit(root, Disk())

    assert tree(root)[f"{PLUGINS}/mine/index.ts"] == b"// edited meanwhile\n"


def test_a_second_writer_is_told_that_the_project_is_busy(project: Path) -> None:
    (project / ".donkeylabs").mkdir()
    with (
        FileLock(project / ".donkeylabs" / "lock"),
        pytest.raises(ProjectBusy),
        project_lock(project, wait_seconds=0),
    ):
        raise AssertionError("the lock was given twice")

    with project_lock(project, wait_seconds=0):
        assert True


def test_a_file_where_our_folder_should_be_is_a_problem(project: Path) -> None:
    (project / ".donkeylabs").write_text("in the way")

    with pytest.raises(ProjectNotWritable), project_lock(project):
        raise AssertionError("there is no lock")


# What would fail after the commit is found out before it.


def test_a_file_where_the_plugins_folder_should_be_is_found_before_the_commit(project: Path) -> None:
    (project / "src" / "server" / "plugins").write_text("not a folder")
    before = tree(project)

    with pytest.raises(ProjectNotWritable, match="cannot be written"):
        Goal().add("auth").reach(project)

    assert tree(project) == before
    assert not needs_recovery(project)
    assert not unfinished(project)


def test_a_link_that_leads_nowhere_is_moved_aside_when_forced(project: Path, tmp_path: Path) -> None:
    (project / PLUGINS).mkdir()
    (project / PLUGINS / "auth").symlink_to(tmp_path / "nowhere")

    Goal().add("auth").reach(project, is_forced=True)

    assert not (project / PLUGINS / "auth").is_symlink()
    assert (project / PLUGINS / "auth" / "index.ts").is_file()


def test_a_link_to_a_folder_elsewhere_is_replaced_and_its_target_left_alone(
    project: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "index.ts").write_text("// another checkout\n")
    (project / PLUGINS).mkdir()
    (project / PLUGINS / "auth").symlink_to(elsewhere)

    Goal().add("auth").reach(project, is_forced=True)

    assert tree(elsewhere) == {"index.ts": b"// another checkout\n"}
    assert (project / PLUGINS / "auth" / "index.ts").read_text() != "// another checkout\n"


# The journal and our folder come with the project, and a project comes from anywhere.

GOOD_JOURNAL = {
    "transaction": "txn-0123456789ab",
    "folders": [{"name": "auth", "place": f"{PLUGINS}/auth", "has_new": True}],
    "files": [{"path": "package.json", "staged": "0"}],
}


def plant(root: Path, journal: object) -> None:
    """A journal as an attacker commits it, with a transaction folder that would serve it."""
    transaction = root / ".donkeylabs" / "txn-0123456789ab"
    for name in ("new/auth", "old", "files"):
        (transaction / name).mkdir(parents=True)
    (transaction / "new" / "auth" / "index.ts").write_text("planted")
    (transaction / "files" / "0").write_text("planted")
    data = journal if isinstance(journal, bytes) else json.dumps(journal).encode()
    (root / ".donkeylabs" / "journal.json").write_bytes(data)


def with_folder(**fields: object) -> dict[str, object]:
    return {**GOOD_JOURNAL, "folders": [{**GOOD_JOURNAL["folders"][0], **fields}]}  # type: ignore[index,dict-item]


def with_file(**fields: object) -> dict[str, object]:
    return {**GOOD_JOURNAL, "files": [{**GOOD_JOURNAL["files"][0], **fields}]}  # type: ignore[index,dict-item]


def test_a_journal_of_ours_is_followed(project: Path) -> None:
    """The base of the tests below: what they change is all that makes theirs hostile."""
    plant(project, GOOD_JOURNAL)

    finish(project)

    assert tree(project)[f"{PLUGINS}/auth/index.ts"] == b"planted"
    assert tree(project)["package.json"] == b"planted"


@pytest.mark.parametrize(
    "journal",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'{"transaction": 1}',
        b'{"x":' + b"[" * 100_000,
        {**GOOD_JOURNAL, "transaction": "../../elsewhere"},
        {**GOOD_JOURNAL, "transaction": "txn-0123456789ab/../../src"},
        {**GOOD_JOURNAL, "transaction": ""},
        {**GOOD_JOURNAL, "transaction": "."},
        with_folder(place="../shop2/auth"),
        with_folder(place=f"{PLUGINS}/../../../../auth"),
        with_folder(place="/srv/auth"),
        with_folder(place="auth"),
        with_folder(place="src"),
        with_folder(place=""),
        with_folder(place=f"{PLUGINS}\\auth"),
        with_folder(place=".git/auth"),
        with_folder(place=".donkeylabs/auth"),
        with_folder(name="../auth"),
        with_folder(name=".."),
        with_folder(name="users"),
        with_file(path=".env"),
        with_file(path=".github/workflows/ci.yml"),
        with_file(path="node_modules/.bin/tsc"),
        with_file(path="src/server/../../../x.ts"),
        with_file(path="../package.json"),
        with_file(path="/etc/passwd"),
        with_file(staged="../../journal.json"),
        with_file(staged=""),
    ],
    ids=lambda journal: (journal if isinstance(journal, bytes) else json.dumps(journal).encode())[:40].hex(),
)
def test_a_journal_that_is_not_ours_is_refused(project: Path, journal: object) -> None:
    plant(project, journal)
    before = tree(project)

    with project_lock(project), pytest.raises(ProjectNotWritable, match=r"journal\.json"):
        recover(project, Disk())

    assert tree(project) == before


def lead_away(link: Path, target: Path) -> None:
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


@pytest.mark.parametrize(
    "place",
    [
        "src/server/plugins",
        "src/server",
        ".donkeylabs/txn-0123456789ab",
        ".donkeylabs/txn-0123456789ab/new",
        ".donkeylabs/txn-0123456789ab/old",
        ".donkeylabs/txn-0123456789ab/files",
    ],
)
def test_a_journal_is_not_followed_through_links(project: Path, tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    for path in ("auth/index.ts", "plugins/auth/index.ts", "new/auth/index.ts", "0", "files/0"):
        (elsewhere / path).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / path).write_text("the user's own")
    plant(project, GOOD_JOURNAL)
    lead_away(project / place, elsewhere)
    before, outside = tree(project), tree(elsewhere)

    with project_lock(project), pytest.raises(ProjectNotWritable, match="is a link"):
        recover(project, Disk())

    assert tree(elsewhere) == outside
    assert tree(project) == before


@pytest.mark.parametrize("place", [".donkeylabs", ".donkeylabs/lock", ".donkeylabs/.gitignore"])
@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_written_where_a_link_in_our_folder_leads(
    project: Path, tmp_path: Path, place: str, is_there: bool
) -> None:
    outside = tmp_path / "elsewhere"
    if is_there and place == ".donkeylabs":
        outside.mkdir()
    elif is_there:
        outside.write_text("precious")
    lead_away(project / place, outside)

    with pytest.raises(ProjectNotWritable, match="is a link"), project_lock(project):
        raise AssertionError("the lock was taken through a link")

    if outside.is_dir():
        assert list(outside.iterdir()) == []
    else:
        assert outside.exists() == is_there
        assert not is_there or outside.read_text() == "precious"


def test_a_journal_whose_transaction_is_gone_is_told_as_that(project: Path) -> None:
    plant(project, GOOD_JOURNAL)
    shutil.rmtree(project / ".donkeylabs" / "txn-0123456789ab")
    before = tree(project)

    with project_lock(project), pytest.raises(ProjectNotWritable, match="what it laid out is gone"):
        recover(project, Disk())

    assert tree(project) == before


def test_what_no_recovery_would_follow_is_refused_before_the_commit(project: Path) -> None:
    goal = Goal().add("auth")
    plan = goal.plan(project)
    staged = goal.staged(plan)
    hidden = StagedFile(path=".vscode/tasks.json", data=b"{}")
    before = tree(project)

    with (
        project_lock(project),
        pytest.raises(ProjectNotWritable, match="once interrupted, it could not be finished"),
    ):
        commit(plan, msgspec.structs.replace(staged, files=(*staged.files, hidden)), Disk())

    assert tree(project) == before
    assert not needs_recovery(project)
    assert not unfinished(project)


def test_a_folder_made_anew_where_a_new_one_belongs_goes_out_of_the_way(scene: Scene, tmp_path: Path) -> None:
    root = scene.copy(tmp_path / "shop")
    with pytest.raises(Killed):
        scene.commit(root, StopAfter(calls_of(scene, tmp_path / "other").index("move users") + 1, "after"))
    (root / PLUGINS / "users").mkdir()
    (root / PLUGINS / "users" / "schema.ts").write_text("// by a watching generator\n")

    finish(root)

    assert tree(root) == scene.after
