"""Quarantine on every surface of the client: commands, the app's lists, plans made before it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.embedded import EmbeddedTransport
from donkeytui.operations.search import home, search
from donkeytui.operations.sync import sync
from donkeytui.problems import PluginEdited
from donkeytui.tui.lines.listing import ProjectState, Row, column_needs, row_line
from registry_server.contract.account_wire import Flags, QuarantineRequest
from registry_server.contract.problems import Quarantined
from registry_server.http.app import build_app
from registry_server.operations import moderation
from registry_server.operations.accounts import Caller
from registry_server.registry import Registry
from registry_server.search.query import parse_query
from tests.support.builders import tree
from tests.support.workshop import ELSEWHERE, PLUGINS, Workshop, kinds, told

REASON = "it sends keys away"
Cli = Callable[..., Any]
Ban = Callable[..., None]


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any], publish: Callable[..., Any]) -> Workshop:
    publish("users", "1.0.0")
    publish("auth", needs={"users": "^1.0.0"})
    publish("mail")
    shop = Workshop(project, in_session)
    shop.apply("auth")
    return shop


@pytest.fixture
def ban(shop: Workshop, registry: Registry, owner: Caller) -> Ban:
    def ban(name: str, version: str = "") -> None:
        moderation.quarantine(registry, owner, name, QuarantineRequest(reason=REASON, version=version))
        shop.run(sync)

    return ban


# Plans.


def test_frozen_refuses_what_is_in_quarantine_also_where_its_files_are(shop: Workshop, ban: Ban) -> None:
    ban("users")
    before = tree(shop.root)

    with pytest.raises(Quarantined):
        shop.plan(is_frozen=True)

    assert tree(shop.root) == before


def test_a_plan_from_before_the_quarantine_is_not_carried_out_from_the_cache(
    shop: Workshop, ban: Ban
) -> None:
    shop.apply("mail")
    shop.apply(uninstall=("mail",))
    plan = shop.plan("mail")
    assert plan.downloads[0].is_cached
    ban("mail")
    before = tree(shop.root)

    with pytest.raises(Quarantined):
        shop.carry_out(plan)

    assert tree(shop.root) == before


def test_an_install_says_which_newer_release_it_passed_over(
    shop: Workshop, ban: Ban, publish: Callable[..., Any]
) -> None:
    publish("mail", "1.1.0")
    ban("mail", "1.1.0")

    assert told(shop.plan("mail"), "quarantined-skipped") == [
        f"`mail` 1.1.0 is in quarantine ({REASON}), using 1.0.0"
    ]


def test_edits_of_a_release_nobody_can_have_any_more_do_not_go_unsaid(
    shop: Workshop, ban: Ban, publish: Callable[..., Any], registry: Registry, tmp_path: Path
) -> None:
    """Over HTTP, by somebody who is no admin, and without the package in the cache."""
    publish("users", "1.0.1")
    shop.write(f"{PLUGINS}/users/index.ts", "// mine\n")
    ban("users", "1.0.0")
    shutil.rmtree(tmp_path / "cache")
    settings = {
        "registry": ELSEWHERE,
        "registries": (ELSEWHERE,),
        "transport": EmbeddedTransport(build_app(registry, is_local=False)),
    }

    with pytest.raises(PluginEdited) as refusal:
        shop.plan(update=("users",), settings=settings)

    assert refusal.value.problem.hint.startswith("--force to go ahead")
    assert kinds(shop.plan(update=("users",), is_forced=True, settings=settings)) == {"users": "update"}


# Commands.


def test_every_command_that_looks_at_the_project_has_the_word_and_the_reason(
    shop: Workshop, ban: Ban, cli: Cli
) -> None:
    ban("users")

    for command in ("list", "outdated", "why users", "info users", "install mail --dry-run"):
        result = cli(command, is_terminal=True, width=160)
        said = result.out + result.err

        assert "quarantine" in said, command
        assert REASON in said, command


def test_search_says_it_beside_the_plugin(shop: Workshop, ban: Ban, cli: Cli) -> None:
    ban("mail")

    assert "✗ quarantined · " in cli("search mail", is_terminal=True, width=120).out
    [hit] = cli("search mail --json").json["data"]["plugins"]
    assert (hit["is_quarantined"], hit["is_deprecated"]) == (True, False)


def test_records_for_a_pipe_have_the_word(shop: Workshop, ban: Ban, cli: Cli) -> None:
    ban("users")

    [users] = [line for line in cli("list").out.splitlines() if line.startswith("users")]
    assert "quarantined" in users.split("\t")
    assert cli("outdated").out.split("\t")[-1].strip() == "quarantined"


def test_audit_fails_and_frozen_installs_stop_to_look(shop: Workshop, ban: Ban, cli: Cli) -> None:
    ban("users")

    assert cli("audit").status == 1
    refused = cli("install --frozen --yes")
    assert refused.status == 4
    assert REASON in refused.err


# The app.


def test_browse_shows_sign_and_word_and_recommends_nothing_in_quarantine(
    shop: Workshop, ban: Ban, registry: Registry, owner: Caller
) -> None:
    for name in ("mail", "users"):
        moderation.set_flags(registry, owner, name, Flags(featured=True))
    ban("mail")

    async def operation(session: Any) -> tuple[Any, Any]:
        return search(session, "mail"), home(session)

    found, start = shop.run(operation)

    rows = [Row(found.hits[0])]
    line = row_line(rows[0], 120, parse_query("mail"), state=ProjectState(), needs=column_needs(rows))
    assert "✗ quarantined" in "".join(part.text for part in line)
    [featured] = [section for section in start.sections if section.title == "Featured"]
    assert [hit.name for hit in featured.hits] == ["users"]
    [recent] = [section for section in start.sections if section.title == "Recently updated"]
    assert "mail" in [hit.name for hit in recent.hits]
