"""npm packages of plugins: what they make of package.json, and the package manager that installs them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.events import OutputLine
from donkeytui.operations.npm import LINES_KEPT
from tests.support.builders import tree
from tests.support.tools import Tools
from tests.support.workshop import Workshop, told


@pytest.fixture
def shop(project: Any, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "bin")


def ranges(shop: Workshop) -> dict[str, str]:
    """What package.json has beside the framework."""
    found: dict[str, str] = json.loads(shop.read("package.json"))["dependencies"]
    return {name: wanted for name, wanted in found.items() if name != "@donkeylabs/server"}


def user_has(shop: Workshop, name: str, wanted: str) -> None:
    shop.replace("package.json", '"@donkeylabs/server"', f'"{name}": "{wanted}",\n    "@donkeylabs/server"')


# What package.json becomes.


def test_ranges_of_two_plugins_are_intersected(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", npm={"jose": "^5.0.0"})
    publish("mail", npm={"jose": ">=5.2.0"})

    plan = shop.plan("auth", "mail")
    shop.carry_out(plan)

    assert plan.npm == ranges(shop) == {"jose": "^5.2.0"}
    assert told(plan, "npm-conflict") == []


def test_the_user_s_own_range_is_narrowed_and_comes_back(shop: Workshop, publish: Callable[..., Any]) -> None:
    user_has(shop, "jose", ">=4")
    before = shop.read("package.json")
    publish("auth", npm={"jose": "^5.0.0"})

    shop.apply("auth")
    assert ranges(shop)["jose"] not in (">=4", "")

    shop.apply(uninstall=("auth",))
    assert shop.read("package.json") == before


def test_what_a_plugin_brought_goes_with_it(shop: Workshop, publish: Callable[..., Any]) -> None:
    before = shop.read("package.json")
    publish("auth", npm={"jose": "^5.0.0"})
    shop.apply("auth")

    plan = shop.plan(uninstall=("auth",))
    shop.carry_out(plan)

    assert told(plan, "npm-removed") == ["nothing needs jose from npm any more"]
    assert shop.read("package.json") == before


def test_what_another_plugin_still_needs_stays_at_its_own_range(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", npm={"jose": "^5.0.0"})
    publish("mail", npm={"jose": ">=5.2.0"})
    shop.apply("auth", "mail")

    shop.apply(uninstall=("auth",))

    assert ranges(shop) == {"jose": ">=5.2.0"}


def test_an_update_moves_takes_and_brings_packages(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0", npm={"jose": "^5.0.0", "nanoid": "^4.0.0"})
    shop.apply("auth")
    publish("auth", "1.1.0", npm={"jose": "^6.0.0", "ms": "^2.0.0"})

    shop.apply(update=("auth",))

    assert ranges(shop) == {"jose": "^6.0.0", "ms": "^2.0.0"}


def test_a_conflict_with_the_user_s_range_is_named_and_leaves_it(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    user_has(shop, "jose", "^4.0.0")
    publish("auth", npm={"jose": "^5.0.0"})

    plan = shop.plan("auth")
    shop.carry_out(plan)

    assert told(plan, "npm-conflict") == [
        "`auth` asks for jose ^5.0.0, package.json has ^4.0.0: no version fits both"
    ]
    assert ranges(shop) == {"jose": "^4.0.0"}


def test_a_conflict_of_two_plugins_names_both(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", npm={"jose": "^5.0.0"})
    publish("mail", npm={"jose": "^6.0.0"})

    plan = shop.plan("auth", "mail")

    assert told(plan, "npm-conflict") == [
        "`mail` asks for jose ^6.0.0, `auth` asks for ^5.0.0: no version fits both"
    ]
    (notice,) = (notice for notice in plan.notices if notice.code == "npm-conflict")
    assert notice.hint == "package.json goes by `auth`; change it by hand if `mail` does not work with it"


def test_a_range_that_the_user_changed_since_is_the_user_s(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", npm={"jose": "^5.0.0"})
    shop.apply("auth")
    shop.replace("package.json", '"^5.0.0"', '"^5.9.0"')

    shop.apply(uninstall=("auth",))

    assert ranges(shop) == {"jose": "^5.9.0"}


def test_a_package_the_user_took_out_is_not_put_back_by_another_change(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", npm={"jose": "^5.0.0"})
    publish("mail", npm={"ms": "^2.0.0"})
    shop.apply("auth")
    shop.replace("package.json", ',\n    "jose": "^5.0.0"', "")

    shop.apply("mail")

    assert ranges(shop) == {"ms": "^2.0.0"}


# The package manager.


@pytest.fixture
def needing_npm(publish: Callable[..., Any]) -> None:
    publish("auth", npm={"jose": "^5.0.0"})


@pytest.mark.usefixtures("needing_npm")
@pytest.mark.parametrize(
    ("lock", "tool"),
    [("", "bun"), ("package-lock.json", "npm"), ("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn")],
)
def test_the_project_s_own_package_manager_installs(
    shop: Workshop, tools: Tools, lock: str, tool: str
) -> None:
    if lock:
        shop.write(lock, "")
    for name in ("npm", "pnpm", "yarn", "bun"):
        tools.add(name)

    report = shop.apply("auth", settings={"environment": tools.path}, runs_npm=True)

    assert report.npm is not None
    assert (report.npm.command, report.npm.state) == (f"{tool} install", "done")
    (call,) = (call for call in tools.calls(tool) if call["arguments"] != ["--version"])
    assert call["arguments"] == ["install"]
    assert call["folder"] == str(shop.root)
    assert call["input"] == ""


@pytest.mark.usefixtures("needing_npm")
def test_it_runs_after_the_change_and_its_lines_are_events(shop: Workshop, tools: Tools) -> None:
    shop.write("yarn.lock", "")
    tools.add("yarn", "print('jose' in open('package.json').read())\nprint('a\\x1b[1mb', file=sys.stderr)")

    report = shop.apply("auth", settings={"environment": tools.path}, runs_npm=True)

    assert report.npm is not None
    assert sorted(report.npm.lines) == ["True", "a␛[1mb"]
    lines = [event for event in shop.events if isinstance(event, OutputLine)]
    assert sorted(event.text for event in lines) == sorted(report.npm.lines)
    assert {event.stage for event in lines} == {"npm"}


@pytest.mark.usefixtures("needing_npm")
def test_only_its_last_lines_are_kept(shop: Workshop, tools: Tools) -> None:
    shop.write("yarn.lock", "")
    tools.add("yarn", "for number in range(100): print(number)")

    report = shop.apply("auth", settings={"environment": tools.path}, runs_npm=True)

    assert report.npm is not None
    assert report.npm.lines == tuple(map(str, range(100 - LINES_KEPT, 100)))
    assert len([event for event in shop.events if isinstance(event, OutputLine)]) == 100


@pytest.mark.usefixtures("needing_npm")
def test_its_failure_leaves_the_plugins_installed_and_is_told(shop: Workshop, tools: Tools) -> None:
    shop.write("yarn.lock", "")
    tools.add("yarn", "print('no such package')\nsys.exit(7)")

    report = shop.apply("auth", settings={"environment": tools.path}, runs_npm=True)

    assert report.npm is not None
    assert (report.npm.state, report.npm.why) == ("failed", "it ended with status 7")
    assert report.npm.lines == ("no such package",)
    assert shop.versions == {"auth": "1.0.0"}
    assert ranges(shop) == {"jose": "^5.0.0"}


@pytest.mark.usefixtures("needing_npm")
def test_a_package_manager_that_cannot_be_started_is_told(shop: Workshop, tools: Tools) -> None:
    shop.write("yarn.lock", "")
    tools.write("yarn", "no program")

    report = shop.apply("auth", settings={"environment": tools.path}, runs_npm=True)

    assert report.npm is not None
    assert report.npm.state == "failed"
    assert report.npm.why == "yarn cannot be started: Exec format error"


@pytest.mark.usefixtures("needing_npm")
def test_a_package_manager_that_is_not_there_is_told(shop: Workshop, tools: Tools) -> None:
    tools.add("npm")

    report = shop.apply("auth", settings={"environment": tools.path}, runs_npm=True)

    assert report.npm is not None
    assert (report.npm.state, report.npm.why) == ("not-run", "bun is not installed here")
    assert tools.calls("npm") == []


@pytest.mark.usefixtures("needing_npm")
def test_offline_it_is_not_run(shop: Workshop, tools: Tools) -> None:
    shop.write("yarn.lock", "")
    tools.add("yarn")
    settings = {"environment": tools.path, "is_offline": True}

    report = shop.apply("auth", settings=settings, runs_npm=True)

    assert report.npm is not None
    assert (report.npm.state, report.npm.why) == ("not-run", "the session is offline")
    assert tools.calls("yarn") == []


def test_it_is_not_run_where_package_json_stays(
    shop: Workshop, publish: Callable[..., Any], tools: Tools
) -> None:
    publish("mail")
    shop.write("yarn.lock", "")
    tools.add("yarn")

    report = shop.apply("mail", settings={"environment": tools.path}, runs_npm=True)

    assert report.npm is None
    assert report.next_steps.npm_command == ""
    assert tools.calls("yarn") == []


# By command.


@pytest.mark.usefixtures("needing_npm")
def test_our_token_is_not_passed_on(shop: Workshop, tools: Tools, cli: Callable[..., Any]) -> None:
    shop.write("yarn.lock", "")
    tools.add("yarn")

    result = cli("install auth --yes", PATH=str(tools.folder), DONKEYTUI_TOKEN="dkt_x", OTHER="y")

    assert result.status == 0
    (call,) = tools.calls("yarn")
    assert call["environment"].get("OTHER") == "y"
    assert "DONKEYTUI_TOKEN" not in call["environment"]
    assert "dkt_x" not in json.dumps(call)


@pytest.mark.usefixtures("needing_npm")
def test_a_failure_is_said_and_shown_in_json(shop: Workshop, tools: Tools, cli: Callable[..., Any]) -> None:
    shop.write("yarn.lock", "")
    tools.add("yarn", "sys.exit(7)")

    said = cli("install auth --yes", PATH=str(tools.folder))

    assert said.status == 1
    assert "yarn install failed: it ended with status 7" in said.err
    assert shop.versions == {"auth": "1.0.0"}
    before = tree(shop.root)
    assert cli("install auth --yes --json", PATH=str(tools.folder)).status == 0
    assert tree(shop.root) == before


@pytest.mark.usefixtures("needing_npm")
def test_no_npm_leaves_it_to_the_user(shop: Workshop, tools: Tools, cli: Callable[..., Any]) -> None:
    shop.write("yarn.lock", "")
    tools.add("yarn")

    result = cli("install auth --yes --no-npm", PATH=str(tools.folder))

    assert "Run: yarn install" in result.err
    assert tools.calls("yarn") == []
