"""Verbs that change a project: what they say and ask, in text and JSON, and how they end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from donkeytui.catalogue import Catalogue
from donkeytui.project.lockfile import parse_lockfile
from registry_server.contract.wire import Change, Contents
from tests.support.builders import tree

PLUGINS = "src/server/plugins"
LIB = f"{PLUGINS}/auth/lib.ts"
ESCAPE = "\x1b[2Jgone\x07"
"""Clears a terminal, and rings."""
ENTRY = b"""// caf\xe9
import { AppServer } from "@donkeylabs/server";

const server = new AppServer({ db });

await server.start();
"""

Cli = Callable[..., Any]


@pytest.fixture
def made(publish: Callable[..., Any]) -> None:
    """`auth` needs `users`, and has a second release."""
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"}, extra={"lib.ts": "one\ntwo\n"})
    publish("auth", "1.1.0", needs={"users": "^1.0.0"}, extra={"lib.ts": "one\n2\n"})


@pytest.fixture
def installed(made: None, cli: Cli) -> None:
    """`auth` is at 1.0.0, and asked for in that version alone."""
    assert cli("install auth@1.0.0 --yes -q").status == 0


@pytest.fixture
def old(made: None, cli: Cli, project: Path) -> None:
    """`auth` is at 1.0.0 within ^1.0.0, so that an update moves it."""
    assert cli("install auth@1.0.0 --yes -q").status == 0
    path = project / "donkeylabs-lock.json"
    path.write_text(path.read_text().replace('"range": "1.0.0"', '"range": "^1.0.0"'))
    assert versions(project) == {"auth": "1.0.0", "users": "1.0.0"}


def versions(project: Path) -> dict[str, str]:
    return parse_lockfile((project / "donkeylabs-lock.json").read_text()).versions


def edit(project: Path, text: str = "one\nmine\n") -> None:
    (project / LIB).write_text(text)


def envelope(result: Any) -> dict[str, Any]:
    """The one object on stdout; it must be ASCII, for a terminal may be on the other end."""
    assert result.out.isascii()
    document = json.loads(result.out)
    assert document["schema"] == "donkeytui/1"
    assert set(document) == {"schema", "ok", "data", "problem", "warnings"}
    assert document["ok"] is (result.status == 0)
    return document  # type: ignore[no-any-return]


# Asking.


def test_yes_at_the_question_applies_the_plan(made: None, cli: Cli, project: Path) -> None:
    result = cli("install auth --no-npm", is_terminal=True, answer="y\n")

    assert result.status == 0
    assert "Apply this plan? [Y/n]" in result.err
    assert versions(project) == {"auth": "1.1.0", "users": "1.0.0"}


def test_enter_means_yes(made: None, cli: Cli, project: Path) -> None:
    assert cli("install auth --no-npm", is_terminal=True, answer="\n").status == 0
    assert versions(project)["auth"] == "1.1.0"


def test_no_at_the_question_changes_nothing(made: None, cli: Cli, project: Path) -> None:
    before = tree(project)

    result = cli("install auth", is_terminal=True, answer="n\n")

    assert result.status == 1
    assert "you said no; nothing was changed" in result.err
    assert tree(project) == before


@pytest.mark.parametrize("flags", ["", "--quiet", "--json"])
def test_without_anybody_to_ask_nothing_is_applied(made: None, cli: Cli, project: Path, flags: str) -> None:
    before = tree(project)

    result = cli(f"install auth {flags}")

    assert result.status == 1
    assert "nobody could be asked" in result.err
    assert "--yes" in result.err
    assert tree(project) == before


@pytest.mark.parametrize("flags", ["--quiet", "--json"])
def test_nobody_is_asked_about_a_plan_that_was_not_shown(
    made: None, cli: Cli, project: Path, flags: str
) -> None:
    before = tree(project)

    result = cli(f"install auth {flags}", is_terminal=True, answer="y\n")

    assert result.status == 1
    assert "Apply this plan?" not in result.err
    assert tree(project) == before


def test_the_end_of_input_is_no_answer(made: None, cli: Cli, project: Path) -> None:
    before = tree(project)

    result = cli("install auth", is_terminal=True, answer="")

    assert result.status == 1
    assert "nobody could be asked" in result.err
    assert tree(project) == before


def test_uninstalling_an_edited_plugin_asks_first(installed: None, cli: Cli, project: Path) -> None:
    edit(project)
    before = tree(project)

    refused = cli("uninstall auth", is_terminal=True, answer="n\n")
    assert "Go on all the same? [y/N]" in refused.err
    assert refused.status == 1
    assert tree(project) == before

    gone = cli("uninstall auth --no-npm", is_terminal=True, answer="y\ny\n")
    assert gone.status == 0
    assert versions(project) == {"users": "1.0.0"}


def test_enter_does_not_give_up_edits(installed: None, cli: Cli, project: Path) -> None:
    edit(project)

    assert cli("uninstall auth", is_terminal=True, answer="\n").status == 1
    assert (project / LIB).read_text() == "one\nmine\n"


@pytest.mark.parametrize("flags", ["--yes", "--dry-run", "--json", "--quiet"])
def test_nobody_gives_up_edits_unasked(installed: None, cli: Cli, project: Path, flags: str) -> None:
    edit(project)

    result = cli(f"uninstall auth {flags}", is_terminal=True, answer="y\ny\n")

    assert result.status == 1
    assert "`auth` has edits of yours" in result.err
    assert "--force" in result.err
    assert (project / LIB).read_text() == "one\nmine\n"


def test_force_uninstalls_an_edited_plugin_and_undo_brings_the_edits_back(
    installed: None, cli: Cli, project: Path
) -> None:
    edit(project)
    before = tree(project)

    assert cli("uninstall auth --prune --force --yes --no-npm").status == 0
    assert versions(project) == {}
    assert cli("undo --yes --no-npm").status == 0

    assert tree(project) == before


# Refusing.


REFUSALS = (
    ("install nothere", "plugin-not-found", 1),
    ("install 'auth@no such'", "invalid-range", 1),
    ("install auth@^9", "resolution-failed", 1),
    ("install UPPER_case", "invalid-name", 1),
    ("uninstall nothere", "not-installed", 1),
    ("uninstall users", "plugin-needed", 1),
    ("update nothere", "not-installed", 1),
    ("update auth@1.1.0", "not-installed", 1),
    ("pin nothere", "not-installed", 1),
    ("unpin nothere", "not-installed", 1),
    ("plan --uninstall nothere", "not-installed", 1),
    ("plan --update nothere", "not-installed", 1),
    ("apply nothere.json", "plan-file-invalid", 1),
    ("apply package.json", "plan-file-invalid", 1),
    ("apply src", "plan-file-invalid", 1),
    ("plan auth@1.1.0 --out src", "plan-file-invalid", 1),
    ("plan auth@1.1.0 --out no/such/folder.json", "plan-file-invalid", 1),
    ("install auth@1.1.0 --frozen", "lockfile-outdated", 1),
    ("install auth@1.1.0 --locked", "lockfile-outdated", 1),
    ("install auth --keep --theirs", "usage", 2),
    ("plan auth --uninstall auth", "usage", 2),
    ("plan --update auth --uninstall auth", "usage", 2),
    ("install --resolution middle", "usage", 2),
    ("uninstall", "usage", 2),
    ("pin", "usage", 2),
    ("apply", "usage", 2),
    ("undo auth", "usage", 2),
)
"""With `auth` 1.0.0 and `users` installed: what is asked, and how it ends."""


def test_what_cannot_be_done_is_said_the_same_way_in_both_forms_and_changes_nothing(
    installed: None, cli: Cli, project: Path
) -> None:
    before = tree(project)

    for line, code, status in REFUSALS:
        text, as_json = cli(line), cli(f"{line} --json")

        assert (text.status, as_json.status) == (status, status), line
        problem = envelope(as_json)["problem"]
        assert problem["code"] == code, line
        assert problem["hint"], line
        assert f"error: {problem['title']}" in text.err
        assert f"hint: {problem['hint'].splitlines()[0]}" in text.err
        assert text.out == "", line
        assert tree(project) == before, line


@pytest.mark.parametrize(
    "line", ["install auth", "uninstall auth", "update", "pin auth", "unpin auth", "plan", "undo"]
)
def test_without_a_project_nothing_is_changed(made: None, cli: Cli, tmp_path: Path, line: str) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()

    result = cli(f"{line} --json", folder=nowhere)

    assert envelope(result)["problem"]["code"] == "not-a-project"
    assert list(nowhere.iterdir()) == []


def test_a_plugin_with_what_needs_only_it_goes_round_a_circle(
    publish: Callable[..., Any], cli: Cli, project: Path
) -> None:
    publish("egg", needs={"chicken": "^1.0.0"})
    publish("chicken", needs={"egg": "^1.0.0"})
    assert cli("install egg --yes -q").status == 0

    alone = cli("uninstall egg --yes")
    together = cli("uninstall egg --prune --yes")

    assert alone.status == 1
    assert "donkeytui uninstall egg chicken" in alone.err
    assert together.status == 0
    assert versions(project) == {}


# Saying.


def test_a_dry_run_is_data_and_changes_nothing(made: None, cli: Cli, project: Path) -> None:
    before = tree(project)

    text = cli("install auth --dry-run --diff")
    document = envelope(cli("install auth --dry-run --json"))

    assert text.status == 0
    assert "+ install   auth   1.1.0" in text.out
    assert "+ install   users  1.0.0             for auth" in text.out
    assert [step["name"] for step in document["data"]["plan"]["steps"]] == ["auth", "users"]
    assert tree(project) == before


def test_the_notices_of_a_plan_are_warnings_of_the_envelope_dry_or_not(made: None, cli: Cli) -> None:
    dry = envelope(cli("install auth --dry-run --json"))["warnings"]
    wet = envelope(cli("install auth --yes --json --no-npm"))["warnings"]

    assert [notice["code"] for notice in dry] == ["unsigned"]
    assert wet == dry


def test_what_was_done_is_one_object(made: None, cli: Cli) -> None:
    result = cli("install auth --yes --json --no-npm")

    data = envelope(result)["data"]
    assert [(step["kind"], step["name"]) for step in data["changes"]] == [
        ("install", "auth"),
        ("install", "users"),
    ]
    assert data["conflicts"] == []
    assert result.err == ""


def test_in_a_pipe_there_are_no_colours_and_on_a_terminal_there_are(made: None, cli: Cli) -> None:
    assert "\x1b" not in "".join(cli("install auth --dry-run").out)
    assert "\x1b[32m+\x1b[0m" in cli("install auth --dry-run", is_terminal=True).out
    assert "\x1b" not in cli("install auth --dry-run", is_terminal=True, NO_COLOR="1").out
    assert "\x1b" not in cli("install auth --dry-run --no-color", is_terminal=True).out


def test_what_there_is_nothing_to_do_for_says_so(installed: None, cli: Cli, project: Path) -> None:
    lines = {
        "install": "nothing to install: every plugin is there at its release",
        "update users": "there is nothing newer within the ranges asked for",
        "update users --latest": "there is nothing newer that fits",
        "unpin users": "not pinned",
        "plan": "there is nothing to do",
    }

    results = {line: cli(line) for line in lines}

    assert {line: result.status for line, result in results.items()} == dict.fromkeys(lines, 0)
    assert {line: result.err.splitlines()[-1] for line, result in results.items()} == lines
    assert {result.out for result in results.values()} == {""}


def test_a_pin_says_what_was_pinned_and_keeps_an_update_away(old: None, cli: Cli, project: Path) -> None:
    pinned = cli("pin auth")
    again = cli("pin auth")
    update = cli("update")

    assert (pinned.status, pinned.out) == (0, "✓ pin auth\n")
    assert (again.status, again.err) == (0, "pinned already\n")
    assert "`auth` is pinned, and stays where it is" in update.err
    assert "donkeytui unpin auth" in update.err
    assert versions(project)["auth"] == "1.0.0"

    assert cli("unpin auth").out == "✓ unpin auth\n"
    assert cli("update --yes --no-npm").status == 0
    assert versions(project)["auth"] == "1.1.0"


def test_a_dry_pin_pins_nothing(installed: None, cli: Cli, project: Path) -> None:
    before = tree(project)

    assert cli("pin auth --dry-run").status == 0
    assert tree(project) == before


# Edits in the way of an update.


def test_a_conflict_is_named_in_the_plan_and_the_report_and_ends_with_one(
    old: None, cli: Cli, project: Path
) -> None:
    edit(project)

    planned = cli("update --dry-run")
    done = cli("update --yes --no-npm")

    assert planned.status == 0
    assert f"± CONFLICT  {LIB}  1 place" in planned.out
    assert done.status == 1
    assert f"! to be resolved: {LIB}" in done.out
    assert "<<<<<<< yours" in (project / LIB).read_text()


def test_a_conflict_is_not_ok_in_json_and_names_the_file(old: None, cli: Cli, project: Path) -> None:
    edit(project)

    result = cli("update --yes --no-npm --json")

    assert result.status == 1
    assert envelope(result)["data"]["conflicts"] == [LIB]


def test_keep_keeps_the_user_s_lines_and_says_so(old: None, cli: Cli, project: Path) -> None:
    edit(project)

    result = cli("update --keep --yes --no-npm")

    assert result.status == 0
    assert f"± yours     {LIB}" in result.err
    assert "your edits of `auth` are carried over: 1 file" in result.err
    assert (project / LIB).read_text() == "one\nmine\n"


def test_theirs_never_says_that_edits_are_carried_over(old: None, cli: Cli, project: Path) -> None:
    edit(project)

    result = cli("update --theirs --yes --no-npm")

    assert result.status == 0
    assert f"± theirs    {LIB}" in result.err
    assert f"warning: the release of `auth` wins over your lines in {LIB}" in result.err
    assert "donkeytui undo brings it back" in result.err
    assert "carried over" not in result.err
    assert (project / LIB).read_text() == "one\n2\n"


# npm.


def tool(folder: Path, script: str) -> str:
    """A `bun` of our own; returns the PATH that finds it."""
    folder.mkdir()
    (folder / "bun").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bun").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_a_failure_of_the_package_manager_is_said_and_leaves_the_plugin(
    publish: Callable[..., Any], cli: Cli, project: Path, tmp_path: Path
) -> None:
    publish("mail", npm={"nodemailer": "^6.0.0"})
    path = tool(tmp_path / "bin", "printf 'no \\033[2Jdisk\\n'; exit 3")

    result = cli("install mail --yes", PATH=path)

    assert result.status == 1
    assert "✓ installed mail 1.0.0" in result.out
    assert "the project is changed, but bun install failed: it ended with status 3" in result.err
    assert "Run: bun install" in result.err
    assert "no ␛[2Jdisk" in result.err
    assert versions(project) == {"mail": "1.0.0"}


def test_a_failure_of_the_package_manager_is_not_ok_in_json(
    publish: Callable[..., Any], cli: Cli, project: Path, tmp_path: Path
) -> None:
    publish("mail", npm={"nodemailer": "^6.0.0"})

    result = cli("install mail --yes --json", PATH=tool(tmp_path / "bin", "echo no disk; exit 3"))

    assert result.status == 1
    assert envelope(result)["data"]["npm"] == {
        "command": "bun install",
        "state": "failed",
        "why": "it ended with status 3",
        "lines": ["no disk"],
    }


def test_the_package_manager_runs_when_package_json_changed_and_not_otherwise(
    publish: Callable[..., Any], cli: Cli, tmp_path: Path
) -> None:
    publish("mail", npm={"nodemailer": "^6.0.0"})
    publish("plain")
    path = tool(tmp_path / "bin", 'echo "$@" >> ran')
    project = tmp_path / "shop"

    assert cli("install plain --yes", PATH=path).status == 0
    assert not (project / "ran").exists()
    assert cli("install mail --yes --no-npm", PATH=path).status == 0
    assert not (project / "ran").exists()
    assert cli("uninstall mail --yes", PATH=path).status == 0
    assert (project / "ran").read_text() == "install\n"


# Plans as files.


def test_a_plan_is_kept_shown_and_applied(made: None, cli: Cli, project: Path) -> None:
    before = tree(project)
    kept = cli("plan auth --out ../change.json")
    assert kept.status == 0
    assert "donkeytui apply ../change.json makes it real" in kept.err
    assert tree(project) == before

    shown = cli("apply ../change.json --dry-run")
    assert "+ install   auth   1.1.0" in shown.out
    assert tree(project) == before

    done = cli("apply ../change.json --yes --no-npm")
    assert done.status == 0
    assert versions(project) == {"auth": "1.1.0", "users": "1.0.0"}


def test_the_command_for_a_kept_plan_is_quoted_for_the_shell(made: None, cli: Cli) -> None:
    kept = cli("plan auth --out '../my change.json'")

    assert "donkeytui apply '../my change.json' makes it real" in kept.err


def test_applying_asks_as_installing_does(made: None, cli: Cli, project: Path) -> None:
    cli("plan auth --out ../change.json")

    assert cli("apply ../change.json").status == 1
    assert cli("apply ../change.json", is_terminal=True, answer="n\n").status == 1
    assert not (project / "donkeylabs-lock.json").exists()
    assert cli("apply ../change.json --no-npm", is_terminal=True, answer="y\n").status == 0


def test_a_kept_plan_is_stale_when_the_project_has_moved(made: None, cli: Cli, project: Path) -> None:
    cli("plan auth --out ../change.json")
    package_json = project / "package.json"
    package_json.write_text(package_json.read_text().replace("shop", "shoppe"))
    before = tree(project)

    result = cli("apply ../change.json --yes --json")

    problem = envelope(result)["problem"]
    assert (result.status, problem["code"]) == (1, "plan-stale")
    assert "the project's files" in problem["detail"]
    assert tree(project) == before


def test_a_plan_applied_twice_is_stale_the_second_time(made: None, cli: Cli, project: Path) -> None:
    cli("plan auth --out ../change.json")
    assert cli("apply ../change.json --yes --no-npm").status == 0
    before = tree(project)

    assert cli("apply ../change.json --yes --no-npm").status == 1
    assert tree(project) == before


def test_a_plan_takes_several_wishes_at_once(installed: None, publish: Any, cli: Cli, project: Path) -> None:
    publish("mail")
    cli("sync -q")

    result = cli("plan mail --uninstall auth --prune --json")

    steps = envelope(result)["data"]["plan"]["steps"]
    assert {step["name"]: step["kind"] for step in steps} == {
        "auth": "remove",
        "mail": "install",
        "users": "remove",
    }


def test_a_plan_that_edits_what_is_not_utf_8_is_not_kept_and_says_why(
    made: None, cli: Cli, project: Path, tmp_path: Path
) -> None:
    entry = project / "src" / "server" / "index.ts"
    entry.write_bytes(ENTRY)
    before = tree(project)

    result = cli("plan auth --register --out ../change.json")

    assert result.status == 1
    assert "the plan cannot be kept in a file" in result.err
    assert "src/server/index.ts" in result.err
    assert not (tmp_path / "change.json").exists()
    assert tree(project) == before


# Taking back.


def test_an_undo_says_what_it_takes_back_before_it_does(installed: None, cli: Cli, project: Path) -> None:
    assert cli("uninstall auth --yes --no-npm -q").status == 0
    before = tree(project)

    dry = cli("undo --dry-run")
    document = envelope(cli("undo --dry-run --json"))

    assert dry.status == 0
    assert "undo uninstall auth  (change 2)" in dry.err
    assert "+ install   auth  1.0.0" in dry.out
    assert document["data"]["plan"]["title"] == "undo uninstall auth"
    assert tree(project) == before


def test_an_undo_asks_too(installed: None, cli: Cli, project: Path) -> None:
    before = tree(project)

    assert cli("undo").status == 1
    assert cli("undo", is_terminal=True, answer="n\n").status == 1
    assert tree(project) == before
    assert cli("undo --no-npm", is_terminal=True, answer="y\n").status == 0
    assert tree(project) != before


def test_an_undo_of_a_pin_says_so(installed: None, cli: Cli, project: Path) -> None:
    before = tree(project)
    cli("pin auth")

    result = cli("undo --yes")

    assert (result.status, result.out) == (0, "✓ undo pin auth\n")
    assert tree(project) == before


def test_with_nothing_to_undo_that_is_the_answer(made: None, cli: Cli) -> None:
    result = cli("undo --yes")

    assert result.status == 1
    assert "there is nothing to undo in this project" in result.err


def test_an_undo_over_later_edits_wants_force_and_keeps_them(
    installed: None, cli: Cli, project: Path
) -> None:
    edit(project)

    refused = cli("undo --yes")
    forced = cli("undo --yes --force --no-npm")

    assert refused.status == 1
    assert f"changed: {PLUGINS}/auth" in refused.err
    assert "--force" in refused.err
    assert forced.status == 0
    kept = [path.read_text() for path in (project / ".donkeylabs").rglob("lib.ts")]
    assert "one\nmine\n" in kept


# Foreign words.


def speaking(folder: Path, name: str, words: str, *, yanked: bool) -> None:
    """The catalogue says `words` wherever a release has some, as a registry that checks nothing might."""
    catalogue = Catalogue(next(folder.glob("catalogues/*")))
    document = catalogue.get(name)
    assert document is not None
    contents = Contents(
        env_vars=(f"KEY{words}",),
        instructions=(f"read {words}",),
        migrations=(f"001{words}.ts",),
        postinstall=f"echo {words}",
    )
    release = structs.replace(
        document.versions[0],
        contents=contents,
        yanked=yanked,
        yank_reason=words,
        deprecated=yanked,
        deprecation=words,
    )
    change = Change(serial=99, name=name, document=structs.replace(document, versions=(release,)))
    catalogue.apply((change,), epoch=catalogue.epoch(), cursor=99)
    catalogue.close()


def test_a_release_s_words_reach_no_terminal_as_commands(
    publish: Callable[..., Any], cli: Cli, project: Path, tmp_path: Path
) -> None:
    publish("loud")
    assert cli("install loud --yes -q").status == 0
    speaking(tmp_path / "cache", "loud", ESCAPE, yanked=True)
    (project / "package.json").unlink()

    lines = (
        "install --offline --dry-run --diff",
        "install --offline --force --dry-run",
        "plan --offline --update loud --out ../change.json",
        "audit --offline",
        "outdated --offline",
        "list --offline",
        "info loud --offline",
    )
    results = [cli(line, is_terminal=is_terminal) for line in lines for is_terminal in (True, False)]

    said = "".join(result.out + result.err for result in results)
    assert {result.status for result in results} <= {0, 1}
    assert "\x1b[2J" not in said
    assert "\x07" not in said
    assert "it was withdrawn by its author: ␛[2Jgone␇" in said
    assert "`loud` 1.0.0 was yanked: ␛[2Jgone␇" in said


def test_a_newcomer_s_words_reach_no_terminal_as_commands(
    publish: Callable[..., Any], cli: Cli, tmp_path: Path
) -> None:
    publish("loud")
    cli("sync -q")
    speaking(tmp_path / "cache", "loud", ESCAPE, yanked=False)

    result = cli("install loud --offline", is_terminal=True, answer="n\n")

    said = result.out + result.err
    assert result.status == 1
    assert "\x1b[2J" not in said
    assert "\x07" not in said
    for words in ("says: read ", "hook, which is not run: echo ", "from the environment: KEY", ": 001"):
        assert f"{words}␛[2Jgone␇" in said


def test_names_of_files_in_a_merge_are_no_commands(old: None, cli: Cli, project: Path) -> None:
    (project / PLUGINS / "auth" / f"mine{ESCAPE}.ts").write_text("mine\n")

    results = [
        cli(line, is_terminal=True)
        for line in ("update --dry-run", "verify", "diff", "update --yes --no-npm", "undo --dry-run --force")
    ]

    said = "".join(result.out + result.err for result in results)
    assert "\x1b[2J" not in said
    assert "\x07" not in said
    assert "mine␛[2Jgone␇.ts" in said


def test_a_form_feed_in_a_file_begins_no_line_of_a_diff(installed: None, cli: Cli, project: Path) -> None:
    edit(project, "one\ntwo\x0c-three\x85-four\n")

    result = cli("diff auth")

    assert [line for line in result.out.split("\n") if line[:1] == "-"] == [f"--- a/{LIB}", "-two"]


def test_a_title_in_the_history_is_no_command_either(installed: None, cli: Cli, project: Path) -> None:
    for record in (project / ".donkeylabs").glob("txn-*/record.json"):
        document = json.loads(record.read_text())
        record.write_text(json.dumps({**document, "title": f"install {ESCAPE}", "at": ESCAPE}))

    results = [
        cli("history", is_terminal=True),
        cli("history"),
        cli("undo --dry-run", is_terminal=True),
        cli("undo --yes --no-npm", is_terminal=True),
    ]

    said = "".join(result.out + result.err for result in results)
    assert "\x1b[2J" not in said
    assert "\x07" not in said
    assert "gone" in said
