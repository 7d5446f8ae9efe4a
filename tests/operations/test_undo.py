"""Taking back the last change: what comes back, what stops it, what is kept."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.install.commit import needs_recovery
from donkeytui.install.disk import Disk
from donkeytui.problems import PlanStale, ProjectNotWritable, UndoBlocked
from tests.support.builders import write_project
from tests.support.faults import Killed
from tests.support.plans import Goal
from tests.support.undoing import PLUGINS, Bench, change_all, copying, lived_in, whole, write

INDEX = f"{PLUGINS}/users/index.ts"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty project."""
    return Bench(write_project(tmp_path / "work" / "shop"), tmp_path / "home")


@pytest.fixture
def installed(bench: Bench) -> Bench:
    """Its one change is the install of users 1.0.0, which brings an npm package and a file elsewhere."""
    goal = Goal().add("users", npm={"jose": "^6.0.0"}, extra=copying({"public/users.txt": "one\n"}))
    goal.reach(bench.root, title="install users")
    return bench


def register(root: Path, name: str) -> None:
    write(
        root / "src" / "server" / "index.ts",
        'import { AppServer } from "@donkeylabs/server";\n'
        f'import {{ {name}Plugin }} from "./plugins/{name}";\n'
        "const server = new AppServer({ port: 3000 });\n"
        f"server.registerPlugin({name}Plugin);\n",
    )


# What comes back.


def test_an_undo_brings_back_every_byte_mode_and_link(tmp_path: Path) -> None:
    bench = Bench(lived_in(tmp_path / "work" / "shop"), tmp_path / "home")
    before, elsewhere = whole(bench.root), whole(tmp_path / "work" / "elsewhere")
    change_all(bench.root)
    assert len({path for path, file in whole(bench.root).items() if before.get(path) != file}) > 20

    bench.undo()

    assert whole(bench.root) == before
    assert whole(tmp_path / "work" / "elsewhere") == elsewhere


def test_the_first_change_of_all_is_undone_to_a_project_without_a_lockfile(bench: Bench) -> None:
    before = whole(bench.root)
    Goal().add("users", extra=copying({"public/deep/users.txt": "one\n"})).reach(bench.root)
    assert (bench.root / "donkeylabs-lock.json").exists()

    bench.undo()

    assert whole(bench.root) == before
    assert not (bench.root / "public").exists()


def test_the_plan_of_an_undo_says_what_it_does(tmp_path: Path) -> None:
    bench = Bench(lived_in(tmp_path / "work" / "shop"), tmp_path / "home")
    change_all(bench.root)

    plan = bench.plan()

    assert (plan.title, plan.undoes) == ("undo update users", 2)
    assert [(step.name, step.kind, step.before, step.after) for step in plan.changes] == [
        ("auth", "remove", "1.0.0", ""),
        ("linked", "remove", "1.0.0", ""),
        ("lost", "remove", "1.0.0", ""),
        ("mail", "remove", "1.0.0", ""),
        ("users", "downgrade", "2.0.0", "1.0.0"),
        ("stale", "install", "", "1.0.0"),
    ]
    assert [(file.path, file.kind) for file in plan.files] == [
        ("assets/new/users.css", "remove"),
        ("public/deep/old.txt", "create"),
        ("public/mine.txt", "update"),
        ("public/run.sh", "create"),
        ("public/users.txt", "update"),
    ]
    assert [edit.path for edit in plan.edits] == [
        "donkeylabs.config.ts",
        "package.json",
        "src/server/index.ts",
        "donkeylabs-lock.json",
    ]
    assert plan.lockfile.versions == {"kept": "1.0.0", "stale": "1.0.0", "users": "1.0.0"}
    own = next(notice.text for notice in plan.notices if notice.code == "own-back")
    assert own == "your own comes back: " + ", ".join(f"{PLUGINS}/{n}" for n in ("linked", "lost", "mail"))


def test_a_plugin_that_was_installed_again_is_not_called_the_users_own(installed: Bench) -> None:
    (installed.root / "public" / "users.txt").unlink()
    before = whole(installed.root)
    Goal().add("users", npm={"jose": "^6.0.0"}, extra=copying({"public/users.txt": "one\n"})).reach(
        installed.root
    )

    plan = installed.undo()

    assert [(step.kind, step.before, step.after) for step in plan.changes] == [("install", "1.0.0", "1.0.0")]
    assert "own-back" not in {notice.code for notice in plan.notices}
    assert whole(installed.root) == before


def test_planning_an_undo_changes_nothing(installed: Bench) -> None:
    before = whole(installed.root)

    installed.plan()

    assert whole(installed.root) == before
    assert installed.numbers() == [1]


def test_a_file_that_became_executable_is_not_one_any_more(bench: Bench) -> None:
    Goal().add("users", extra=copying({"public/run.sh": "echo 1\n"})).reach(bench.root)
    before = whole(bench.root)
    Goal().add("users", "1.1.0", extra=copying({"public/run.sh": "echo 2\n"})).reach(bench.root)
    (bench.root / "public" / "run.sh").chmod(0o755)

    bench.undo()

    assert whole(bench.root) == before


def test_undone_again_and_again_goes_back_change_by_change(bench: Bench) -> None:
    states = [whole(bench.root)]
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        Goal().add("users", version).reach(bench.root, title=f"users {version}")
        states.append(whole(bench.root))

    titles = []
    for state in reversed(states[:-1]):
        titles.append(bench.undo().title)
        assert whole(bench.root) == state

    assert titles == ["undo users 1.2.0", "undo users 1.1.0", "undo users 1.0.0"]
    with pytest.raises(UndoBlocked, match="nothing to undo"):
        bench.plan()
    assert [(change.number, change.undoes, change.is_undone) for change in bench.history()] == [
        (6, 1, False),
        (5, 2, False),
        (4, 3, False),
        (3, 0, True),
        (2, 0, True),
        (1, 0, True),
    ]


def test_a_change_after_an_undo_is_undone_first(bench: Bench) -> None:
    Goal().add("users").reach(bench.root)
    first = whole(bench.root)
    Goal().add("users", "1.1.0").reach(bench.root)
    bench.undo()
    Goal().add("users").add("auth").reach(bench.root, title="install auth")

    assert bench.undo().title == "undo install auth"
    assert whole(bench.root) == first
    assert bench.undo().undoes == 1
    assert not (bench.root / PLUGINS / "users").exists()


def test_a_project_without_changes_has_nothing_to_undo(bench: Bench) -> None:
    with pytest.raises(UndoBlocked) as caught:
        bench.plan()

    assert caught.value.problem.title == "there is nothing to undo in this project"
    assert not (bench.root / ".donkeylabs").exists()


def test_what_newer_changes_pushed_out_cannot_be_undone(bench: Bench) -> None:
    for minor in range(12):
        Goal().add("users", f"1.{minor}.0").reach(bench.root)

    undone = [bench.undo().undoes for _ in range(10)]

    # Undoing is a change too, and pushes out none of those that are still to be undone.
    assert undone == [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]
    with pytest.raises(UndoBlocked, match="nothing to undo"):
        bench.plan()


def test_the_report_of_an_undo_tells_what_is_left_to_do(installed: Bench) -> None:
    register(installed.root, "users")

    report = installed.apply(installed.plan())

    assert [removal.name for removal in report.next_steps.removals] == ["users"]
    assert report.next_steps.npm_command == "bun install"
    assert report.next_steps.commands == ("bunx donkeylabs generate",)


def test_the_history_tells_an_undo_as_it_was(tmp_path: Path) -> None:
    bench = Bench(lived_in(tmp_path / "work" / "shop"), tmp_path / "home")
    change_all(bench.root)

    bench.undo()

    steps = [(step.name, step.kind) for step in bench.history()[0].steps]
    assert sorted(steps) == [
        ("auth", "remove"),
        ("linked", "remove"),
        ("lost", "remove"),
        ("mail", "remove"),
        ("stale", "install"),
        ("users", "downgrade"),
    ]


def test_the_users_own_plugin_that_comes_back_stays_registered(bench: Bench) -> None:
    own = 'export const mailPlugin = createPlugin.define({ name: "mail" });\n'
    write(bench.root / PLUGINS / "mail" / "index.ts", own)
    register(bench.root, "mail")
    Goal().add("mail").reach(bench.root, is_forced=True)

    report = bench.apply(bench.plan())

    assert report.next_steps.removals == ()
    assert (bench.root / PLUGINS / "mail" / "index.ts").read_text() == own


# What was edited since.


def test_an_edit_of_package_json_made_since_is_kept(installed: Bench) -> None:
    file = installed.root / "package.json"
    file.write_text(file.read_text().replace('"private": true,', '"private": true,\n  "version": "1.0.0",'))

    installed.undo()

    after = json.loads(file.read_text())
    assert after["version"] == "1.0.0"
    assert "jose" not in after["dependencies"]


def test_a_package_json_taken_back_by_hand_is_no_hindrance(installed: Bench) -> None:
    before = (installed.kept(1) / "0.before", installed.kept(1) / "1.before")
    texts = {json.loads(path.read_text()).get("name"): path for path in before if path.exists()}
    shutil.copyfile(texts["shop"], installed.root / "package.json")

    installed.undo()

    assert (installed.root / "package.json").read_bytes() == texts["shop"].read_bytes()


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("donkeylabs-lock.json", "donkeylabs-lock.json"),
        (INDEX, f"{PLUGINS}/users"),
        ("public/users.txt", "public/users.txt"),
    ],
)
def test_what_changed_since_stops_the_undo_and_is_named(installed: Bench, path: str, named: str) -> None:
    file = installed.root / path
    file.write_text(file.read_text().replace("\n", "\n\n", 1) + " ")
    changed = whole(installed.root)

    with pytest.raises(UndoBlocked) as caught:
        installed.plan()

    assert caught.value.problem.title.startswith("`install users` cannot be undone as it stands")
    assert caught.value.problem.detail == f"changed: {named}"
    assert whole(installed.root) == changed


@pytest.mark.parametrize("path", ["donkeylabs-lock.json", INDEX, "public/users.txt"])
def test_what_is_gone_since_stops_the_undo(installed: Bench, path: str) -> None:
    (installed.root / path).unlink()

    with pytest.raises(UndoBlocked, match="changed since"):
        installed.plan()


def test_lines_of_package_json_that_both_changed_stop_the_undo(installed: Bench) -> None:
    file = installed.root / "package.json"
    file.write_text(file.read_text().replace("^6.0.0", "^7.0.0"))

    with pytest.raises(UndoBlocked) as caught:
        installed.plan()

    assert caught.value.problem.detail == "changed: package.json"


def test_a_plugin_written_where_one_was_uninstalled_stops_the_undo(installed: Bench) -> None:
    Goal().reach(installed.root, title="uninstall users")
    write(installed.root / INDEX, "// my own\n")

    with pytest.raises(UndoBlocked) as caught:
        installed.plan()

    assert caught.value.problem.detail == f"changed: {PLUGINS}/users"


def test_generated_types_are_no_change(installed: Bench) -> None:
    write(installed.root / PLUGINS / "users" / "schema.ts", "// generated\n")

    installed.undo()

    assert not (installed.root / PLUGINS / "users").exists()


def test_a_forced_undo_puts_back_what_was_and_keeps_what_is(installed: Bench) -> None:
    root = installed.root
    before = whole(root)
    Goal().add("users", "1.1.0", extra=copying({"public/users.txt": "two\n"})).reach(root)
    edited = {
        "package.json": '{"name": "mine"}\n',
        INDEX: "// mine\n",
        "public/users.txt": "mine\n",
    }
    for path, text in edited.items():
        (root / path).write_text(text)

    plan = installed.undo(is_forced=True)

    assert whole(root) == before
    old = installed.kept(3)
    copies = {path.read_text() for path in old.glob("*.before")} | {(old / "users" / "index.ts").read_text()}
    assert set(edited.values()) <= copies
    notice = next(notice for notice in plan.notices if notice.code == "changes-replaced")
    assert all(path in notice.text for path in ("package.json", f"{PLUGINS}/users", "public/users.txt"))


def test_a_forced_undo_puts_back_over_what_is_gone(installed: Bench) -> None:
    root = installed.root
    before = whole(root)
    Goal().reach(root, title="uninstall users")
    (root / "donkeylabs-lock.json").unlink()
    (root / "package.json").unlink()

    installed.undo(is_forced=True)

    assert {path: file[1] for path, file in whole(root).items()} == {
        path: file[1] for path, file in before.items()
    }


def test_with_the_plugins_folder_elsewhere_an_undo_says_so_first(installed: Bench) -> None:
    config = installed.root / "donkeylabs.config.ts"
    config.write_text(config.read_text().replace("src/server/plugins", "lib/plugins"))

    for is_forced in (False, True):
        with pytest.raises(UndoBlocked) as caught:
            installed.plan(is_forced=is_forced)

        assert caught.value.problem.detail == f"then {PLUGINS}, now lib/plugins"


# Between plan and undo.


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("donkeylabs.config.ts", "donkeylabs.config.ts"),
        ("package.json", "package.json"),
        ("src/server/index.ts", "src/server/index.ts"),
        ("donkeylabs-lock.json", "donkeylabs-lock.json"),
        (INDEX, f"{PLUGINS}/users"),
        ("public/users.txt", "public/users.txt"),
    ],
)
def test_a_plan_to_undo_is_stale_when_anything_it_touches_moved(
    installed: Bench, path: str, named: str
) -> None:
    plan = installed.plan()
    file = installed.root / path
    file.write_text(file.read_text().replace("\n", "\n ", 1) + " ")
    changed = whole(installed.root)

    with pytest.raises(PlanStale) as caught:
        installed.apply(plan)

    assert caught.value.problem.detail == f"changed: {named}"
    assert whole(installed.root) == changed


def test_a_change_is_not_undone_twice_by_two_that_planned_at_once(installed: Bench) -> None:
    first, second = installed.plan(), installed.plan()
    installed.apply(first)

    with pytest.raises(UndoBlocked, match="taken back meanwhile"):
        installed.apply(second)


# A change that was cut short is finished first, whatever is asked for.

VERBS = (
    "list",
    "list --tree",
    "verify",
    "diff",
    "why users",
    "outdated",
    "audit",
    "history",
    "hooks users",
    "undo --dry-run",
    "plan",
    "install --dry-run",
    "uninstall users --dry-run",
    "update --dry-run",
    "pin users --dry-run",
    "unpin users --dry-run",
)


def test_every_verb_of_a_project_finishes_what_was_cut_short(
    bench: Bench, cli: Callable[..., Any], tmp_path: Path
) -> None:
    Goal().add("users").reach(bench.root)
    goal = Goal().add("users", "1.1.0", extra=copying({"public/users.txt": "two\n"}))
    with pytest.raises(Killed):
        goal.reach(bench.root, StopAtCommit())
    assert needs_recovery(bench.root)
    left = []
    for number, line in enumerate(VERBS):
        root = shutil.copytree(bench.root, tmp_path / "copies" / str(number))
        cli(f"{line} --project {root}")
        if needs_recovery(root) or not (root / "public" / "users.txt").exists():
            left.append(line)

    assert left == []


class StopAtCommit(Disk):
    """Kills the process once the journal is in place."""

    def move(self, source: Path, target: Path) -> None:
        super().move(source, target)
        if target.name == "journal.json":
            raise Killed


# Damage.


@pytest.mark.parametrize("what", ["*.before", "index.ts"])
@pytest.mark.parametrize("is_gone", [True, False])
@pytest.mark.parametrize("is_forced", [True, False])
def test_what_was_kept_and_is_damaged_is_not_put_back(
    installed: Bench, what: str, is_gone: bool, is_forced: bool
) -> None:
    Goal().add("users", "1.1.0").reach(installed.root)
    for path in sorted(installed.kept(2).rglob(what)):
        path.unlink() if is_gone else path.write_bytes(b"other bytes")
    before = whole(installed.root)

    with pytest.raises(UndoBlocked) as caught:
        installed.plan(is_forced=is_forced)

    assert caught.value.problem.title.endswith("before the change has been damaged")
    assert "version control" in caught.value.problem.hint
    assert whole(installed.root) == before


def test_what_is_damaged_after_planning_is_not_put_back_either(installed: Bench) -> None:
    Goal().add("users", "1.1.0").reach(installed.root)
    plan = installed.plan()
    (installed.kept(2) / "users" / "index.ts").write_text("// somebody else's\n")
    before = whole(installed.root)

    with pytest.raises(UndoBlocked, match="damaged"):
        installed.apply(plan)

    assert whole(installed.root) == before


def test_a_kept_file_that_is_a_link_is_not_followed(installed: Bench, tmp_path: Path) -> None:
    Goal().add("users", "1.1.0").reach(installed.root)
    for path in installed.kept(2).glob("*.before"):
        shutil.move(path, tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)

    with pytest.raises(UndoBlocked, match="damaged"):
        installed.plan()


@pytest.mark.parametrize("kind", ["folder", "link"])
@pytest.mark.parametrize("is_forced", [True, False])
def test_a_folder_or_a_link_where_a_file_was_is_never_written_through(
    installed: Bench, tmp_path: Path, kind: str, is_forced: bool
) -> None:
    outside = write(tmp_path / "outside.txt", "one\n")
    place = installed.root / "public" / "users.txt"
    place.unlink()
    place.mkdir() if kind == "folder" else place.symlink_to(outside)

    with pytest.raises((UndoBlocked, ProjectNotWritable), match=r"users\.txt|cannot be"):
        installed.undo(is_forced=is_forced)

    assert outside.read_text() == "one\n"
    assert place.is_dir() == (kind == "folder")
    assert (installed.root / PLUGINS / "users").is_dir()
