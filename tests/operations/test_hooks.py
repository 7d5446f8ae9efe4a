"""Post-install commands: listed, never run by themselves; approved word for word; run without a shell."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.events import OutputLine, StageFinished, StageStarted
from donkeytui.operations.apply import Hook
from donkeytui.operations.hooks import HookState, approve_hook, list_hooks, run_hook
from donkeytui.problems import HookRefused, NotInstalled
from tests.support.tools import Tools
from tests.support.workshop import Workshop, told

SETUP = Hook(plugin="auth", version="1.0.0", command="setup --now")


@pytest.fixture
def shop(project: Any, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "bin")


@pytest.fixture
def hooked(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", hooks={"postinstall": SETUP.command})
    publish("mail")
    shop.apply("auth", "mail")


def hooks_of(shop: Workshop, *names: str) -> tuple[HookState, ...]:
    found: tuple[HookState, ...] = shop.run(lambda session: list_hooks(session, names))
    return found


def approve(shop: Workshop, hook: Hook) -> None:
    shop.run(lambda session: approve_hook(session, hook))


def execute(shop: Workshop, hook: Hook, environment: dict[str, str] | None = None, **options: Any) -> None:
    shop.events = []
    shop.run(
        lambda session: run_hook(session, hook, shop.events.append, **options),
        {"environment": environment or {}},
    )


def store(tmp_path: Path) -> Path:
    return tmp_path / "data" / "approved-hooks.json"


# Never by itself.


def test_an_install_lists_a_hook_and_runs_nothing(
    shop: Workshop, publish: Callable[..., Any], tools: Tools
) -> None:
    tools.add("setup")
    publish("auth", hooks={"postinstall": SETUP.command})
    settings = {"environment": tools.path}

    plan = shop.plan("auth", settings=settings)
    report = shop.carry_out(plan, settings=settings, runs_npm=True)

    assert told(plan, "hook") == ["`auth` 1.0.0 has a hook, which is not run: setup --now"]
    assert report.next_steps.hooks == (SETUP,)
    assert tools.calls("setup") == []


def test_hooks_are_listed_with_what_was_approved(shop: Workshop, hooked: None) -> None:
    assert hooks_of(shop) == (HookState(hook=SETUP, is_approved=False),)

    approve(shop, SETUP)

    assert hooks_of(shop) == hooks_of(shop, "auth") == (HookState(hook=SETUP, is_approved=True),)
    assert hooks_of(shop, "mail") == ()
    with pytest.raises(NotInstalled):
        hooks_of(shop, "stripe")


def test_a_hook_that_nobody_approved_is_refused_with_its_text(
    shop: Workshop, hooked: None, tools: Tools
) -> None:
    tools.add("setup")

    with pytest.raises(HookRefused, match=r"the hook of `auth` 1\.0\.0 is not approved") as caught:
        execute(shop, SETUP, tools.path)

    assert caught.value.problem.detail == "setup --now"
    assert caught.value.problem.hint == "donkeytui hooks auth --run shows it and asks"
    assert tools.calls("setup") == []


# What an approval binds.


@pytest.mark.parametrize(
    "other",
    [
        Hook(plugin="mail", version="1.0.0", command="setup --now"),
        Hook(plugin="auth", version="1.0.0", command="setup --now "),
        Hook(plugin="auth", version="1.0.0", command="setup --later"),
    ],
)
def test_an_approval_is_for_one_plugin_one_version_and_one_text(
    shop: Workshop, hooked: None, tools: Tools, other: Hook
) -> None:
    tools.add("setup")
    approve(shop, SETUP)

    with pytest.raises(HookRefused, match="is not approved"):
        execute(shop, other, tools.path)
    assert tools.calls("setup") == []


def test_an_update_with_the_same_words_asks_again(
    shop: Workshop, hooked: None, publish: Callable[..., Any]
) -> None:
    approve(shop, SETUP)
    publish("auth", "1.1.0", hooks={"postinstall": SETUP.command})
    plan = shop.plan(update=("auth",))
    shop.carry_out(plan)

    assert told(plan, "hook") == []
    (state,) = hooks_of(shop)
    assert (state.hook.version, state.is_approved) == ("1.1.0", False)


def test_an_approved_hook_of_a_release_that_is_not_installed_is_not_run(
    shop: Workshop, hooked: None, publish: Callable[..., Any], tools: Tools
) -> None:
    tools.add("setup")
    approve(shop, SETUP)
    publish("auth", "1.1.0")
    shop.apply(update=("auth",))

    with pytest.raises(HookRefused, match=r"`auth` 1\.0\.0 is not what this project has installed"):
        execute(shop, SETUP, tools.path)
    assert tools.calls("setup") == []


def test_approvals_add_up_and_are_the_user_s_alone(shop: Workshop, hooked: None, tmp_path: Path) -> None:
    other = Hook(plugin="mail", version="2.0.0", command="bun run x")
    for hook in (SETUP, other, SETUP):
        approve(shop, hook)

    document = json.loads(store(tmp_path).read_text())
    assert [entry["plugin"] for entry in document["approved"]] == ["auth", "mail"]
    assert store(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_project_cannot_approve(shop: Workshop, hooked: None, tmp_path: Path) -> None:
    approve(shop, SETUP)
    text = store(tmp_path).read_text()
    store(tmp_path).unlink()
    for place in ("approved-hooks.json", ".donkeylabs/approved-hooks.json", "data/approved-hooks.json"):
        shop.write(place, text)

    assert [state.is_approved for state in hooks_of(shop)] == [False]


DAMAGED = (
    b"",
    b"{",
    b"[" * 200_000,
    b"\xff\xfe",
    b"null",
    b'{"approved": {"auth": true}}',
    b'{"approved": "*"}',
    b'{"approved": [{"plugin": "auth"}]}',
    b'{"approved": [{"plugin": "\xff", "version": "1.0.0", "command": "setup --now"}]}',
    b'{"approved": [], "padding": "' + b"x" * (1 << 20) + b'"}',
)


def test_a_damaged_store_approves_nothing_and_can_be_written_anew(
    shop: Workshop, hooked: None, tmp_path: Path
) -> None:
    for data in DAMAGED:
        store(tmp_path).write_bytes(data)

        assert [state.is_approved for state in hooks_of(shop)] == [False]
    approve(shop, SETUP)
    assert [state.is_approved for state in hooks_of(shop)] == [True]


def test_an_approval_that_cannot_be_kept_is_told(shop: Workshop, hooked: None, tmp_path: Path) -> None:
    store(tmp_path).mkdir()

    with pytest.raises(HookRefused, match="the approval cannot be kept") as caught:
        approve(shop, SETUP)

    assert str(store(tmp_path)) in caught.value.problem.detail
    assert not store(tmp_path).with_suffix(".new").exists()


# How it is run.


def test_a_hook_runs_in_the_project_with_its_arguments_and_without_input(
    shop: Workshop, hooked: None, tools: Tools
) -> None:
    tools.add("setup", 'print("ready")')
    approve(shop, SETUP)

    execute(shop, SETUP, tools.path)

    (call,) = tools.calls("setup")
    assert call["arguments"] == ["--now"]
    assert call["folder"] == str(shop.root)
    assert call["input"] == ""
    assert shop.events == [
        StageStarted(stage="hook"),
        OutputLine(stage="hook", text="ready"),
        StageFinished(stage="hook"),
    ]


def test_there_is_no_shell(shop: Workshop, hooked: None, tools: Tools) -> None:
    tools.add("setup")
    hook = Hook(
        plugin="auth", version="1.0.0", command="setup one;two $(touch gone) && 'a b' > out | `id` $HOME *"
    )
    approve(shop, hook)

    execute(shop, hook, {**tools.path, "HOME": "/home/ada"})

    (call,) = tools.calls("setup")
    assert call["arguments"] == [
        "one;two", "$(touch", "gone)", "&&", "a b", ">", "out", "|", "`id`", "$HOME", "*",
    ]  # fmt: skip
    assert not (shop.root / "gone").exists()
    assert not (shop.root / "out").exists()


def test_a_hook_sees_only_what_it_may_of_the_environment(shop: Workshop, hooked: None, tools: Tools) -> None:
    tools.add("setup")
    approve(shop, SETUP)
    allowed = {**tools.path, "HOME": "/home/ada", "LANG": "C.UTF-8", "TERM": "dumb"}
    secret = {"AWS_SECRET_ACCESS_KEY": "s", "NPM_TOKEN": "s", "LD_PRELOAD": "", "NODE_OPTIONS": "--x"}

    execute(shop, SETUP, {**allowed, **secret})

    (call,) = tools.calls("setup")
    assert {name: call["environment"].get(name) for name in allowed} == allowed
    assert not secret.keys() & call["environment"].keys()


def test_a_path_is_one_in_the_project_wherever_the_user_stands(
    shop: Workshop, hooked: None, tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tools.add("setup")
    (shop.root / "scripts").mkdir()
    program.rename(shop.root / "scripts" / "setup")
    hook = Hook(plugin="auth", version="1.0.0", command="./scripts/setup")
    approve(shop, hook)
    monkeypatch.chdir(tmp_path)

    execute(shop, hook, tools.path)

    assert len(tools.calls("setup")) == 1


def test_a_hook_that_fails_is_told_with_its_status(shop: Workshop, hooked: None, tools: Tools) -> None:
    tools.add("setup", "sys.exit(3)")
    approve(shop, SETUP)

    with pytest.raises(HookRefused, match="the hook of `auth` ended with 3") as caught:
        execute(shop, SETUP, tools.path)

    assert caught.value.exit_status == 1
    assert caught.value.problem.hint == "the plugin stays installed; mend the cause and run it again"
    assert shop.versions == {"auth": "1.0.0", "mail": "1.0.0"}


def test_a_hook_has_its_time(shop: Workshop, hooked: None, tools: Tools) -> None:
    tools.add("setup", "import time\ntime.sleep(60)")
    approve(shop, SETUP)

    with pytest.raises(HookRefused, match=r"the hook of `auth` was stopped after 0\.005 minutes"):
        execute(shop, SETUP, tools.path, seconds=0.3)


@pytest.mark.parametrize("command", ["setup --now", "./setup", "/nowhere/setup", "../setup", "./src"])
def test_a_program_that_is_not_there_is_named(
    shop: Workshop, hooked: None, tools: Tools, command: str
) -> None:
    hook = Hook(plugin="auth", version="1.0.0", command=command)
    approve(shop, hook)

    with pytest.raises(HookRefused) as caught:
        execute(shop, hook, tools.path)

    program = shlex.split(command)[0]
    assert str(caught.value) == f"the hook of `auth` needs `{program}`, which is not installed here"


def test_a_program_that_cannot_be_started_is_told(shop: Workshop, hooked: None, tools: Tools) -> None:
    tools.write("setup", "no program")
    approve(shop, SETUP)

    with pytest.raises(HookRefused, match="cannot be started") as caught:
        execute(shop, SETUP, tools.path)

    assert "Exec format" in caught.value.problem.detail


@pytest.mark.parametrize("command", ["", "   ", "setup 'open", "setup \\"])
def test_what_is_no_command_is_told(shop: Workshop, hooked: None, tools: Tools, command: str) -> None:
    hook = Hook(plugin="auth", version="1.0.0", command=command)
    approve(shop, hook)

    with pytest.raises(HookRefused, match="the hook of `auth` is"):
        execute(shop, hook, tools.path)


def test_a_command_no_program_can_be_given_is_told(shop: Workshop, hooked: None, tools: Tools) -> None:
    tools.add("setup")
    hook = Hook(plugin="auth", version="1.0.0", command="setup a\0b")
    approve(shop, hook)

    with pytest.raises(HookRefused):
        execute(shop, hook, tools.path)


# By command.


def test_without_a_terminal_a_hook_is_never_run(
    shop: Workshop, hooked: None, cli: Callable[..., Any], tools: Tools
) -> None:
    tools.add("setup")

    listed = cli("hooks", PATH=str(tools.folder))
    refused = cli("hooks auth --run", PATH=str(tools.folder))

    assert (listed.status, "setup --now" in listed.out) == (0, True)
    assert refused.status != 0
    assert tools.calls("setup") == []


def test_a_person_who_says_yes_has_it_run(
    shop: Workshop, hooked: None, cli: Callable[..., Any], tools: Tools
) -> None:
    tools.add("setup")

    no = cli("hooks auth --run", is_terminal=True, answer="n\n", PATH=str(tools.folder))
    assert (no.status != 0, tools.calls("setup")) == (True, [])

    yes = cli("hooks auth --run", is_terminal=True, answer="y\n", PATH=str(tools.folder))
    assert yes.status == 0
    assert len(tools.calls("setup")) == 1
    assert tools.calls("setup")[0]["folder"] == str(shop.root)
