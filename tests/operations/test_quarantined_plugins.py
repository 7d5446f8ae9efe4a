"""What is in quarantine in a project: it stays and is told of, comes from nowhere, and stops nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.embedded import EmbeddedTransport
from donkeytui.operations.audit import audit
from donkeytui.operations.installed import InstalledPlugin, list_installed
from donkeytui.operations.outdated import Outdated, outdated
from donkeytui.operations.reasons import why
from donkeytui.operations.releases import check_obtainable
from donkeytui.operations.show import choose_release, show
from donkeytui.operations.sync import sync
from donkeytui.problems import ResolutionFailed
from registry_server.contract.account_wire import QuarantineRequest
from registry_server.contract.problems import ProblemError, Quarantined
from registry_server.contract.ranges import parse_requirement
from registry_server.http.app import build_app
from registry_server.operations import moderation
from registry_server.operations.accounts import Caller
from registry_server.registry import Registry
from tests.support.builders import tree
from tests.support.workshop import ELSEWHERE, PLUGINS, Workshop, kinds

REASON = "it sends keys away"


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any], publish: Callable[..., Any]) -> Workshop:
    """`auth` needs `users`, and both are installed; `mail` is not."""
    publish("users", "1.0.0")
    publish("auth", needs={"users": "^1.0.0"})
    publish("mail")
    shop = Workshop(project, in_session)
    shop.apply("auth")
    return shop


@pytest.fixture
def ban(shop: Workshop, registry: Registry, owner: Caller) -> Callable[..., None]:
    """Puts a release, or a plugin, in quarantine, and lets the catalogue of the project know."""

    def ban(name: str, version: str = "") -> None:
        moderation.quarantine(registry, owner, name, QuarantineRequest(reason=REASON, version=version))
        shop.run(sync)

    return ban


def warned(plan: Any) -> list[str]:
    return [notice.text for notice in plan.notices if notice.code == "quarantined"]


STAYS = f"`users` 1.0.0 stays, and is in quarantine: {REASON}"


# What is there stays, is told of by whatever is planned, and stops nothing else.


def test_another_plugin_can_be_installed_beside_it(shop: Workshop, ban: Callable[..., None]) -> None:
    ban("users")

    plan = shop.plan("mail")

    assert (kinds(plan), warned(plan)) == ({"mail": "install"}, [STAYS])
    shop.carry_out(plan)
    assert shop.lockfile.versions == {"auth": "1.0.0", "mail": "1.0.0", "users": "1.0.0"}


def test_another_plugin_can_be_updated_beside_it(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any]
) -> None:
    publish("auth", "1.1.0", needs={"users": "^1.0.0"})
    ban("users")

    for update in ({"update": ("auth",)}, {"is_update_of_all": True}):
        plan = shop.plan(**update)

        assert (kinds(plan), warned(plan)) == ({"auth": "update"}, [STAYS])


def test_another_plugin_can_be_uninstalled_beside_it(shop: Workshop, ban: Callable[..., None]) -> None:
    shop.apply("mail")
    ban("users")

    plan = shop.plan(uninstall=("mail",))

    assert (kinds(plan), warned(plan)) == ({"mail": "remove"}, [STAYS])


def test_it_can_be_uninstalled_itself_and_then_nothing_is_said(
    shop: Workshop, ban: Callable[..., None]
) -> None:
    ban("users")

    plan = shop.plan(uninstall=("auth", "users"))

    assert (kinds(plan), warned(plan)) == ({"auth": "remove", "users": "remove"}, [])


def test_an_install_of_what_is_there_says_it(shop: Workshop, ban: Callable[..., None]) -> None:
    ban("users", "1.0.0")

    plan = shop.plan()

    assert (plan.is_empty, warned(plan)) == (True, [STAYS])


# The ways out.


def test_an_update_that_names_it_goes_back_to_an_older_release(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any]
) -> None:
    publish("mail", "1.1.0")
    shop.apply("mail@>=1.0.0")
    ban("mail", "1.1.0")

    plan = shop.plan(update=("mail",))

    assert (kinds(plan), warned(plan)) == ({"mail": "downgrade"}, [])
    assert "downgrade" in [notice.code for notice in plan.notices]


def test_an_update_of_everything_takes_another_release_in_its_place(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any]
) -> None:
    publish("users", "1.0.1")
    ban("users", "1.0.0")

    assert kinds(shop.plan(is_update_of_all=True)) == {"users": "update"}


def test_where_nothing_else_fits_an_update_that_names_it_says_why(
    shop: Workshop, ban: Callable[..., None]
) -> None:
    ban("users")

    with pytest.raises(ResolutionFailed) as refusal:
        shop.plan(update=("users",))

    assert f"`users` 1.0.0 is in quarantine: {REASON}" in refusal.value.problem.detail
    assert "donkeytui uninstall auth --prune" in refusal.value.problem.hint


# Nothing puts it in place, though every byte is at hand.


def refused(shop: Workshop, *install: str, **changes: Any) -> ProblemError:
    before = tree(shop.root)
    with pytest.raises(ProblemError) as refusal:
        shop.apply(*install, **changes)

    assert tree(shop.root) == before
    return refusal.value


@pytest.mark.parametrize("wanted", ["mail", "mail@1.0.0", "mail@latest"])
def test_it_is_not_installed_anew_however_it_is_named(
    shop: Workshop, ban: Callable[..., None], wanted: str
) -> None:
    ban("mail")

    problem = refused(shop, wanted)

    assert isinstance(problem, ResolutionFailed)
    assert f"`mail` 1.0.0 is in quarantine: {REASON}" in problem.problem.detail


@pytest.mark.parametrize("changes", [{}, {"is_frozen": True}, {"is_locked": True}, {"is_forced": True}])
def test_a_lockfile_that_names_it_puts_no_copy_from_the_cache_in_place(
    shop: Workshop, ban: Callable[..., None], changes: dict[str, Any]
) -> None:
    """A clone of the project: the lockfile is there, the files are not, the cache has the package."""
    ban("users")
    shutil.rmtree(shop.file("users"))

    problem = refused(shop, **changes)

    assert isinstance(problem, Quarantined)
    assert problem.exit_status == 4
    assert problem.problem.detail == f"the registry's operator says: {REASON}"
    assert problem.problem.hint.startswith("donkeytui update users")


def test_something_else_does_not_bring_its_missing_files_back(
    shop: Workshop, ban: Callable[..., None]
) -> None:
    ban("users")
    shutil.rmtree(shop.file("users"))

    assert isinstance(refused(shop, "mail"), Quarantined)


def test_from_a_clone_an_update_takes_another_release(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any]
) -> None:
    publish("users", "1.0.1")
    ban("users", "1.0.0")
    shutil.rmtree(shop.file("users"))

    shop.apply(update=("users",))

    assert shop.lockfile.versions["users"] == "1.0.1"
    assert shop.file("users/index.ts").is_file()


def test_an_edited_one_is_not_laid_down_afresh(shop: Workshop, ban: Callable[..., None]) -> None:
    shop.write(f"{PLUGINS}/users/index.ts", "// mine\n")
    ban("users")

    assert isinstance(refused(shop, "users", is_forced=True), Quarantined)


def test_what_only_the_registry_knows_to_be_in_quarantine_it_refuses_itself(
    shop: Workshop, registry: Registry, owner: Caller
) -> None:
    """Banned after the catalogue was read; over HTTP, by somebody who is no admin of the registry."""
    settings = {"registry": ELSEWHERE, "registries": (ELSEWHERE,)}
    transport = EmbeddedTransport(build_app(registry, is_local=False))
    plan = shop.plan("mail", settings={**settings, "transport": transport})
    moderation.quarantine(registry, owner, "mail", QuarantineRequest(reason=REASON, version=""))
    before = tree(shop.root)

    with pytest.raises(Quarantined) as refusal:
        shop.carry_out(plan, settings={**settings, "transport": transport})

    assert (refusal.value.exit_status, refusal.value.problem.detail) == (4, REASON)
    assert tree(shop.root) == before


def test_what_was_let_back_is_installed_as_before(
    shop: Workshop, ban: Callable[..., None], registry: Registry, owner: Caller
) -> None:
    ban("mail")
    moderation.lift(registry, owner, "mail")

    assert kinds(shop.plan("mail")) == {"mail": "install"}


def test_whether_a_release_can_be_had_is_the_catalogues_to_say(
    shop: Workshop, ban: Callable[..., None]
) -> None:
    ban("mail", "1.0.0")

    async def check(session: Any) -> None:
        check_obtainable(session, "users", "1.0.0")
        check_obtainable(session, "nowhere", "1.0.0")
        with pytest.raises(Quarantined):
            check_obtainable(session, "mail", "1.0.0")

    shop.run(check)


# What looks at the project says it.


def installed(shop: Workshop, name: str) -> InstalledPlugin:
    return next(plugin for plugin in shop.run(list_installed).plugins if plugin.name == name)


def test_the_list_has_the_word_and_the_reason(shop: Workshop, ban: Callable[..., None]) -> None:
    assert installed(shop, "users").problems == ()
    ban("users")

    users = installed(shop, "users")

    assert (users.problems, users.quarantine, users.has_update) == (("quarantined",), REASON, False)


def test_the_list_offers_the_newest_other_release_be_it_older(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any]
) -> None:
    publish("mail", "1.1.0")
    shop.apply("mail@>=1.0.0")
    ban("mail", "1.1.0")

    assert installed(shop, "mail").newest_in_range == "1.0.0"


def test_the_list_offers_no_update_to_what_is_in_quarantine(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any]
) -> None:
    publish("users", "1.1.0")
    ban("users", "1.1.0")

    assert not installed(shop, "users").has_update


def test_outdated_names_it_though_it_is_the_newest(shop: Workshop, ban: Callable[..., None]) -> None:
    ban("users")

    assert outdated_plugins(shop) == [
        Outdated(
            name="users",
            version="1.0.0",
            range=None,
            wanted="1.0.0",
            newest="1.0.0",
            blocked_by="",
            quarantine=REASON,
        )
    ]


def test_outdated_says_what_an_update_gives_in_its_place_and_does(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any]
) -> None:
    publish("mail", "1.1.0")
    shop.apply("mail@>=1.0.0")
    ban("mail", "1.1.0")

    (mail,) = outdated_plugins(shop)

    assert (mail.version, mail.wanted, mail.newest, mail.quarantine) == ("1.1.0", "1.0.0", "1.0.0", REASON)
    shop.apply(is_update_of_all=True)
    assert shop.lockfile.versions["mail"] == mail.wanted


def outdated_plugins(shop: Workshop) -> list[Outdated]:
    return list(shop.run(outdated).plugins)


@pytest.mark.parametrize(
    ("has_other", "hint"), [(True, "donkeytui update users"), (False, "donkeytui uninstall users")]
)
def test_an_audit_calls_it_an_error_and_says_what_to_do(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any], has_other: bool, hint: str
) -> None:
    if has_other:
        publish("users", "1.0.1")
    ban("users", "1.0.0")

    report = shop.run(audit)

    (finding,) = report.findings
    assert (finding.severity, finding.code, finding.plugin) == ("error", "quarantined", "users")
    assert finding.text == f"it is in quarantine, so nobody can install it: {REASON}"
    assert finding.hint == hint


def test_why_says_it(shop: Workshop, ban: Callable[..., None]) -> None:
    ban("users")

    assert shop.run(lambda session: why(session, "users")).quarantine == REASON
    assert shop.run(lambda session: why(session, "auth")).quarantine == ""


def test_of_a_range_the_release_is_shown_that_can_be_had(
    shop: Workshop, ban: Callable[..., None], publish: Callable[..., Any]
) -> None:
    publish("mail", "1.1.0")
    ban("mail", "1.1.0")

    async def shown(session: Any, wanted: str) -> str:
        return choose_release(show(session, "mail"), parse_requirement(wanted)).version

    assert shop.run(lambda session: shown(session, "mail@^1.0.0")) == "1.0.0"
    assert shop.run(lambda session: shown(session, "mail@1.1.0")) == "1.1.0"
