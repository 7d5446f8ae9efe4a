"""The ways to ask for less or more than usual: --locked, --frozen, --prune, --latest, lowest, deprecated."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.operations.changes import Changes
from donkeytui.problems import LockfileOutdated, OfflineMissing, ResolutionFailed
from registry_server.contract.problems import InvalidRange
from registry_server.contract.wire import Deprecation, PluginUpdate
from registry_server.operations import lifecycle
from registry_server.operations.accounts import Caller
from registry_server.registry import Registry
from tests.support.builders import tree
from tests.support.workshop import OFFLINE, PLUGINS, Workshop, chosen, kinds, told

LOCKFILE = "donkeylabs-lock.json"


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


@pytest.fixture
def installed(shop: Workshop, publish: Callable[..., Any]) -> None:
    """`auth` ^1.0.0 at 1.0.0 and, for it, `users` at 1.0.0; of both there is a 1.1.0 and a 2.0.0."""
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    shop.apply("auth")
    for version in ("1.1.0", "2.0.0"):
        publish("users", version)
        publish("auth", version, needs={"users": "^1.0.0"})


# --locked


@pytest.mark.parametrize(
    ("install", "changes", "concerned"),
    [
        (("mail",), {}, "`mail`"),
        (("auth@^2.0.0",), {}, "`auth`"),
        (("users",), {}, "`users`"),
        ((), {"update": ("auth",)}, "`auth`"),
        ((), {"is_update_of_all": True}, "`auth`, `users`"),
        ((), {"uninstall": ("auth",)}, "`auth`"),
        ((), {"pin": ("auth",)}, "`auth`"),
    ],
)
def test_locked_refuses_what_would_change_the_lockfile_and_names_it(
    shop: Workshop,
    installed: None,
    publish: Callable[..., Any],
    install: tuple[str, ...],
    changes: dict[str, Any],
    concerned: str,
) -> None:
    publish("mail")
    before = tree(shop.root)

    with pytest.raises(LockfileOutdated) as caught:
        shop.plan(*install, is_locked=True, **changes)

    problem = caught.value.problem
    assert problem.title == "donkeylabs-lock.json would change, and --locked says it may not"
    assert problem.detail == f"it would change for {concerned}"
    assert problem.hint.startswith("run it without --locked")
    assert caught.value.exit_status == 1
    assert tree(shop.root) == before


@pytest.mark.parametrize("install", [(), ("auth",), ("auth@^1.0.0",)])
def test_locked_goes_on_where_the_lockfile_says_it_already(
    shop: Workshop, publish: Callable[..., Any], install: tuple[str, ...]
) -> None:
    publish("users")
    publish("auth", needs={"users": "^1.0.0"})
    shop.apply("auth")
    shutil.rmtree(shop.file("users"))

    plan = shop.plan(*install, is_locked=True)

    assert kinds(plan) == {"users": "install"}
    assert plan.edits == ()


@pytest.mark.parametrize("flag", ["is_locked", "is_frozen"])
def test_a_lockfile_in_another_form_is_neither_refused_nor_rewritten(
    shop: Workshop, installed: None, flag: str
) -> None:
    text = shop.read(LOCKFILE).replace("\n", "\r\n").replace("  ", "\t")
    shop.write(LOCKFILE, text)
    shutil.rmtree(shop.file("auth"))

    shop.apply(**{flag: True})

    assert shop.read(LOCKFILE) == text
    assert shop.file("auth/index.ts").exists()


def test_locked_refuses_a_lockfile_that_lacks_something_needed(shop: Workshop, installed: None) -> None:
    shop.apply(uninstall=("users",), is_forced=True)

    with pytest.raises(LockfileOutdated) as caught:
        shop.plan(is_locked=True)

    assert caught.value.problem.detail == "it would change for `users`"


# --frozen


def test_frozen_restores_what_the_lockfile_says_whatever_is_newer(shop: Workshop, installed: None) -> None:
    shutil.rmtree(shop.root / PLUGINS)

    report = shop.apply(is_frozen=True)

    assert {step.name: step.after for step in report.changes} == {"auth": "1.0.0", "users": "1.0.0"}
    assert shop.versions == {"auth": "1.0.0", "users": "1.0.0"}


def test_frozen_needs_no_registry_when_the_cache_has_everything(shop: Workshop, installed: None) -> None:
    before = tree(shop.root)
    shutil.rmtree(shop.root / PLUGINS)

    shop.apply(is_frozen=True, settings=OFFLINE)

    assert tree(shop.root) == before


def test_frozen_names_the_package_that_is_nowhere(shop: Workshop, installed: None, tmp_path: Path) -> None:
    shutil.rmtree(shop.root / PLUGINS)
    shutil.rmtree(tmp_path / "cache")
    before = tree(shop.root)

    with pytest.raises(OfflineMissing, match=r"1\.0\.0 is not on this machine") as caught:
        shop.apply(is_frozen=True, settings=OFFLINE)

    assert caught.value.exit_status == 3
    assert tree(shop.root) == before


@pytest.mark.parametrize(
    ("install", "changes"), [(("auth",), {}), ((), {"update": ("auth",)}), ((), {"is_update_of_all": True})]
)
def test_frozen_solves_nothing(
    shop: Workshop, installed: None, install: tuple[str, ...], changes: dict[str, Any]
) -> None:
    with pytest.raises(LockfileOutdated) as caught:
        shop.plan(*install, is_frozen=True, **changes)

    problem = caught.value.problem
    assert problem.title == (
        "--frozen installs what donkeylabs-lock.json says, and nothing can be asked for besides"
    )
    assert "would have to be solved" in problem.detail
    assert problem.hint == "donkeytui install --frozen, or leave out --frozen"


def test_frozen_refuses_an_incomplete_lockfile(shop: Workshop, installed: None) -> None:
    shop.apply(uninstall=("users",), is_forced=True)

    with pytest.raises(LockfileOutdated) as caught:
        shop.plan(is_frozen=True)

    assert caught.value.problem.title == "donkeylabs-lock.json does not hold everything that is needed"
    assert caught.value.problem.hint == "donkeytui install without --frozen, and commit the lockfile"


def test_frozen_refuses_a_lockfile_whose_versions_do_not_fit(shop: Workshop, installed: None) -> None:
    shop.replace(LOCKFILE, '"range": "^1.0.0"', '"range": "^1.1.0"')

    with pytest.raises(LockfileOutdated):
        shop.plan(is_frozen=True)


def test_frozen_leaves_edits_alone(shop: Workshop, installed: None) -> None:
    shop.write(f"{PLUGINS}/auth/index.ts", "// mine\n")
    shutil.rmtree(shop.file("users"))

    plan = shop.plan(is_frozen=True)
    shop.carry_out(plan)

    assert kinds(plan) == {"users": "install"}
    assert shop.read(f"{PLUGINS}/auth/index.ts") == "// mine\n"


def test_frozen_in_a_project_without_a_lockfile_does_nothing(shop: Workshop) -> None:
    plan = shop.plan(is_frozen=True)

    assert plan.is_empty


def test_frozen_says_nothing_is_to_do_with_status_zero(
    shop: Workshop, installed: None, cli: Callable[..., Any]
) -> None:
    assert cli("install --frozen --yes --no-npm").status == 0
    shutil.rmtree(shop.file("users"))
    assert cli("install --frozen --yes --no-npm").status == 0
    assert shop.file("users/index.ts").exists()
    assert cli("install auth@2 --frozen --yes --no-npm").status == 1


# --prune


@pytest.fixture
def orphaned(shop: Workshop, installed: None, publish: Callable[..., Any]) -> None:
    """`auth` is gone and left `users` behind; `mail` stays."""
    publish("mail")
    shop.apply("mail")
    shop.apply(uninstall=("auth",))
    assert shop.versions == {"mail": "1.0.0", "users": "1.0.0"}


def test_prune_alone_takes_what_nothing_needs(shop: Workshop, orphaned: None) -> None:
    plan = shop.plan(with_orphans=True)

    assert kinds(plan) == {"users": "remove"}


def test_prune_takes_along_with_an_install_and_an_update(
    shop: Workshop, orphaned: None, publish: Callable[..., Any]
) -> None:
    publish("search")
    publish("mail", "1.1.0")

    assert kinds(shop.plan("search", with_orphans=True)) == {"search": "install", "users": "remove"}
    assert kinds(shop.plan(is_update_of_all=True, with_orphans=True)) == {"mail": "update", "users": "remove"}


def test_prune_takes_what_a_release_no_longer_needs(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("users")
    publish("auth", "1.0.0", needs={"users": "*"})
    shop.apply("auth")
    publish("auth", "1.1.0")

    plan = shop.plan(update=("auth",))
    assert kinds(plan) == {"auth": "update"}
    assert told(plan, "orphans") == ["nothing needs `users` any more"]
    assert kinds(shop.plan(update=("auth",), with_orphans=True)) == {"auth": "update", "users": "remove"}


def test_what_a_new_plugin_needs_is_no_orphan_and_does_not_move(
    shop: Workshop, orphaned: None, publish: Callable[..., Any]
) -> None:
    """`users` 1.1.0 is there; nobody asked for it to move."""
    publish("search", needs={"users": "^1.0.0"})

    plan = shop.plan("search", with_orphans=True)

    assert kinds(plan) == {"search": "install"}
    assert chosen(plan)["users"] == "1.0.0"
    assert told(plan, "orphans") == []


def test_an_exchange_does_not_call_orphan_what_the_newcomer_needs(
    shop: Workshop, installed: None, publish: Callable[..., Any]
) -> None:
    publish("login", needs={"users": "^1.0.0"})

    plan = shop.plan("login", uninstall=("auth",))
    pruned = shop.plan("login", uninstall=("auth",), with_orphans=True)

    assert kinds(plan) == kinds(pruned) == {"auth": "remove", "login": "install"}
    assert told(plan, "orphans") == []
    assert chosen(pruned) == {"login": "1.0.0", "users": "1.0.0"}


def test_prune_also_brings_what_the_lockfile_lacks(
    shop: Workshop, orphaned: None, publish: Callable[..., Any]
) -> None:
    publish("crypto")
    publish("search", needs={"crypto": "*"})
    shop.apply("search")
    shop.apply(uninstall=("crypto",), is_forced=True)

    assert kinds(shop.plan(with_orphans=True)) == {"crypto": "install", "users": "remove"}


def test_a_circle_that_nobody_asked_for_is_pruned_whole(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("left", needs={"right": "*"})
    publish("right", needs={"left": "*"})
    publish("top", needs={"left": "*"})
    shop.apply("top")

    plan = shop.plan(uninstall=("top",), with_orphans=True)

    assert kinds(plan) == dict.fromkeys(("left", "right", "top"), "remove")


# --latest


def test_latest_goes_beyond_the_ranges_and_writes_only_those_it_left(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    for name in ("auth", "mail", "search"):
        publish(name, "1.0.0")
    shop.apply("auth", "mail@>=1", "search@1.0.0")
    for name in ("auth", "mail", "search"):
        publish(name, "2.0.0")

    plan = shop.plan(is_update_of_all=True, is_latest=True)

    assert chosen(plan) == {"auth": "2.0.0", "mail": "2.0.0", "search": "2.0.0"}
    ranges = {name: plugin.range for name, plugin in plan.lockfile.plugins.items()}
    assert ranges == {"auth": "^2.0.0", "mail": ">=1", "search": "^2.0.0"}


def test_latest_of_one_leaves_the_others_and_their_ranges(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    for name in ("auth", "mail"):
        publish(name, "1.0.0")
    shop.apply("auth", "mail")
    for name in ("auth", "mail"):
        publish(name, "1.1.0")
        publish(name, "2.0.0")

    plan = shop.plan(update=("auth",), is_latest=True)

    assert chosen(plan) == {"auth": "2.0.0", "mail": "1.0.0"}
    ranges = {name: plugin.range for name, plugin in plan.lockfile.plugins.items()}
    assert ranges == {"auth": "^2.0.0", "mail": "^1.0.0"}


def test_latest_stays_within_what_other_plugins_allow(shop: Workshop, installed: None) -> None:
    plan = shop.plan(is_update_of_all=True, is_latest=True)

    assert chosen(plan) == {"auth": "2.0.0", "users": "1.1.0"}
    assert plan.lockfile.plugins["users"].range is None


def test_latest_takes_no_prerelease(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    publish("auth", "2.0.0-beta.1")

    assert shop.plan(is_update_of_all=True, is_latest=True).is_empty


# Lowest.


def test_lowest_takes_the_oldest_release_of_every_range(shop: Workshop, publish: Callable[..., Any]) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        publish("users", version)
        publish("auth", version, needs={"users": "^1.1.0"})

    plan = shop.plan("auth@^1.1.0", is_lowest=True)

    assert chosen(plan) == {"auth": "1.1.0", "users": "1.1.0"}


def test_lowest_moves_what_is_installed_and_lists_every_downgrade(shop: Workshop, installed: None) -> None:
    shop.apply(is_update_of_all=True)

    plan = shop.plan(is_lowest=True)

    assert kinds(plan) == {"auth": "downgrade", "users": "downgrade"}
    assert told(plan, "downgrade") == [
        "`auth` goes back from 1.1.0 to 1.0.0",
        "`users` goes back from 1.1.0 to 1.0.0",
    ]


# As few changes as can be.


def test_an_install_moves_nothing_it_need_not(
    shop: Workshop, installed: None, publish: Callable[..., Any]
) -> None:
    publish("login", needs={"users": "*"})

    assert kinds(shop.plan("login")) == {"login": "install"}


def test_an_update_of_one_moves_another_only_as_far_as_it_must(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("users", "1.0.0")
    publish("mail", "1.0.0", needs={"users": "^1.0.0"})
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    shop.apply("auth", "mail")
    for version in ("1.1.0", "1.2.0"):
        publish("users", version)
    publish("mail", "1.1.0", needs={"users": "^1.0.0"})
    publish("auth", "1.1.0", needs={"users": "^1.1.0"})

    plan = shop.plan(update=("auth",))

    assert set(kinds(plan)) == {"auth", "users"}
    assert chosen(plan)["mail"] == "1.0.0"


def test_a_downgrade_that_an_update_needs_is_told_on_its_own_line(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish("users", version)
    publish("auth", "1.0.0", needs={"users": "*"})
    shop.apply("auth")
    publish("auth", "1.1.0", needs={"users": "1.0.0"})

    plan = shop.plan(update=("auth",))

    assert kinds(plan) == {"auth": "update", "users": "downgrade"}
    assert told(plan, "downgrade") == ["`users` goes back from 1.1.0 to 1.0.0"]


# Deprecated and yanked.


def deprecate(registry: Registry, owner: Caller, name: str, version: str) -> None:
    update = PluginUpdate(deprecation=Deprecation(version=version, message="use login"))
    lifecycle.update_plugin(registry, owner, name, update)


def test_an_update_passes_a_deprecated_release_over_and_says_so(
    shop: Workshop, publish: Callable[..., Any], registry: Registry, owner: Caller
) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    for version in ("1.1.0", "1.2.0"):
        publish("auth", version)
    deprecate(registry, owner, "auth", "1.2.0")

    plan = shop.plan(update=("auth",))

    assert chosen(plan) == {"auth": "1.1.0"}
    (sentence,) = told(plan, "deprecated-skipped")
    assert sentence.startswith("`auth` 1.2.0 ")
    assert sentence.endswith(", using 1.1.0")


def test_a_locked_deprecated_release_stays_with_a_warning(
    shop: Workshop, publish: Callable[..., Any], registry: Registry, owner: Caller
) -> None:
    publish("auth", "1.0.0")
    publish("mail")
    shop.apply("auth")
    deprecate(registry, owner, "auth", "1.0.0")

    plan = shop.plan("mail")

    assert chosen(plan) == {"auth": "1.0.0", "mail": "1.0.0"}
    assert told(plan, "deprecated") == ["`auth` 1.0.0 is deprecated: use login"]


def test_only_deprecated_releases_are_refused_with_the_way_to_take_one(
    shop: Workshop, publish: Callable[..., Any], registry: Registry, owner: Caller
) -> None:
    publish("auth", "1.0.0")
    deprecate(registry, owner, "auth", "1.0.0")

    with pytest.raises(ResolutionFailed) as caught:
        shop.plan("auth")

    assert "donkeytui install auth@1.0.0" in caught.value.problem.hint
    assert chosen(shop.plan("auth@1.0.0")) == {"auth": "1.0.0"}


# What stays though nothing needs it.


def test_an_orphan_gives_way_to_what_a_new_plugin_needs(
    shop: Workshop, orphaned: None, publish: Callable[..., Any]
) -> None:
    publish("search", needs={"users": "^1.1.0"})

    assert kinds(shop.plan("search")) == {"search": "install", "users": "update"}


def test_an_orphan_stays_where_it_is_until_an_update_names_it(shop: Workshop, orphaned: None) -> None:
    assert shop.plan(is_update_of_all=True).is_empty
    plan = shop.plan(update=("users",))

    assert chosen(plan) == {"mail": "1.0.0", "users": "2.0.0"}
    assert plan.lockfile.plugins["users"].range is None
    assert {step.name: step.why for step in plan.steps} == {"mail": ("you",), "users": ()}


def test_an_orphan_that_fits_no_more_goes_and_the_plan_says_so(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("crypto", "1.0.0")
    publish("users", needs={"crypto": "^1.0.0"})
    publish("auth", needs={"users": "*"})
    shop.apply("auth")
    shop.apply(uninstall=("auth",))
    publish("crypto", "2.0.0")

    plan = shop.plan("crypto@^2.0.0")

    assert kinds(plan) == {"crypto": "update", "users": "remove"}


# The request itself.


def test_two_ranges_of_one_plugin_are_refused(shop: Workshop, publish: Callable[..., Any]) -> None:
    """The last one winning would be an answer to another question."""
    for version in ("1.0.0", "2.0.0"):
        publish("auth", version)

    with pytest.raises(InvalidRange, match="`auth` is asked for twice") as caught:
        shop.plan("auth@^1.0.0", "auth@^2.0.0")

    assert caught.value.problem.detail == "as `^1.0.0` and as `^2.0.0`"
    assert chosen(shop.plan("auth", "auth")) == {"auth": "2.0.0"}


def test_the_title_of_a_change_is_what_a_command_would_say() -> None:
    titles = {
        Changes(): "install",
        Changes(install=("auth@^1", "mail")): "install auth@^1 mail",
        Changes(update=("auth",), uninstall=("mail",)): "uninstall mail, update auth",
        Changes(is_update_of_all=True): "update",
        Changes(pin=("auth",)): "pin auth",
        Changes(unpin=("auth",)): "unpin auth",
    }

    assert {changes.title: title for changes, title in titles.items()} == {t: t for t in titles.values()}


def test_latest_behind_a_name_goes_beyond_the_range_of_the_lockfile(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    publish("auth", "2.0.0")

    assert chosen(shop.plan("auth")) == {"auth": "1.0.0"}
    plan = shop.plan("auth@latest")

    assert chosen(plan) == {"auth": "2.0.0"}
    assert plan.lockfile.plugins["auth"].range == "^2.0.0"


def test_a_locked_install_may_not_change_npm_packages_either(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", npm={"jose": "^6.0.0"})
    shop.apply("auth")
    path = shop.root / "donkeylabs-lock.json"
    document = json.loads(path.read_text())
    del document["npm"]
    path.write_text(json.dumps(document))
    shutil.rmtree(shop.root / PLUGINS / "auth")
    (shop.root / "package.json").write_text('{"name": "shop", "dependencies": {"jose": "*"}}')

    with pytest.raises(LockfileOutdated, match="would change"):
        shop.plan(is_locked=True)
