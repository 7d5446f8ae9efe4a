"""One plan for everything asked: what is chosen, what stays, what is refused, and what then lies on disk."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from donkeytui.embedded import EmbeddedTransport
from donkeytui.events import Event, Notice
from donkeytui.install.plan import InstallPlan
from donkeytui.operations.apply import InstallReport, apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.operations.installed import InstalledList, list_installed
from donkeytui.problems import (
    FolderTaken,
    LockfileInvalid,
    NotAProject,
    NotInstalled,
    OfflineMissing,
    PluginNeeded,
    ResolutionFailed,
)
from donkeytui.project.lockfile import Lockfile, parse_lockfile, render_lockfile
from donkeytui.settings import RegistryEntry
from registry_server.contract.problems import (
    IntegrityMismatch,
    InvalidName,
    InvalidRange,
    PluginNotFound,
    ProblemError,
)
from registry_server.contract.wire import Deprecation, PluginUpdate
from registry_server.http.app import build_app
from registry_server.operations import lifecycle
from registry_server.operations.accounts import Caller, local_caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.registry import Registry, open_registry
from tests.support.builders import FixedClock, package, tree, write_project
from tests.support.faults import CountingDisk, FaultyTransport, Killed, StopAfter

PLUGINS = "src/server/plugins"
OTHER = RegistryEntry("other", "http://registry.invalid")


class Shop:
    """A project and what the tests do to it; every call is a session of its own, as on the command line."""

    def __init__(self, root: Path, in_session: Callable[..., Any]) -> None:
        self.root = root
        self.in_session = in_session

    def plan(self, *install: str, settings: dict[str, Any] | None = None, **changes: Any) -> InstallPlan:
        wanted = Changes(install=install, **changes)
        options = {"project_start": self.root, **(settings or {})}
        plan: InstallPlan = self.in_session(lambda session: plan_changes(session, wanted), **options)
        return plan

    def apply(self, *install: str, settings: dict[str, Any] | None = None, **changes: Any) -> InstallReport:
        async def operation(session: Any) -> InstallReport:
            return await apply_plan(session, await plan_changes(session, Changes(install=install, **changes)))

        options = {"project_start": self.root, **(settings or {})}
        report: InstallReport = self.in_session(operation, **options)
        return report

    def installed(self) -> InstalledList:
        found: InstalledList = self.in_session(list_installed, project_start=self.root)
        return found

    @property
    def lockfile(self) -> Lockfile:
        return parse_lockfile((self.root / "donkeylabs-lock.json").read_text())

    @property
    def versions(self) -> dict[str, str]:
        return self.lockfile.versions


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any]) -> Shop:
    return Shop(project, in_session)


def chosen(plan: InstallPlan) -> dict[str, str]:
    """Name -> version afterwards."""
    return {step.name: step.after for step in plan.steps if step.after}


def kinds(plan: InstallPlan) -> dict[str, str]:
    return {step.name: step.kind for step in plan.changes}


def codes(plan: InstallPlan) -> list[str]:
    """But that nothing is signed, which every install says."""
    return [notice.code for notice in plan.notices if notice.code != "unsigned"]


# What a request chooses, and what the lockfile remembers of it.


CHOICES = (
    ("auth", "2.1.0", "^2.1.0"),
    ("auth@1.0.0", "1.0.0", "1.0.0"),
    ("auth@=1.0.0", "1.0.0", "1.0.0"),
    ("auth@^1.0.0", "1.2.0", "^1.0.0"),
    ("auth@<2", "1.2.0", "<2"),
    ("auth@3.0.0-beta.1", "3.0.0-beta.1", "3.0.0-beta.1"),
    ("auth@^3.0.0-beta", "3.0.0-beta.1", "^3.0.0-beta"),
)


def test_the_newest_release_in_the_range_is_chosen_and_the_range_kept(
    shop: Shop, publish: Callable[..., Any]
) -> None:
    for version in ("1.0.0", "1.2.0", "2.1.0", "3.0.0-beta.1"):
        publish("auth", version)

    plans = {asked: shop.plan(asked) for asked, _, _ in CHOICES}

    assert {asked: (chosen(plan), plan.lockfile.plugins["auth"].range) for asked, plan in plans.items()} == {
        asked: ({"auth": version}, saved) for asked, version, saved in CHOICES
    }


def test_what_only_others_need_has_no_range_of_its_own(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("users")
    publish("auth", needs={"users": "^1.0.0"})

    plan = shop.plan("auth")

    assert {step.name: step.why for step in plan.steps} == {"auth": ("you",), "users": ("auth",)}
    assert plan.lockfile.plugins["users"].range is None
    assert plan.lockfile.plugins["auth"].dependencies == {"users": "^1.0.0"}


def test_asking_for_what_others_brought_in_makes_it_ones_own(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("users")
    publish("auth", needs={"users": "^1.0.0"})
    shop.apply("auth")

    plan = shop.plan("users")

    assert plan.changes == ()
    assert plan.lockfile.plugins["users"].range == "^1.0.0"
    assert next(step for step in plan.steps if step.name == "users").why == ("you", "auth")


def test_a_bare_name_that_is_installed_stays_where_it_is(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth@^1.0.0")
    publish("auth", "1.1.0")

    assert shop.plan("auth", settings={"stale_after_seconds": -1}).is_empty


def test_a_range_by_name_moves_what_is_installed(shop: Shop, publish: Callable[..., Any]) -> None:
    for version in ("1.0.0", "2.0.0"):
        publish("auth", version)
    shop.apply("auth@^1.0.0")

    assert kinds(shop.plan("auth@^2.0.0")) == {"auth": "update"}
    shop.apply("auth@2.0.0")
    assert kinds(shop.plan("auth@^1.0.0")) == {"auth": "downgrade"}


def test_a_deprecated_release_is_taken_only_when_named_exactly(
    shop: Shop, publish: Callable[..., Any], registry: Registry, owner: Caller
) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish("auth", version)
    deprecate(registry, owner, "auth", "1.1.0")

    assert chosen(shop.plan("auth@^1.0.0")) == {"auth": "1.0.0"}
    plan = shop.plan("auth@1.1.0")
    assert chosen(plan) == {"auth": "1.1.0"}
    assert codes(plan) == ["deprecated"]


def deprecate(registry: Registry, owner: Caller, name: str, version: str) -> None:
    update = PluginUpdate(deprecation=Deprecation(version=version, message="use another"))
    lifecycle.update_plugin(registry, owner, name, update)


def test_a_yanked_release_stays_where_it_is_locked_and_is_chosen_nowhere_else(
    shop: Shop, publish: Callable[..., Any], registry: Registry, owner: Caller, tmp_path: Path
) -> None:
    publish("auth", "1.0.0")
    publish("auth", "1.1.0")
    publish("mail")
    shop.apply("auth")
    lifecycle.yank(registry, owner, "auth", "1.1.0", reason="leaks keys")
    newcomer = Shop(write_project(tmp_path / "newcomer"), shop.in_session)

    plan = shop.plan("mail", settings={"stale_after_seconds": -1})
    assert chosen(plan) == {"auth": "1.1.0", "mail": "1.0.0"}
    assert codes(plan) == ["yanked"]
    assert chosen(newcomer.plan("auth")) == {"auth": "1.0.0"}
    with pytest.raises(ResolutionFailed) as caught:
        newcomer.plan("auth@1.1.0")
    assert "was withdrawn by its author" in caught.value.problem.detail


def test_prereleases_are_chosen_only_when_asked_for(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0-beta.1")

    with pytest.raises(ResolutionFailed):
        shop.plan("auth@^1.0.0")
    assert chosen(shop.plan("auth@^1.0.0-beta")) == {"auth": "1.0.0-beta.1"}


# Updates.


def test_an_update_moves_everything_within_its_range(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    shop.apply("auth")
    for name, version in (("users", "1.3.0"), ("users", "2.0.0"), ("auth", "2.0.0")):
        publish(name, version)
    publish("auth", "1.1.0", needs={"users": "^1.0.0"})

    plan = shop.plan(is_update_of_all=True, settings={"stale_after_seconds": -1})

    assert chosen(plan) == {"auth": "1.1.0", "users": "1.3.0"}
    assert set(kinds(plan).values()) == {"update"}
    assert plan.lockfile.plugins["auth"].range == "^1.0.0"


def test_an_update_by_name_leaves_the_others_where_they_are(shop: Shop, publish: Callable[..., Any]) -> None:
    for name in ("auth", "mail"):
        publish(name, "1.0.0")
    shop.apply("auth", "mail")
    for name in ("auth", "mail"):
        publish(name, "1.1.0")

    plan = shop.plan(update=("auth",), settings={"stale_after_seconds": -1})

    assert chosen(plan) == {"auth": "1.1.0", "mail": "1.0.0"}


def test_an_update_with_nothing_newer_is_empty(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("auth")
    shop.apply("auth")

    assert shop.plan(is_update_of_all=True).is_empty


def test_an_exact_request_is_not_moved_by_an_update(shop: Shop, publish: Callable[..., Any]) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish("auth", version)
    shop.apply("auth@1.0.0")

    assert shop.plan(is_update_of_all=True).is_empty


def test_an_update_leaves_a_yanked_release(
    shop: Shop, publish: Callable[..., Any], registry: Registry, owner: Caller
) -> None:
    publish("auth", "1.0.0")
    publish("auth", "1.1.0")
    shop.apply("auth@^1.0.0")
    lifecycle.yank(registry, owner, "auth", "1.1.0")

    assert chosen(shop.plan(update=("auth",), settings={"stale_after_seconds": -1})) == {"auth": "1.0.0"}


# Removals.


def test_what_others_need_cannot_be_removed_alone(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("users")
    publish("auth", needs={"users": "^1.0.0"})
    publish("mail", needs={"users": "^1.0.0"})
    shop.apply("auth", "mail", "users")

    with pytest.raises(PluginNeeded) as caught:
        shop.plan(uninstall=("users",))
    assert str(caught.value) == "`users` cannot be uninstalled: `auth` 1.0.0 and `mail` 1.0.0 need it"
    assert caught.value.problem.hint.startswith("donkeytui uninstall users auth mail")

    assert kinds(shop.plan(uninstall=("users", "auth", "mail"))) == dict.fromkeys(
        ("users", "auth", "mail"), "remove"
    )
    assert kinds(shop.plan(uninstall=("users",), is_forced=True)) == {"users": "remove"}


def test_orphans_are_kept_and_named_unless_they_are_pruned(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("crypto")
    publish("users", needs={"crypto": "*"})
    publish("auth", needs={"users": "^1.0.0"})
    publish("mail", needs={"crypto": "*"})
    shop.apply("auth", "mail")

    plan = shop.plan(uninstall=("auth",))
    assert kinds(plan) == {"auth": "remove"}
    assert [notice.text for notice in plan.notices if notice.code == "orphans"] == [
        "nothing needs `users` any more"
    ]

    pruned = shop.plan(uninstall=("auth",), with_orphans=True)
    assert kinds(pruned) == {"auth": "remove", "users": "remove"}
    assert "orphans" not in codes(pruned)


def test_an_orphan_that_was_kept_stays_until_it_is_pruned(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("users")
    publish("auth", needs={"users": "^1.0.0"})
    publish("mail")
    shop.apply("auth", "mail")
    shop.apply(uninstall=("auth",))
    assert set(shop.versions) == {"users", "mail"}

    assert shop.plan(is_update_of_all=True).is_empty
    assert kinds(shop.plan(uninstall=("mail",), with_orphans=True)) == {"mail": "remove", "users": "remove"}


def test_what_was_asked_for_is_no_orphan(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("users")
    publish("auth", needs={"users": "^1.0.0"})
    shop.apply("auth", "users")

    assert kinds(shop.plan(uninstall=("auth",), with_orphans=True)) == {"auth": "remove"}


def test_a_removal_needs_neither_registry_nor_catalogue(
    shop: Shop, publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("auth")
    publish("mail")
    shop.apply("auth", "mail")
    shutil.rmtree(tmp_path / "cache")
    transport = FaultyTransport(unreachable(), suffix="")
    settings = {"registry": OTHER, "registries": (OTHER,), "transport": transport}

    report = shop.apply(uninstall=("auth",), settings=settings)

    assert [(step.kind, step.name) for step in report.changes] == [("remove", "auth")]
    assert [notice.code for notice in report.notices] == ["tables-stay"]
    assert transport.requests == []
    assert set(shop.versions) == {"mail"}
    assert not [path for path in tree(shop.root) if path.startswith(f"{PLUGINS}/auth/")]


def unreachable() -> httpx.MockTransport:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    return httpx.MockTransport(refuse)


@pytest.mark.parametrize("changes", [{"uninstall": ("uesrs",)}, {"update": ("uesrs",)}])
def test_what_is_not_installed_is_named_with_its_neighbours(
    shop: Shop, publish: Callable[..., Any], changes: dict[str, Any]
) -> None:
    publish("users")
    shop.apply("users")

    with pytest.raises(NotInstalled, match="`uesrs` is not installed") as caught:
        shop.plan(**changes)
    assert caught.value.problem.detail == "near it: users"


# Everything at once.


def test_an_install_a_removal_and_an_update_are_one_plan(shop: Shop, publish: Callable[..., Any]) -> None:
    for name in ("users", "stale", "kept"):
        publish(name, "1.0.0")
    shop.apply("users", "stale", "kept")
    publish("users", "1.1.0")
    publish("kept", "1.1.0")
    publish("auth", needs={"users": "^1.1.0"})

    settings = {"stale_after_seconds": -1}
    report = shop.apply("auth", uninstall=("stale",), update=("users",), settings=settings)

    assert [(step.kind, step.name, step.before, step.after) for step in report.changes] == [
        ("install", "auth", "", "1.0.0"),
        ("remove", "stale", "1.0.0", ""),
        ("update", "users", "1.0.0", "1.1.0"),
    ]
    assert shop.versions == {"auth": "1.0.0", "kept": "1.0.0", "users": "1.1.0"}
    folders = {path.split("/")[3] for path in tree(shop.root) if path.startswith(f"{PLUGINS}/")}
    assert folders == {"auth", "kept", "users"}


def test_a_locked_plugin_moves_when_a_new_one_needs_it_to(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("users", "1.0.0")
    shop.apply("users@^1.0.0")
    publish("users", "1.2.0")
    publish("auth", needs={"users": "^1.1.0"})

    assert chosen(shop.plan("auth", settings={"stale_after_seconds": -1})) == {
        "auth": "1.0.0",
        "users": "1.2.0",
    }


# What lies on disk afterwards.


def test_only_what_belongs_into_a_project_is_installed(shop: Shop, publish: Callable[..., Any]) -> None:
    manifest = '{"name": "auth", "version": "1.0.0"}'
    publish("auth", extra={"manifest.json": manifest, "migrations/001_auth.ts": "export const up = 1;\n"})

    shop.apply("auth")

    files = {path.removeprefix(f"{PLUGINS}/auth/") for path in tree(shop.root) if "/auth/" in path}
    assert files == {"index.ts", "README.md", "LICENSE", "migrations/001_auth.ts"}


def test_the_lockfile_makes_the_same_project_elsewhere(
    shop: Shop, publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("users", "1.0.0")
    publish("auth", needs={"users": "^1.0.0"}, npm={"jose": "^6.0.0"})
    shop.apply("auth")
    publish("users", "1.1.0")
    before = tree(shop.root)
    clone = Shop(tmp_path / "clone", shop.in_session)
    shutil.copytree(shop.root, clone.root, ignore=shutil.ignore_patterns("plugins", ".donkeylabs"))
    shutil.rmtree(tmp_path / "cache")

    plan = clone.plan()
    assert chosen(plan) == {"auth": "1.0.0", "users": "1.0.0"}
    assert (plan.edits, codes(plan)) == ((), [])
    assert all(download.size_bytes < 10_000 for download in plan.downloads)
    clone.apply()

    assert tree(clone.root) == before
    assert clone.plan().is_empty


def test_a_second_clone_needs_no_registry_when_the_cache_has_everything(
    shop: Shop, publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("auth")
    shop.apply("auth")
    clone = Shop(tmp_path / "clone", shop.in_session)
    shutil.copytree(shop.root, clone.root, ignore=shutil.ignore_patterns("plugins", ".donkeylabs"))

    offline = {"registry": OTHER, "registries": (OTHER,), "is_offline": True}
    report = clone.apply(settings=offline)

    assert [notice.code for notice in report.notices] == ["unsigned"]
    assert tree(clone.root) == tree(shop.root)


def test_what_is_neither_in_the_cache_nor_to_be_had_is_named(
    shop: Shop, publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("auth")
    shop.apply("auth")
    shutil.rmtree(shop.root / PLUGINS)
    shutil.rmtree(tmp_path / "cache")

    offline = {"registry": OTHER, "registries": (OTHER,), "is_offline": True}
    with pytest.raises(OfflineMissing, match=r"`auth` 1\.0\.0 is not on this machine"):
        shop.apply(settings=offline)
    with pytest.raises(OfflineMissing, match="no catalogue"):
        shop.plan("mail", settings=offline)


def test_the_address_in_a_lockfile_is_never_asked(
    shop: Shop, publish: Callable[..., Any], registry: Registry
) -> None:
    publish("auth")
    shop.apply("auth")
    shutil.rmtree(shop.root / PLUGINS)
    shutil.rmtree(shop.root.parent / "cache")
    path = shop.root / "donkeylabs-lock.json"
    path.write_text(path.read_text().replace("embedded:/api", "http://evil.invalid/api"))
    transport = FaultyTransport(EmbeddedTransport(build_app(registry, is_local=True)))

    shop.apply(settings={"registry": OTHER, "registries": (OTHER,), "transport": transport})

    assert (shop.root / PLUGINS / "auth" / "index.ts").exists()
    assert transport.requests[-1] == "/api/plugins/auth/1.0.0/download"
    assert shop.lockfile.plugins["auth"].resolved.startswith("http://evil.invalid/")


def test_next_steps_tell_what_to_register_dependencies_first(shop: Shop, publish: Callable[..., Any]) -> None:
    manifest = (
        '{"name": "auth", "version": "1.0.0", "envVars": [{"name": "AUTH_KEY"}], "instructions": ["Ask."]}'
    )
    publish("users")
    publish(
        "auth",
        needs={"users": "*"},
        npm={"jose": "^6.0.0"},
        is_factory=True,
        extra={"manifest.json": manifest},
    )

    steps = shop.apply("auth").next_steps

    assert steps.entry == "src/server/index.ts"
    assert [line.import_line for line in steps.registrations] == [
        'import { usersPlugin } from "./plugins/users";',
        'import { authPlugin } from "./plugins/auth";',
    ]
    assert [line.register_line for line in steps.registrations] == [
        "server.registerPlugin(usersPlugin);",
        "server.registerPlugin(authPlugin({ /* config */ }));",
    ]
    assert steps.env_vars == ("AUTH_KEY",)
    assert steps.instructions == ("Ask.",)
    assert steps.npm_command == "bun install"
    assert steps.commands == ("bunx donkeylabs generate",)


@pytest.mark.parametrize(
    ("lock", "command"),
    [("bun.lock", "bun install"), ("package-lock.json", "npm install"), ("pnpm-lock.yaml", "pnpm install")],
)
def test_the_command_for_npm_packages_is_that_of_the_project(
    shop: Shop, publish: Callable[..., Any], lock: str, command: str
) -> None:
    publish("auth", npm={"jose": "^6.0.0"})
    (shop.root / lock).write_text("")

    assert shop.apply("auth").next_steps.npm_command == command


def test_a_project_without_package_json_gets_its_plugin_and_a_notice(
    shop: Shop, publish: Callable[..., Any]
) -> None:
    publish("auth", npm={"jose": "^6.0.0"})
    (shop.root / "package.json").unlink()

    report = shop.apply("auth")

    assert [notice.code for notice in report.notices] == ["package-json-missing", "unsigned"]
    assert not (shop.root / "package.json").exists()
    assert (shop.root / PLUGINS / "auth" / "index.ts").exists()


# What the registry no longer says, or says otherwise.


@pytest.fixture
def another_registry(tmp_path: Path, clock: FixedClock) -> Any:
    """A registry besides the embedded one: publish into it, and settings that use it."""
    registry = open_registry(tmp_path / "another", clock)
    transport = EmbeddedTransport(build_app(registry, is_local=True))

    class Another:
        settings = {"registry": OTHER, "registries": (OTHER,), "transport": transport}

        def publish(self, name: str, version: str = "1.0.0", **options: Any) -> None:
            publish_operation(registry, local_caller(registry), package(name, version, **options))

    yield Another()
    registry.close()


def test_a_locked_release_that_the_registry_lost_stays(
    shop: Shop, publish: Callable[..., Any], another_registry: Any
) -> None:
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    shop.apply("auth")
    another_registry.publish("users", "1.5.0")
    another_registry.publish("mail", needs={"users": "*"})

    plan = shop.plan("mail", settings=another_registry.settings)

    assert chosen(plan) == {"auth": "1.0.0", "mail": "1.0.0", "users": "1.0.0"}
    assert {notice.text for notice in plan.notices if notice.code == "yanked"} == {
        f"`{name}` 1.0.0 was yanked: the registry in use does not have it" for name in ("auth", "users")
    }
    moved = shop.plan(update=("users",), settings=another_registry.settings)
    assert chosen(moved)["users"] == "1.5.0"


def test_a_lost_release_is_never_chosen_anew(
    shop: Shop, publish: Callable[..., Any], another_registry: Any
) -> None:
    """A lockfile of a stranger that names a release nobody has brings it nowhere but where it stands."""
    publish("users", "9.0.0")
    shop.apply("users")
    another_registry.publish("users", "1.0.0")

    with pytest.raises(ResolutionFailed):
        shop.plan("users@^8.0.0", settings=another_registry.settings)


def test_other_bytes_than_the_lockfile_has_are_refused(
    shop: Shop, publish: Callable[..., Any], another_registry: Any
) -> None:
    publish("auth")
    publish("mail")
    shop.apply("auth")
    another_registry.publish("auth", description="The same version, another text.")
    another_registry.publish("mail")
    settings = another_registry.settings

    for changes in ({"install": ("mail",)}, {"is_update_of_all": True}):
        with pytest.raises(IntegrityMismatch, match=r"other bytes for `auth` 1\.0\.0") as caught:
            shop.plan(*changes.pop("install", ()), settings=settings, **changes)  # type: ignore[arg-type]
        assert caught.value.exit_status == 4
    shutil.rmtree(shop.root / PLUGINS)
    with pytest.raises(IntegrityMismatch):
        shop.plan(settings=settings)


def test_a_package_that_is_not_what_its_name_says_is_never_staged(
    shop: Shop, publish: Callable[..., Any]
) -> None:
    """As when a lockfile gives a name the bytes of another plugin, which are in the cache."""
    publish("auth")
    publish("mail")
    shop.apply("auth", "mail")
    lockfile = shop.lockfile
    swapped = msgspec.structs.replace(
        lockfile.plugins["auth"], integrity=lockfile.plugins["mail"].integrity, tree=""
    )
    clone = write_project(shop.root.parent / "clone")
    text = render_lockfile(Lockfile(plugins={"auth": swapped}))
    (clone / "donkeylabs-lock.json").write_text(text)
    before = tree(clone)

    offline = {"registry": OTHER, "registries": (OTHER,), "is_offline": True}
    with pytest.raises(ProblemError, match="not what it should be") as caught:
        Shop(clone, shop.in_session).apply(settings=offline)

    assert caught.value.exit_status == 4
    assert tree(clone) == before


# What the project runs on.


def framework(root: Path, text: str) -> None:
    path = root / "node_modules" / "@donkeylabs" / "server" / "package.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_releases_for_another_framework_are_passed_over(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0", framework=">=2.0.0 <3")
    publish("auth", "2.0.0", framework=">=3.0.0")
    framework(shop.root, '{"version": "2.5.1"}')

    assert chosen(shop.plan("auth")) == {"auth": "1.0.0"}
    with pytest.raises(ResolutionFailed) as caught:
        shop.plan("auth@^2.0.0")
    assert "`auth` 2.0.0 needs @donkeylabs/server >=3.0.0, and this project has 2.5.1" in (
        caught.value.problem.detail
    )


def test_a_framework_nobody_knows_is_no_conflict(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("auth", framework=">=99.0.0")
    assert chosen(shop.plan("auth")) == {"auth": "1.0.0"}

    framework(shop.root, '{"version": "latest"}')
    assert chosen(shop.plan("auth")) == {"auth": "1.0.0"}


# Refusals.


def test_a_conflict_names_the_chain_from_the_project_outwards(
    shop: Shop, publish: Callable[..., Any]
) -> None:
    publish("users", "1.0.0")
    publish("users", "2.0.0")
    publish("auth", "1.0.0", needs={"users": "^2.0.0"})
    shop.apply("users@^1.0.0")
    before = tree(shop.root)

    with pytest.raises(ResolutionFailed) as caught:
        shop.plan("auth")

    problem = caught.value.problem
    assert problem.title == "`auth` and `users ^1.0.0` do not fit together"
    assert problem.detail.split("\n") == [
        "1. you asked for `auth`",
        "2. the lockfile has `users ^1.0.0`",
        "3. `auth` 1.0.0 needs `users ^2.0.0`",
    ]
    assert problem.hint.splitlines() == [
        "one of these works:",
        "donkeytui install auth 'users@^2.0.0'   `users` ^2.0.0 brings users 2.0.0, auth 1.0.0",
    ]
    assert tree(shop.root) == before


def test_an_unknown_plugin_is_named_with_its_neighbours(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("auth-jwt")

    with pytest.raises(PluginNotFound, match="there is no plugin `auht-jwt`") as caught:
        shop.plan("auht-jwt")
    assert caught.value.problem.hint == "donkeytui info auth-jwt"
    with pytest.raises(PluginNotFound) as caught:
        shop.plan("authJwt")
    assert caught.value.problem.detail == "near it: auth-jwt"


def test_a_request_that_is_none_is_refused(shop: Shop) -> None:
    for asked in ("../auth", "", "a\x1b[2J"):
        with pytest.raises(InvalidName):
            shop.plan(asked)
    with pytest.raises(InvalidRange):
        shop.plan("auth@banana")


def test_outside_of_a_project_nothing_is_planned(shop: Shop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    with pytest.raises(NotAProject, match="no DonkeyLabs project here"):
        Shop(elsewhere, shop.in_session).plan("auth")
    assert list(elsewhere.iterdir()) == []


def test_a_broken_lockfile_stops_everything(shop: Shop) -> None:
    (shop.root / "donkeylabs-lock.json").write_text("{")

    with pytest.raises(LockfileInvalid):
        shop.plan("auth")
    with pytest.raises(LockfileInvalid):
        shop.installed()


def test_a_folder_in_the_way_of_a_dependency_is_refused_too(shop: Shop, publish: Callable[..., Any]) -> None:
    publish("users")
    publish("auth", needs={"users": "*"})
    (shop.root / PLUGINS / "users").mkdir(parents=True)

    with pytest.raises(FolderTaken, match=f"{PLUGINS}/users is in the way"):
        shop.plan("auth")


# After an accident.


def test_the_next_command_finishes_what_a_kill_interrupted(
    shop: Shop, publish: Callable[..., Any], in_session: Callable[..., Any]
) -> None:
    publish("auth")
    publish("users")
    disk = StopAfter(calls_until_swap(shop))

    async def killed(session: Any) -> None:
        plan = await plan_changes(session, Changes(install=("auth", "users")))
        await apply_plan(session, plan, disk=disk)

    with pytest.raises(Killed):
        in_session(killed)
    assert not (shop.root / "donkeylabs-lock.json").exists()
    events: list[Event] = []

    found = in_session(lambda session: list_installed(session, events.append))

    assert [plugin.name for plugin in found.plugins] == ["auth", "users"]
    assert [event.code for event in events if isinstance(event, Notice)] == ["recovered"]


def calls_until_swap(shop: Shop) -> int:
    """Calls of the same commit up to the second folder's move, counted in a project beside this one."""
    disk = CountingDisk()
    twin = Shop(write_project(shop.root.parent / "twin"), shop.in_session)

    async def counted(session: Any) -> None:
        plan = await plan_changes(session, Changes(install=("auth", "users")))
        await apply_plan(session, plan, disk=disk)

    shop.in_session(counted, project_start=twin.root)
    return disk.calls.index("move users") + 1


def test_a_damaged_catalogue_stops_neither_list_nor_removal(
    shop: Shop, publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("auth")
    publish("mail")
    shop.apply("auth", "mail")

    damage_catalogue(tmp_path)
    assert [plugin.name for plugin in shop.installed().plugins] == ["auth", "mail"]
    damage_catalogue(tmp_path)
    assert kinds(shop.plan(uninstall=("auth",))) == {"auth": "remove"}
    damage_catalogue(tmp_path)
    assert shop.plan().is_empty


def damage_catalogue(tmp_path: Path) -> None:
    (path,) = (tmp_path / "cache" / "catalogues").rglob("catalogue.sqlite")
    for extra in path.parent.glob("catalogue.sqlite-*"):
        extra.unlink()
    path.write_bytes(b"not a database " * 1000)


# What is there.


def test_the_list_tells_why_a_plugin_is_there_and_what_is_newer(
    shop: Shop, publish: Callable[..., Any]
) -> None:
    publish("users", "1.0.0")
    publish("auth", "1.0.0", needs={"users": "^1.0.0"})
    shop.apply("auth")
    publish("users", "1.4.0")
    publish("users", "2.0.0")
    shop.plan("auth", settings={"stale_after_seconds": -1})

    auth, users = shop.installed().plugins

    assert (auth.range, auth.needed_by, auth.newest_in_range, auth.has_update) == (
        "^1.0.0",
        (),
        "1.0.0",
        False,
    )
    assert (users.range, users.needed_by, users.newest_in_range, users.newest) == (
        None,
        ("auth",),
        "1.4.0",
        "2.0.0",
    )
    assert users.has_update


def test_the_list_tells_what_is_wrong(
    shop: Shop, publish: Callable[..., Any], registry: Registry, owner: Caller
) -> None:
    names = ("deprecated", "edited", "fine", "missing", "yanked")
    for name in names:
        publish(name)
    shop.apply(*names)
    lifecycle.yank(registry, owner, "yanked", "1.0.0")
    deprecate(registry, owner, "deprecated", "1.0.0")
    shop.plan("fine", settings={"stale_after_seconds": -1})
    (shop.root / PLUGINS / "edited" / "index.ts").write_text("// improved\n")
    shutil.rmtree(shop.root / PLUGINS / "missing")
    (shop.root / PLUGINS / "mine").mkdir()

    found = shop.installed()

    assert {plugin.name: plugin.problems for plugin in found.plugins} == {
        name: () if name == "fine" else (name,) for name in names
    }
    assert found.yours == ("mine",)


def test_the_list_goes_on_without_a_catalogue(
    shop: Shop, publish: Callable[..., Any], tmp_path: Path
) -> None:
    publish("auth")
    shop.apply("auth")
    shutil.rmtree(tmp_path / "cache")

    (auth,) = shop.installed().plugins

    assert (auth.problems, auth.newest, auth.has_update) == (("unknown",), "", False)


def test_an_update_is_not_promised_where_another_plugin_forbids_it(
    shop: Shop, publish: Callable[..., Any]
) -> None:
    publish("users", "1.0.0")
    publish("auth", needs={"users": "1.0.0"})
    shop.apply("auth", "users@^1.0.0")
    publish("users", "1.1.0")
    shop.plan("auth", settings={"stale_after_seconds": -1})

    users = shop.installed().plugins[1]

    assert (users.newest_in_range, users.newest) == ("1.0.0", "1.1.0")
    assert shop.plan(update=("users",)).is_empty
