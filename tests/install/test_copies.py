"""Files that a plugin brings elsewhere in the project: where they may go, and what never makes way."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from donkeytui.install.commit import commit
from donkeytui.install.copies import FileStep, copy_steps
from donkeytui.install.disk import Disk
from donkeytui.install.project_lock import project_lock
from donkeytui.install.stage import StagedFile
from donkeytui.operations.apply import apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.problems import FileTaken, PlanStale, PluginEdited, ProjectNotWritable
from donkeytui.project.snapshot import read_copy, read_snapshot
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.wire import Contents, FileCopy
from tests.support.builders import CONFIG, tree, write_project
from tests.support.plans import Goal
from tests.support.undoing import PLUGINS, copying, whole, write

PLACE = "public/users.txt"


def users(version: str = "1.0.0", *places: str) -> Goal:
    """A goal with one plugin that brings a file to each of `places`."""
    files = dict.fromkeys(places or (PLACE,), f"{version}\n")
    return Goal().add("users", version, extra=copying(files))


def steps(plan: Any) -> list[tuple[str, str, str]]:
    return [(step.kind, step.path, step.plugin) for step in plan.files]


def announced(root: Path, targets: dict[str, tuple[str, ...]], **options: Any) -> tuple[FileStep, ...]:
    """What a catalogue's word alone leads to, without a package that was judged."""
    touched = {
        name: Contents(copies=tuple(FileCopy(source="x", target=target) for target in paths))
        for name, paths in targets.items()
    }
    present = {target: read_copy(root, target) for paths in targets.values() for target in paths}
    return copy_steps(read_snapshot(root), touched, present, is_forced=False, **options)


# Where they may go.


@pytest.mark.parametrize(
    "target",
    [
        "../outside.txt",
        "public/../../outside.txt",
        "/etc/passwd",
        "",
        ".",
        "public//x",
        "public\\x",
        ".env",
        ".git/hooks/pre-commit",
        "public/.htaccess",
        ".github/workflows/ci.yml",
        ".donkeylabs/journal.json",
        "node_modules/left-pad/index.js",
        "packages/a/node_modules/b/index.js",
        "donkeylabs-lock.json",
        "donkeylabs.config.ts",
        "package.json",
        "src/server/index.ts",
        f"{PLUGINS}/users/x.ts",
        f"{PLUGINS}/mail/index.ts",
        PLUGINS,
        "src/server",
        "src",
        "public/con",
        "public/x\x1b[2J",
    ],
)
def test_no_word_of_a_catalogue_leads_to_where_no_plugin_may_write(project: Path, target: str) -> None:
    with pytest.raises(InvalidPackage) as caught:
        announced(project, {"users": (target,)})

    assert caught.value.problem.title.startswith("`users` would write to ")
    assert "\x1b" not in caught.value.problem.title


def test_files_come_with_the_folders_they_need(project: Path) -> None:
    plan = users("1.0.0", "public/deep/er/users.txt").reach(project)

    assert steps(plan) == [("create", "public/deep/er/users.txt", "users")]
    assert tree(project)["public/deep/er/users.txt"] == b"1.0.0\n"
    copies = read_snapshot(project).lockfile.plugins["users"].copies
    assert copies == {"public/deep/er/users.txt": read_copy(project, "public/deep/er/users.txt")}


def test_a_plugin_whose_folder_is_to_be_a_file_never_blocks_the_plugins(tmp_path: Path) -> None:
    root = write_project(tmp_path / "shop", config=CONFIG.replace("src/server/plugins", "lib/plugins"))

    with pytest.raises(InvalidPackage, match="`lib`"):
        users("1.0.0", "lib").plan(root)


# What is in the way.


def test_a_file_that_is_not_ours_makes_way_only_when_forced_and_is_kept(project: Path) -> None:
    write(project / PLACE, "mine\n", 0o600)
    before = whole(project)

    with pytest.raises(FileTaken) as caught:
        users().plan(project)
    assert caught.value.problem.title == f"{PLACE} is in the way"
    assert whole(project) == before

    plan = users().reach(project, is_forced=True)

    assert steps(plan) == [("replace", PLACE, "users")]
    assert (project / PLACE).read_text() == "1.0.0\n"
    kept = [path.read_bytes() for path in (project / ".donkeylabs").glob("txn-*/old/*.before")]
    assert b"mine\n" in kept


@pytest.mark.parametrize("is_forced", [True, False])
def test_a_folder_in_the_way_is_named_and_never_replaced(project: Path, is_forced: bool) -> None:
    write(project / PLACE / "note.txt", "mine\n")
    before = whole(project)

    with pytest.raises(FileTaken) as caught:
        users().plan(project, is_forced=is_forced)

    assert caught.value.problem.title == f"a folder is in the way of {PLACE}"
    assert whole(project) == before


@pytest.mark.parametrize("is_forced", [True, False])
@pytest.mark.parametrize("link", [PLACE, "public"])
@pytest.mark.parametrize("leads", ["inside", "outside", "nowhere"])
def test_a_link_in_the_way_is_named_and_neither_followed_nor_replaced(
    project: Path, tmp_path: Path, link: str, leads: str, is_forced: bool
) -> None:
    target = (project if leads == "inside" else tmp_path) / "target"
    if leads != "nowhere":
        write(target / "users.txt" if link == "public" else target, "precious\n")
    (project / link).parent.mkdir(exist_ok=True)
    (project / link).symlink_to(target)
    before = whole(tmp_path)

    with pytest.raises(FileTaken) as caught:
        users().plan(project, is_forced=is_forced)

    assert caught.value.problem.title == f"a link is in the way of {PLACE}"
    assert whole(tmp_path) == before


def test_a_link_made_after_planning_makes_the_plan_stale(project: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.txt", "precious\n")
    goal = users()
    plan = goal.plan(project)
    (project / "public").mkdir()
    (project / PLACE).symlink_to(outside)

    with project_lock(project), pytest.raises(PlanStale) as caught:
        commit(plan, goal.staged(plan), Disk())

    assert caught.value.problem.detail == f"changed: {PLACE}"
    assert outside.read_text() == "precious\n"


def test_a_file_written_after_planning_makes_the_plan_stale(project: Path) -> None:
    goal = users()
    plan = goal.plan(project)
    write(project / PLACE, "mine\n")

    with project_lock(project), pytest.raises(PlanStale) as caught:
        commit(plan, goal.staged(plan), Disk())

    assert caught.value.problem.detail == f"changed: {PLACE}"
    assert (project / PLACE).read_text() == "mine\n"


# Two plugins.


def test_two_plugins_cannot_have_one_file(project: Path) -> None:
    goal = users()
    goal.add("auth", extra=copying({PLACE: "auth\n"}, name="auth"))

    with pytest.raises(FileTaken) as caught:
        goal.plan(project, is_forced=True)

    assert caught.value.problem.title == f"`users` and `auth` both bring {PLACE}"


def test_a_plugin_does_not_take_the_file_of_an_installed_one(project: Path) -> None:
    goal = users()
    goal.reach(project)
    goal.add("auth", extra=copying({PLACE: "auth\n"}, name="auth"))

    with pytest.raises(FileTaken, match=f"`auth` and `users` both bring {PLACE}"):
        goal.plan(project, is_forced=True)

    assert (project / PLACE).read_text() == "1.0.0\n"


def test_a_file_passes_from_a_plugin_that_goes_to_one_that_comes(project: Path) -> None:
    users().reach(project)

    plan = Goal().add("auth", extra=copying({PLACE: "auth\n"}, name="auth")).reach(project)

    assert steps(plan) == [("update", PLACE, "auth")]
    assert (project / PLACE).read_text() == "auth\n"


@pytest.mark.parametrize(
    ("one", "other"), [("public/a", "public/a/b"), ("public/a/b/c", "public/a")], ids=["below", "above"]
)
@pytest.mark.parametrize("is_installed", [True, False])
def test_a_file_cannot_be_where_another_plugin_needs_a_folder(
    project: Path, one: str, other: str, is_installed: bool
) -> None:
    goal = Goal().add("auth", extra=copying({one: "auth\n"}, name="auth"))
    if is_installed:
        goal.reach(project)
    goal.add("users", extra=copying({other: "users\n"}))
    before = tree(project)

    with pytest.raises(FileTaken) as caught:
        goal.plan(project)

    assert "`users`" in caught.value.problem.title
    assert "`auth`" in caught.value.problem.title or caught.value.problem.title.endswith(other)
    assert tree(project) == before


def test_a_commit_of_a_file_below_a_file_is_refused_before_anything_is_done(project: Path) -> None:
    """Whatever planned it: found out later, nothing could end it."""
    goal = users()
    plan = goal.plan(project)
    staged = goal.staged(plan)
    below = StagedFile(path=f"{PLACE}/below.txt", data=b"x")
    before = tree(project)

    with project_lock(project), pytest.raises(ProjectNotWritable) as caught:
        commit(plan, msgspec.structs.replace(staged, files=(*staged.files, below)), Disk())

    assert caught.value.problem.detail == f"A file and a folder cannot be one: {PLACE}"
    assert tree(project) == before
    assert not list((project / ".donkeylabs").glob("txn-*"))


# Updates and removals.


def test_an_update_brings_changes_and_takes_what_is_gone(project: Path) -> None:
    users("1.0.0", "public/a.txt", "public/b.txt").reach(project)

    plan = users("2.0.0", "public/b.txt", "public/c.txt").reach(project)

    assert steps(plan) == [
        ("remove", "public/a.txt", "users"),
        ("update", "public/b.txt", "users"),
        ("create", "public/c.txt", "users"),
    ]
    files = {path: data for path, data in tree(project).items() if path.startswith("public/")}
    assert files == {"public/b.txt": b"2.0.0\n", "public/c.txt": b"2.0.0\n"}


def test_a_removal_takes_only_folders_that_became_empty(project: Path) -> None:
    users("1.0.0", "public/deep/er/a.txt", "assets/b.txt").reach(project)
    write(project / "assets" / "mine.txt", "mine\n")
    write(project / "public" / ".keep", "")

    plan = Goal().reach(project)

    assert [step[:2] for step in steps(plan)] == [
        ("remove", "assets/b.txt"),
        ("remove", "public/deep/er/a.txt"),
    ]
    assert (project / "assets" / "mine.txt").read_text() == "mine\n"
    assert [path.name for path in (project / "public").iterdir()] == [".keep"]


def test_a_removal_of_what_is_gone_already_is_no_step(project: Path) -> None:
    users().reach(project)
    (project / PLACE).unlink()

    plan = Goal().reach(project)

    assert steps(plan) == []
    assert not (project / PLUGINS / "users").exists()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_forced_removal_leaves_alone_what_took_the_place_of_a_file(
    project: Path, tmp_path: Path, kind: str
) -> None:
    users().reach(project)
    (project / PLACE).unlink()
    if kind == "folder":
        write(project / PLACE / "note.txt", "mine\n")
    else:
        (project / PLACE).symlink_to(write(tmp_path / "outside.txt", "precious\n"))
    before = whole(project / "public")

    plan = Goal().reach(project, is_forced=True)

    assert steps(plan) == []
    assert whole(project / "public") == before
    assert not (project / PLUGINS / "users").exists()


def test_permissions_of_a_file_stay_over_an_update(project: Path) -> None:
    users().reach(project)
    (project / PLACE).chmod(0o640)

    users("2.0.0").reach(project)

    assert stat.S_IMODE((project / PLACE).stat().st_mode) == 0o640
    assert (project / PLACE).read_text() == "2.0.0\n"


# The user's edits of them.


def test_an_edited_file_elsewhere_makes_its_plugin_an_edited_one(project: Path) -> None:
    users().reach(project)
    write(project / PLACE, "mine\n")

    assert read_snapshot(project).edited() == ["users"]
    for goal in (Goal(), users("2.0.0")):
        with pytest.raises(PluginEdited):
            goal.plan(project)


def test_line_endings_of_a_file_elsewhere_are_no_edit(project: Path) -> None:
    users().reach(project)
    write(project / PLACE, "1.0.0\r\n\r\n")

    assert read_snapshot(project).edited() == []


def test_a_forced_uninstall_keeps_a_copy_of_an_edited_file(project: Path) -> None:
    users().reach(project)
    write(project / PLACE, "mine\n")

    Goal().reach(project, is_forced=True)

    assert not (project / PLACE).exists()
    kept = [path.read_bytes() for path in (project / ".donkeylabs").glob("txn-*/old/*.before")]
    assert b"mine\n" in kept


def test_an_install_brings_back_a_file_that_is_missing(
    project: Path, in_session: Callable[..., Any], publish: Callable[..., Any]
) -> None:
    publish("users", extra=copying({PLACE: "one\n", "public/other.txt": "one\n"}))

    async def install(session: Any, *names: str) -> Any:
        plan = await plan_changes(session, Changes(install=names))
        await apply_plan(session, plan)
        return plan

    in_session(lambda session: install(session, "users"))
    before = tree(project)
    (project / PLACE).unlink()

    plan = in_session(install)

    assert ("create", PLACE, "users") in steps(plan)
    assert tree(project) == before
