"""Verbs that look at a project: aligned for a terminal, records for a pipe, one object for a program."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_server.operations import lifecycle
from registry_server.operations.accounts import Caller
from registry_server.registry import Registry
from tests.support.builders import tree
from tests.support.locked import lock

PLUGINS = "src/server/plugins"
LIB = f"{PLUGINS}/auth/lib.ts"

Cli = Callable[..., Any]


@pytest.fixture
def installed(publish: Callable[..., Any], cli: Cli) -> None:
    """`auth`, for the user, and `users`, for `auth`."""
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"}, extra={"lib.ts": "one\ntwo\n"})
    assert cli("install auth --yes -q").status == 0


def edit(project: Path, text: str = "one\nmine\n") -> None:
    (project / LIB).write_text(text)


def data(result: Any) -> Any:
    """What the one object on stdout holds."""
    assert result.out.isascii()
    document = json.loads(result.out)
    assert document["schema"] == "donkeytui/1"
    assert document["ok"] is (result.status == 0)
    return document["data"] if document["data"] is not None else document["problem"]


def shown(result: Any) -> list[str]:
    """Lines on stdout, blanks at the end aside."""
    return [line.rstrip() for line in result.out.splitlines()]


def plain(cli: Cli, line: str) -> list[str]:
    return shown(cli(f"{line} --no-color", is_terminal=True))


LOOKING = ("list", "list --tree", "outdated", "verify", "diff", "history", "audit", "hooks")


@pytest.mark.parametrize("line", [*LOOKING, "why auth"])
def test_without_a_project_that_is_the_answer(cli: Cli, tmp_path: Path, line: str) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()

    text, as_json = cli(line, folder=nowhere), cli(f"{line} --json", folder=nowhere)

    assert (text.status, as_json.status) == (1, 1)
    assert data(as_json)["code"] == "not-a-project"
    assert "error: there is no DonkeyLabs project here" in text.err
    assert (text.out, list(nowhere.iterdir())) == ("", [])


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("line", LOOKING)
def test_an_empty_project_is_no_mistake_and_never_silent(cli: Cli, line: str, is_terminal: bool) -> None:
    result = cli(line, is_terminal=is_terminal)

    assert (result.status, result.out) == (0, "")
    assert result.err


@pytest.mark.parametrize("line", ["outdated", "verify", "audit", "list"])
def test_an_empty_project_is_called_empty_and_not_healthy(cli: Cli, project: Path, line: str) -> None:
    assert cli(line).err == f"no plugin is installed in {project}\n"


def test_what_is_not_installed_is_named(installed: None, cli: Cli) -> None:
    for line in ("why nothere", "diff nothere", "diff auth nothere", "hooks nothere"):
        text, as_json = cli(line), cli(f"{line} --json")

        assert (text.status, as_json.status) == (1, 1), line
        assert data(as_json)["code"] == "not-installed", line
        assert "error: `nothere` is not installed in this project\nhint: donkeytui list\n" in text.err
        assert text.out == ""


@pytest.mark.parametrize(
    "line", ["why", "why auth users", "list auth", "verify auth", "history 3", "audit x"]
)
def test_wrong_usage_ends_with_two(cli: Cli, line: str) -> None:
    text, as_json = cli(line), cli(f"{line} --json")

    assert (text.status, as_json.status) == (2, 2)
    assert data(as_json)["code"] == "usage"
    assert "--help" in text.err


def test_looking_changes_nothing(installed: None, cli: Cli, project: Path) -> None:
    edit(project)
    before = tree(project)

    for line in (*LOOKING, "why users"):
        cli(line)

    assert tree(project) == before


# list


def test_a_list_says_why_each_plugin_is_here(installed: None, cli: Cli) -> None:
    assert plain(cli, "list") == [
        "auth   1.0.0         you asked for ^1.0.0",
        "users  1.0.0         needed by auth",
    ]


def test_a_list_in_a_pipe_is_one_record_a_plugin(installed: None, cli: Cli, project: Path) -> None:
    edit(project)
    cli("pin users -q")

    assert cli("list").out == "auth\t1.0.0\t^1.0.0\t1.0.0\tedited\t\nusers\t1.0.0\t\t1.0.0\t\tpinned\n"


def test_a_list_shows_what_is_newer_edited_pinned_and_one_s_own(
    installed: None, publish: Callable[..., Any], cli: Cli, project: Path
) -> None:
    publish("users", "1.1.0")
    publish("auth", "2.0.0")
    cli("sync -q")
    edit(project)
    (project / PLUGINS / "mine").mkdir()
    (project / PLUGINS / "mine" / "index.ts").write_text("export {};\n")

    assert plain(cli, "list") == [
        "auth   1.0.0         you asked for ^1.0.0          ! edited  newest 2.0.0",
        "users  1.0.0         needed by auth                ↑ update 1.1.0",
        "mine   your own, in the same folder",
    ]
    cli("pin users -q")
    assert plain(cli, "list")[1] == "users  1.0.0         needed by auth                pinned"


def test_a_list_fits_eighty_columns(installed: None, cli: Cli, project: Path) -> None:
    edit(project)

    assert max(map(len, plain(cli, "list"))) <= 80


def test_a_list_as_json_has_what_a_plugin_needs(installed: None, cli: Cli) -> None:
    plugins = data(cli("list --json"))["plugins"]

    assert [(plugin["name"], plugin["needs"], plugin["needed_by"]) for plugin in plugins] == [
        ("auth", {"users": "^1.0.0"}, []),
        ("users", {}, ["auth"]),
    ]


# list --tree


def test_in_a_tree_a_diamond_is_drawn_and_its_foot_told_once(cli: Cli, project: Path) -> None:
    lock(project, "shop@^1.0.0 > auth mail", "auth > users", "mail > users", "users > orm", "orm")

    assert shown(cli("list --tree")) == [
        "shop 1.0.0  ^1.0.0",
        "├─ auth 1.0.0  ^1.0.0",
        "│  └─ users 1.0.0  ^1.0.0",
        "│     └─ orm 1.0.0  ^1.0.0",
        "└─ mail 1.0.0  ^1.0.0",
        "   └─ users 1.0.0  ^1.0.0  (see above)",
    ]


def test_in_a_tree_a_circle_ends_where_it_closes(cli: Cli, project: Path) -> None:
    lock(project, "chicken@^1.0.0 > egg", "egg > chicken")

    assert shown(cli("list --tree")) == [
        "chicken 1.0.0  ^1.0.0",
        "└─ egg 1.0.0  ^1.0.0",
        "   └─ chicken 1.0.0  ^1.0.0  (see above)",
    ]


def test_in_a_tree_what_nothing_needs_is_a_root_without_a_range(cli: Cli, project: Path) -> None:
    lock(project, "auth@^1.0.0", "left > users", "users")

    assert shown(cli("list --tree")) == ["auth 1.0.0  ^1.0.0", "left 1.0.0", "└─ users 1.0.0  ^1.0.0"]


def test_in_a_tree_a_circle_that_nobody_asked_for_is_there_too(cli: Cli, project: Path) -> None:
    lock(project, "auth@^1.0.0", "chicken > egg", "egg > chicken")

    assert shown(cli("list --tree"))[1:] == [
        "chicken 1.0.0",
        "└─ egg 1.0.0  ^1.0.0",
        "   └─ chicken 1.0.0  ^1.0.0  (see above)",
    ]


def test_a_tree_deeper_than_python_s_stack_is_drawn(cli: Cli, project: Path) -> None:
    deep = 1100
    lock(project, "p0@^1.0.0 > p1", *[f"p{at} > p{at + 1}" for at in range(1, deep)], f"p{deep}")

    assert len(shown(cli("list --tree"))) == deep + 1


# outdated


def test_outdated_says_what_is_in_the_way_and_what_to_do(
    installed: None, publish: Callable[..., Any], cli: Cli
) -> None:
    publish("auth", "1.1.0", needs={"users": "^1.0.0"})
    publish("auth", "2.0.0", needs={"users": "^1.0.0"})
    publish("users", "2.0.0")
    cli("sync -q")

    assert plain(cli, "outdated") == [
        "auth   1.0.0      → 1.1.0       newest 2.0.0       beyond your range ^1.0.0: "
        "donkeytui update auth --latest",
        "users  1.0.0      → 1.0.0       newest 2.0.0       others are in the way:",
        "       the lockfile has `auth ^1.0.0`",
        "       `auth` 1.0.0 to 1.1.0 needs `users ^1.0.0`",
    ]
    assert cli("outdated").out == "auth\t1.0.0\t1.1.0\t2.0.0\trange\nusers\t1.0.0\t1.0.0\t2.0.0\tconflict\n"
    assert [plugin["blocked_by"] for plugin in data(cli("outdated --json"))["plugins"]] == [
        "range",
        "conflict",
    ]


def test_the_command_that_outdated_offers_for_a_range_works(
    installed: None, publish: Callable[..., Any], cli: Cli
) -> None:
    publish("auth", "2.0.0", needs={"users": "^1.0.0"})
    cli("sync -q")
    offered = plain(cli, "outdated")[0].split(": donkeytui ")[1]

    assert cli(f"{offered} --yes -q").status == 0
    assert cli("outdated").err == "everything is at its newest release\n"


def test_outdated_names_a_pin_and_how_to_loosen_it(
    installed: None, publish: Callable[..., Any], cli: Cli
) -> None:
    publish("auth", "1.1.0", needs={"users": "^1.0.0"})
    cli("sync -q")
    cli("pin auth -q")

    (line,) = plain(cli, "outdated")

    assert line.endswith("pinned: donkeytui unpin auth")


# why


def test_why_tells_every_chain(cli: Cli, project: Path) -> None:
    lock(project, "shop@^1.0.0 > auth", "auth > users", "users", "admin@* > users")

    assert plain(cli, "why users") == [
        "users 1.0.0",
        "  you asked for admin * (1.0.0) → users ^1.0.0 (1.0.0)",
        "  you asked for shop ^1.0.0 (1.0.0) → auth ^1.0.0 (1.0.0) → users ^1.0.0 (1.0.0)",
    ]
    assert cli("why users").out == "\n".join(plain(cli, "why users")) + "\n"


def test_why_of_what_nothing_needs_tells_how_it_goes(
    installed: None, publish: Callable[..., Any], cli: Cli, project: Path
) -> None:
    assert cli("uninstall auth --yes -q").status == 0

    assert plain(cli, "why users") == [
        "users 1.0.0",
        "  nothing needs it any more; donkeytui install --prune takes it out",
    ]
    assert cli("install --prune --yes -q").status == 0
    assert cli("list -q").out == ""


def test_why_names_a_pin(installed: None, cli: Cli) -> None:
    cli("pin users -q")

    assert plain(cli, "why users")[0] == "users 1.0.0, pinned"
    assert data(cli("why users --json"))["is_pinned"] is True


def test_why_says_when_there_are_more_chains(cli: Cli, project: Path) -> None:
    lock(project, *[f"p{number}@^1.0.0 > users" for number in range(60)], "users")

    assert plain(cli, "why users")[-1] == "  and more chains than these"


# verify


def test_verify_ends_with_nothing_when_all_is_as_released(installed: None, cli: Cli) -> None:
    result = cli("verify --no-color", is_terminal=True)

    assert result.status == 0
    assert shown(result) == ["✓ auth 1.0.0  intact", "✓ users 1.0.0  intact"]
    assert result.err == "2 of 2 plugins are as they were released\n"


def test_verify_ends_with_one_and_names_what_differs(installed: None, cli: Cli, project: Path) -> None:
    edit(project, "<<<<<<< yours\none\n=======\ntwo\n>>>>>>> 1.1.0\n")
    shutil.rmtree(project / PLUGINS / "users")

    result = cli("verify --no-color", is_terminal=True)

    assert result.status == 1
    assert shown(result) == [
        "± auth 1.0.0  edited",
        f"    changed  {LIB}",
        f"    conflict markers in {LIB}",
        "✗ users 1.0.0  missing",
    ]
    assert "hint: donkeytui diff shows the edits" in result.err
    assert "hint: donkeytui install brings them back" in result.err


def test_what_verify_says_brings_missing_files_back_does(installed: None, cli: Cli, project: Path) -> None:
    before = tree(project)
    shutil.rmtree(project / PLUGINS / "users")
    assert cli("verify").status == 1

    assert cli("install --yes --no-npm").status == 0

    assert cli("verify").status == 0
    assert tree(project) == before


def test_verify_in_a_pipe_is_one_record_a_plugin(installed: None, cli: Cli, project: Path) -> None:
    edit(project)

    result = cli("verify")

    assert (result.status, result.out) == (
        1,
        f"auth\t1.0.0\tedited\t{LIB}\t\nusers\t1.0.0\tintact\t\t\n",
    )


def test_verify_as_json_is_not_ok_when_something_differs(installed: None, cli: Cli, project: Path) -> None:
    assert data(cli("verify --json"))["plugins"][0]["state"] == "intact"

    edit(project)

    assert data(cli("verify --json"))["plugins"][0]["files"] == [{"path": LIB, "kind": "changed"}]


# diff


def test_a_diff_is_a_patch_that_tools_take(installed: None, cli: Cli, project: Path) -> None:
    edit(project)

    result = cli("diff")

    assert (result.status, result.err) == (0, "")
    assert result.out == (
        f"diff --git a/{LIB} b/{LIB}\n--- a/{LIB}\n+++ b/{LIB}\n@@ -1,2 +1,2 @@\n one\n-two\n+mine\n"
    )


def test_a_diff_is_coloured_on_a_terminal(installed: None, cli: Cli, project: Path) -> None:
    edit(project)

    out = cli("diff auth", is_terminal=True).out

    assert "\x1b[31m-two\x1b[0m" in out
    assert "\x1b[32m+mine\x1b[0m" in out


def test_a_diff_without_edits_says_so(installed: None, cli: Cli) -> None:
    assert cli("diff").err == "no installed plugin was edited\n"
    assert cli("diff users").err == "no edits there\n"
    assert data(cli("diff --json")) == {"files": []}


# history


def test_a_history_is_newest_first_and_marks_what_was_undone(installed: None, cli: Cli) -> None:
    cli("pin auth -q")
    cli("undo --yes -q")

    lines = plain(cli, "history")

    titles = [line.partition(" UTC  ")[2] for line in lines if " UTC  " in line]
    assert titles == ["undo pin auth", "pin auth  undone", "install auth"]
    assert lines[-2:] == ["        install   auth 1.0.0", "        install   users 1.0.0"]


def test_a_history_in_a_pipe_and_as_json_has_the_same_changes(installed: None, cli: Cli) -> None:
    cli("pin auth -q")
    cli("undo --yes -q")

    records = [line.split("\t") for line in cli("history").out.splitlines()]
    changes = data(cli("history --json"))["changes"]

    assert [(record[0], record[2], record[3]) for record in records] == [
        ("3", "undo pin auth", ""),
        ("2", "pin auth", "undone"),
        ("1", "install auth", ""),
    ]
    assert [(str(change["number"]), change["title"]) for change in changes] == [
        (record[0], record[2]) for record in records
    ]


# audit


def test_audit_ends_with_one_for_what_was_yanked_and_says_what_to_do(
    installed: None, cli: Cli, registry: Registry, owner: Caller
) -> None:
    lifecycle.yank(registry, owner, "users", "1.0.0", reason="leaks keys")
    cli("sync -q")

    text, pipe = cli("audit --no-color", is_terminal=True), cli("audit")

    assert (text.status, pipe.status) == (1, 1)
    assert shown(text) == [
        "error   users 1.0.0  it was withdrawn by its author: leaks keys  donkeytui update users"
    ]
    assert text.err == "2 plugins checked, 1 finding\n"
    assert pipe.out == "error\tusers\t1.0.0\tyanked\tit was withdrawn by its author: leaks keys\n"
    assert data(cli("audit --json"))["findings"][0]["code"] == "yanked"


def test_audit_ends_with_nothing_for_what_is_only_to_be_known(
    installed: None, cli: Cli, project: Path
) -> None:
    edit(project)

    result = cli("audit")

    assert result.status == 0
    assert result.out == "note\tauth\t1.0.0\tedited\tits files were edited here\n"


def test_a_healthy_audit_says_how_much_it_looked_at(installed: None, cli: Cli) -> None:
    result = cli("audit")

    assert (result.status, result.out, result.err) == (0, "", "2 plugins checked, no findings\n")


# hooks


@pytest.fixture
def hooked(publish: Callable[..., Any], cli: Cli) -> None:
    publish("tool", hooks={"postinstall": "touch ran"})
    assert cli("install tool --yes -q").status == 0


def test_a_hook_is_shown_and_not_run(hooked: None, cli: Cli, project: Path) -> None:
    result = cli("hooks")

    assert result.out == "tool 1.0.0  touch ran\n"
    assert not (project / "ran").exists()


def test_a_hook_runs_once_a_person_says_yes_and_then_without_asking(
    hooked: None, cli: Cli, project: Path
) -> None:
    asked = cli("hooks tool --run", is_terminal=True, answer="y\n", PATH="/usr/bin:/bin")
    assert asked.status == 0
    assert "touch ran" in asked.err
    assert (project / "ran").exists()

    (project / "ran").unlink()
    assert cli("hooks tool --run", PATH="/usr/bin:/bin").status == 0
    assert (project / "ran").exists()


@pytest.mark.parametrize(
    ("flags", "is_terminal", "answer"),
    [("", True, "n\n"), ("", True, "\n"), ("", True, ""), ("", False, "y\n"), ("-q", True, "y\n")],
)
def test_a_hook_that_nobody_agreed_to_is_not_run_and_the_command_has_not_done_it(
    hooked: None, cli: Cli, project: Path, flags: str, is_terminal: bool, answer: str
) -> None:
    result = cli(f"hooks tool --run {flags}", is_terminal=is_terminal, answer=answer, PATH="/usr/bin:/bin")

    assert result.status == 1
    assert not (project / "ran").exists()


def test_hooks_as_json_say_which_ran(hooked: None, cli: Cli) -> None:
    refused = data(cli("hooks tool --run --json", is_terminal=True, answer="y\n"))
    assert refused["ran"] == []

    cli("hooks tool --run", is_terminal=True, answer="y\n", PATH="/usr/bin:/bin")

    done = data(cli("hooks tool --run --json", PATH="/usr/bin:/bin"))
    assert [hook["command"] for hook in done["ran"]] == ["touch ran"]


def test_a_hook_that_fails_ends_with_one_and_its_words(publish: Callable[..., Any], cli: Cli) -> None:
    publish("tool", hooks={"postinstall": "false"})
    assert cli("install tool --yes -q").status == 0

    result = cli("hooks --run", is_terminal=True, answer="y\n", PATH="/usr/bin:/bin")

    assert result.status == 1
    assert "the hook of `tool` ended with 1" in result.err


def test_the_app_without_a_terminal_is_wrong_usage(cli: Cli) -> None:
    result = cli("")

    assert (result.status, result.out) == (2, "")
    assert result.err.endswith("error: the app needs a terminal; name a verb for one-shot use\n")
