"""What a plan tells before it is applied: what is new in a release, what stays behind, what to know."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from donkeytui.embedded import EmbeddedTransport
from donkeytui.install.plan import InstallPlan
from donkeytui.problems import FolderTaken
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.wire import Contents, FileCopy
from registry_server.http.app import build_app
from registry_server.operations import lifecycle
from registry_server.operations.accounts import Caller, local_caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.registry import Registry, open_registry
from tests.support.builders import FixedClock, package, tree
from tests.support.plans import Goal
from tests.support.workshop import ELSEWHERE, PLUGINS, Workshop, told

FETCHING = "export const get = () => fetch('https://example.com');\n"
MIGRATION = "export async function up(): Promise<void> {}\n"


@pytest.fixture
def shop(project: Any, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


def framework_manifest(version: str, **fields: object) -> str:
    return json.dumps({"name": "auth", "version": version, **fields})


def severities(plan: InstallPlan, code: str) -> list[str]:
    return [notice.severity for notice in plan.notices if notice.code == code]


# What a release does.


@pytest.fixture
def growing(publish: Callable[..., Any], shop: Workshop) -> None:
    """1.0.0 is plain and installed; 1.1.0 fetches, migrates, reads a variable and has a word to say."""
    publish("auth", "1.0.0", extra={"migrations/001_a.ts": MIGRATION})
    shop.apply("auth")
    publish(
        "auth",
        "1.1.0",
        extra={
            "client.ts": FETCHING,
            "migrations/001_a.ts": MIGRATION,
            "migrations/002_b.ts": MIGRATION,
            "manifest.json": framework_manifest(
                "1.1.0", envVars=[{"name": "AUTH_KEY"}], instructions=["Make a key."]
            ),
        },
    )


def test_what_is_new_in_a_release_is_told_before_an_update(shop: Workshop, growing: None) -> None:
    plan = shop.plan(update=("auth",))

    assert told(plan, "capabilities") == ["`auth` 1.1.0 uses what 1.0.0 did not: network"]
    assert severities(plan, "capabilities") == ["warning"]
    assert told(plan, "migrations") == ["`auth` 1.1.0 brings 1 migration, run at the next start: 002_b.ts"]
    assert told(plan, "env-vars") == ["`auth` 1.1.0 reads from the environment: AUTH_KEY"]
    assert told(plan, "instructions") == ["`auth` 1.1.0 says: Make a key."]


def test_what_was_there_already_is_not_told_again(
    shop: Workshop, growing: None, publish: Callable[..., Any]
) -> None:
    shop.apply(update=("auth",))
    publish(
        "auth",
        "1.2.0",
        extra={
            "client.ts": FETCHING,
            "migrations/001_a.ts": MIGRATION,
            "migrations/002_b.ts": MIGRATION,
            "manifest.json": framework_manifest(
                "1.2.0", envVars=[{"name": "AUTH_KEY"}], instructions=["Make a key."]
            ),
        },
    )

    plan = shop.plan(update=("auth",))

    assert {notice.code for notice in plan.notices} == {"unsigned"}


def test_a_first_install_tells_all_of_it_as_a_note(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", extra={"client.ts": FETCHING, "migrations/001_a.ts": MIGRATION})

    plan = shop.plan("auth")

    assert told(plan, "capabilities") == ["`auth` 1.0.0 uses: network"]
    assert severities(plan, "capabilities") == ["note"]
    assert told(plan, "migrations") == ["`auth` 1.0.0 brings 1 migration, run at the next start: 001_a.ts"]


def test_of_a_release_that_nobody_knows_any_more_nothing_is_claimed(
    shop: Workshop, growing: None, tmp_path: Path, clock: FixedClock
) -> None:
    """The registry in use lacks the installed release: what that did is unknown, not nothing."""
    other = open_registry(tmp_path / "other", clock)
    data = package("auth", "1.1.0", extra={"client.ts": FETCHING, "migrations/001_a.ts": MIGRATION})
    publish_operation(other, local_caller(other), data)
    transport = EmbeddedTransport(build_app(other, is_local=True))
    settings = {"registry": ELSEWHERE, "registries": (ELSEWHERE,), "transport": transport}

    plan = shop.plan(update=("auth",), settings=settings)
    other.close()

    assert told(plan, "capabilities") == ["`auth` 1.1.0 uses: network"]


def test_a_downgrade_is_a_warning(shop: Workshop, growing: None) -> None:
    shop.apply(update=("auth",))

    plan = shop.plan("auth@1.0.0")

    assert told(plan, "downgrade") == ["`auth` goes back from 1.1.0 to 1.0.0"]
    assert severities(plan, "downgrade") == ["warning"]
    assert told(plan, "capabilities") == told(plan, "migrations") == []


def test_a_removal_says_that_tables_stay(shop: Workshop, growing: None) -> None:
    assert len(told(shop.plan(uninstall=("auth",)), "tables-stay")) == 1


def test_what_stays_is_not_spoken_of(shop: Workshop, growing: None, publish: Callable[..., Any]) -> None:
    publish("mail")

    plan = shop.plan("mail")

    assert [notice.text for notice in plan.notices] == [
        "not signed by a publisher, only checked against the catalogue: `mail` 1.0.0"
    ]


def test_many_names_are_counted(shop: Workshop, publish: Callable[..., Any]) -> None:
    names = [f"plugin{number}" for number in range(8)]
    for name in names:
        publish(name)

    (sentence,) = told(shop.plan(*names), "unsigned")

    assert sentence.endswith("`plugin5` 1.0.0 and 2 more")


def test_warnings_come_before_notes(shop: Workshop, growing: None, registry: Registry, owner: Caller) -> None:
    lifecycle.yank(registry, owner, "auth", "1.0.0", reason="leaks")

    plan = shop.plan(update=("auth",))
    severities = [notice.severity for notice in plan.notices]

    assert severities == sorted(severities, key=lambda severity: severity == "note")
    assert "warning" in severities
    assert "note" in severities


def test_a_yanked_release_that_stays_is_a_warning_with_its_reason(
    shop: Workshop, growing: None, registry: Registry, owner: Caller, publish: Callable[..., Any]
) -> None:
    publish("mail")
    lifecycle.yank(registry, owner, "auth", "1.0.0", reason="leaks")

    plan = shop.plan("mail")

    assert told(plan, "yanked") == ["`auth` 1.0.0 was yanked: leaks"]
    (hint,) = (notice.hint for notice in plan.notices if notice.code == "yanked")
    assert hint == "donkeytui update auth"


# What makes way.


def test_a_folder_of_the_user_s_makes_way_only_by_force_and_with_a_warning(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth")
    shop.write(f"{PLUGINS}/auth/index.ts", "// mine\n")

    with pytest.raises(FolderTaken):
        shop.plan("auth")
    plan = shop.plan("auth", is_forced=True)

    assert told(plan, "folder-replaced") == ["your own `auth` is replaced; donkeytui undo brings it back"]
    assert severities(plan, "folder-replaced") == ["warning"]


def test_theirs_says_whose_lines_are_lost(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0", extra={"lib.ts": "one\n"})
    shop.apply("auth")
    publish("auth", "1.1.0", extra={"lib.ts": "two\n"})
    shop.write(f"{PLUGINS}/auth/lib.ts", "mine\n")

    plan = shop.plan(update=("auth",), side="theirs")

    assert told(plan, "edits-replaced") == [
        f"the release of `auth` wins over your lines in {PLUGINS}/auth/lib.ts"
    ]
    assert told(plan, "merged") == []


# The catalogue's word and the package's.


@pytest.mark.parametrize(
    ("announced", "brought"),
    [
        ((), ("src/routes/auth.ts",)),
        (("src/routes/auth.ts",), ()),
        (("src/other.ts",), ("src/routes/auth.ts",)),
    ],
    ids=["unannounced", "missing", "elsewhere"],
)
def test_a_package_that_copies_otherwise_than_the_catalogue_says_is_refused(
    project: Path, announced: tuple[str, ...], brought: tuple[str, ...]
) -> None:
    """Only what the plan showed may be written outside of the plugin's folder."""
    rules = [{"from": "extra.ts", "to": target} for target in brought]
    manifest = framework_manifest("1.0.0", copy=rules)
    copies = tuple(FileCopy(source="extra.ts", target=target) for target in announced)
    data = package("auth", extra={"extra.ts": "export {};\n", "manifest.json": manifest})
    goal = Goal().add("auth", extra={"extra.ts": "export {};\n"})
    goal.wanted["auth"] = _announcing(goal, data, copies)
    goal.packages["auth"] = data
    plan = goal.plan(project)
    before = tree(project)

    with pytest.raises(
        InvalidPackage, match="the package of `auth` is not what the catalogue says"
    ) as caught:
        goal.staged(plan)

    for path in {*announced, *brought}:
        assert path in caught.value.problem.detail
    assert caught.value.problem.hint.startswith("nothing was changed")
    assert tree(project) == before


def _announcing(goal: Goal, data: bytes, copies: tuple[FileCopy, ...]) -> Any:
    wanted = goal.wanted["auth"]
    release = structs.replace(
        wanted.release, checksum=integrity_of(data), size=len(data), contents=Contents(copies=copies)
    )
    return structs.replace(wanted, release=release)
