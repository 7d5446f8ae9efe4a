"""What a user changed in an installed plugin: found, told, carried over, and never lost unsaid."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.embedded import EmbeddedTransport
from donkeytui.operations.undo import apply_undo, plan_undo
from donkeytui.problems import OfflineMissing, PlanStale, PluginEdited
from registry_server.http.app import build_app
from registry_server.operations import lifecycle
from registry_server.operations.accounts import Caller, local_caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.registry import Registry, open_registry
from tests.support.builders import FixedClock, package, tree
from tests.support.workshop import ELSEWHERE, OFFLINE, PLUGINS, Workshop, kinds, told

NUMBERS = [f"export const n{number} = {number};" for number in range(1, 13)]
INDEX = f"{PLUGINS}/auth/index.ts"
LIB = f"{PLUGINS}/auth/lib.ts"
ROUTE = "src/routes/auth.ts"


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


def lib(**lines: str) -> str:
    """Twelve lines, far enough apart not to meet; `n3="..."` gives the third another text."""
    return "".join(f"{lines.get(f'n{number}', line)}\n" for number, line in enumerate(NUMBERS, 1))


MINE = lib(n10="export const n10 = 'mine';")


def copying(version: str, *targets: str, name: str = "auth") -> str:
    copies = [{"from": f"extra{place}.ts", "to": target} for place, target in enumerate(targets)]
    return json.dumps({"name": name, "version": version, "copy": copies})


@pytest.fixture
def two_releases(shop: Workshop, publish: Callable[..., Any]) -> None:
    """1.0.0 is installed; 1.1.0 has another second line in `lib.ts`, and a new file."""
    publish("auth", "1.0.0", extra={"lib.ts": lib()})
    shop.apply("auth")
    publish("auth", "1.1.0", extra={"lib.ts": lib(n2="export const n2 = 22;"), "more.ts": "export {};\n"})


# Edits that the release leaves room for.


def test_edits_beside_the_release_s_own_are_merged_and_told(shop: Workshop, two_releases: None) -> None:
    shop.write(LIB, lib(n10="export const n10 = 'mine';"))

    plan = shop.plan(update=("auth",))
    report = shop.carry_out(plan)

    assert kinds(plan) == {"auth": "update"}
    (merge,) = plan.merges
    assert [(file.path, file.outcome) for file in merge.files] == [(LIB, "merged")]
    assert told(plan, "merged") == ["your edits of `auth` are carried over: 1 file"]
    changed = [
        line for line in merge.diffs[LIB].splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert changed == [f"-{NUMBERS[1]}", "+export const n2 = 22;"]
    assert report.conflicts == ()
    assert shop.read(LIB) == lib(n2="export const n2 = 22;", n10="export const n10 = 'mine';")
    assert shop.file("auth/more.ts").exists()
    assert '"1.1.0"' in shop.read(INDEX)


def test_what_was_merged_still_counts_as_an_edit_of_the_new_release(
    shop: Workshop, two_releases: None
) -> None:
    """Else the next update would overwrite it."""
    shop.write(LIB, lib(n10="export const n10 = 'mine';"))
    shop.apply(update=("auth",))

    (check,) = shop.verify().plugins
    (difference,) = shop.diff()

    assert (check.version, check.state) == ("1.1.0", "edited")
    assert [(change.path, change.kind) for change in check.files] == [(LIB, "changed")]
    assert difference.path == LIB
    assert "-export const n10 = 10;\n+export const n10 = 'mine';\n" in difference.text
    assert "n2" not in "".join(line for line in difference.text.splitlines() if line[0] in "+-")


def test_an_edit_that_the_release_made_too_is_no_edit_afterwards(shop: Workshop, two_releases: None) -> None:
    shop.write(LIB, lib(n2="export const n2 = 22;"))

    plan = shop.plan(update=("auth",))
    shop.carry_out(plan)

    assert [file.outcome for file in plan.merges[0].files] == ["taken"]
    assert shop.verify().is_intact


def test_files_of_the_user_s_own_stay(shop: Workshop, two_releases: None) -> None:
    shop.write(f"{PLUGINS}/auth/notes/mine.md", "remember\n")

    report = shop.apply(update=("auth",))

    assert shop.read(f"{PLUGINS}/auth/notes/mine.md") == "remember\n"
    assert report.conflicts == ()


def test_a_file_that_the_user_took_out_stays_out(shop: Workshop, two_releases: None) -> None:
    (shop.root / PLUGINS / "auth" / "LICENSE").unlink()

    plan = shop.plan(update=("auth",))
    shop.carry_out(plan)

    (file,) = plan.merges[0].files
    assert (file.outcome, file.detail) == ("kept", "you removed it")
    assert not shop.file("auth/LICENSE").exists()
    assert shop.lockfile.plugins["auth"].version == "1.1.0"


def test_a_downgrade_carries_edits_over_as_well(shop: Workshop, two_releases: None) -> None:
    shop.apply(update=("auth",))
    shop.write(LIB, lib(n2="export const n2 = 22;", n10="export const n10 = 'mine';"))

    plan = shop.plan("auth@1.0.0")
    shop.carry_out(plan)

    assert kinds(plan) == {"auth": "downgrade"}
    assert shop.read(LIB) == lib(n10="export const n10 = 'mine';")
    assert not shop.file("auth/more.ts").exists()


def test_edits_are_carried_through_several_updates(
    shop: Workshop, two_releases: None, publish: Callable[..., Any]
) -> None:
    shop.write(LIB, lib(n10="export const n10 = 'mine';"))
    shop.apply(update=("auth",))
    publish("auth", "1.2.0", extra={"lib.ts": lib(n5="export const n5 = 55;")})

    shop.apply(update=("auth",))

    assert shop.read(LIB) == lib(n5="export const n5 = 55;", n10="export const n10 = 'mine';")


# What is no edit.


@pytest.mark.parametrize("text", [lib().replace("\n", "\r\n"), lib().rstrip("\n"), lib() + "\n\n"])
def test_line_endings_and_final_newlines_are_no_edits(shop: Workshop, two_releases: None, text: str) -> None:
    shop.write(LIB, text)

    plan = shop.plan(update=("auth",))

    assert shop.verify().is_intact
    assert plan.merges == ()
    assert kinds(plan) == {"auth": "update"}


def test_an_edited_file_keeps_its_line_endings(shop: Workshop, two_releases: None) -> None:
    shop.write(LIB, lib(n10="export const n10 = 'mine';").replace("\n", "\r\n"))

    shop.apply(update=("auth",))

    expected = lib(n2="export const n2 = 22;", n10="export const n10 = 'mine';")
    assert shop.read(LIB) == expected.replace("\n", "\r\n")


def test_a_generated_schema_is_never_an_edit(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", "1.0.0", extra={"schema.ts": "export interface Schema {}\n"})
    shop.apply("auth")
    publish("auth", "1.1.0", extra={"schema.ts": "export interface Schema { next: 1 }\n"})
    shop.write(f"{PLUGINS}/auth/schema.ts", "export interface Schema { generated: true }\n")

    plan = shop.plan(update=("auth",))
    shop.carry_out(plan)

    assert plan.merges == ()
    assert "next: 1" in shop.read(f"{PLUGINS}/auth/schema.ts")
    assert shop.verify().is_intact


def test_a_generated_schema_that_no_release_has_outlives_a_merge(shop: Workshop, two_releases: None) -> None:
    shop.write(f"{PLUGINS}/auth/schema.ts", "export interface Schema { generated: true }\n")
    shop.write(LIB, lib(n10="export const n10 = 'mine';"))

    shop.apply(update=("auth",))

    assert "generated" in shop.read(f"{PLUGINS}/auth/schema.ts")


# Where both changed the same lines.


@pytest.fixture
def contested(shop: Workshop, two_releases: None) -> None:
    shop.write(LIB, lib(n2="export const n2 = 'mine';", n10="export const n10 = 'mine';"))


def test_a_conflict_is_marked_in_the_file_and_named_in_plan_and_report(
    shop: Workshop, contested: None
) -> None:
    plan = shop.plan(update=("auth",))
    report = shop.carry_out(plan)

    assert plan.conflicts == report.conflicts == (LIB,)
    (sentence,) = told(plan, "merge-conflict")
    assert sentence == f"your edits of `auth` and the new release meet in {LIB}"
    text = shop.read(LIB)
    assert "<<<<<<< yours\nexport const n2 = 'mine';\n=======\nexport const n2 = 22;\n>>>>>>> 1.1.0\n" in text
    assert text.count("<<<<<<<") == 1
    assert "export const n10 = 'mine';\n" in text


def test_markers_that_are_still_there_are_found_by_verify(shop: Workshop, contested: None) -> None:
    shop.apply(update=("auth",))

    (check,) = shop.verify().plugins
    assert check.markers == (LIB,)

    shop.write(LIB, lib(n2="export const n2 = 'both';"))
    (check,) = shop.verify().plugins
    assert check.markers == ()


@pytest.mark.parametrize(
    ("side", "outcome", "line"),
    [("keep", "kept", "export const n2 = 'mine';"), ("theirs", "taken", "export const n2 = 22;")],
)
def test_a_side_decides_a_conflict_and_nothing_else(
    shop: Workshop, contested: None, side: str, outcome: str, line: str
) -> None:
    plan = shop.plan(update=("auth",), side=side)
    report = shop.carry_out(plan)

    assert [file.outcome for file in plan.merges[0].files] == [outcome]
    assert report.conflicts == ()
    assert shop.read(LIB) == lib(n2=line, n10="export const n10 = 'mine';")


def test_a_conflict_ends_the_command_with_a_status_of_its_own(
    shop: Workshop, contested: None, cli: Callable[..., Any]
) -> None:
    result = cli("update auth --yes --no-npm")

    assert result.status == 1
    assert LIB in result.out
    assert shop.versions == {"auth": "1.1.0"}
    assert "<<<<<<<" in shop.read(LIB)


def test_an_edited_file_that_the_release_drops_stays_and_is_named(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", "1.0.0", extra={"lib.ts": lib()})
    shop.apply("auth")
    publish("auth", "1.1.0")
    shop.write(LIB, lib(n2="export const n2 = 'mine';"))

    report = shop.apply(update=("auth",))

    assert report.conflicts == (LIB,)
    assert shop.read(LIB) == lib(n2="export const n2 = 'mine';")


def test_a_file_of_the_user_s_where_the_release_brings_one_is_a_conflict(
    shop: Workshop, two_releases: None
) -> None:
    shop.write(f"{PLUGINS}/auth/more.ts", "export const mine = true;\n")

    report = shop.apply(update=("auth",))

    assert report.conflicts == (f"{PLUGINS}/auth/more.ts",)
    assert "export const mine = true;" in shop.read(f"{PLUGINS}/auth/more.ts")


# Files elsewhere in the project.


@pytest.fixture
def copied(shop: Workshop, publish: Callable[..., Any]) -> None:
    """1.0.0 brings `src/routes/auth.ts`, and so does 1.1.0, with another second line."""
    publish(
        "auth", "1.0.0", extra={"extra0.ts": lib(), "manifest.json": copying("1.0.0", "src/routes/auth.ts")}
    )
    shop.apply("auth")
    publish(
        "auth",
        "1.1.0",
        extra={
            "extra0.ts": lib(n2="export const n2 = 22;"),
            "manifest.json": copying("1.1.0", "src/routes/auth.ts"),
        },
    )


def test_a_copied_file_is_merged_too(shop: Workshop, copied: None) -> None:
    shop.write(ROUTE, lib(n10="export const n10 = 'mine';"))

    plan = shop.plan(update=("auth",))
    shop.carry_out(plan)

    assert (ROUTE, "merged") in [(file.path, file.outcome) for file in plan.merges[0].files]
    assert shop.read(ROUTE) == lib(n2="export const n2 = 22;", n10="export const n10 = 'mine';")
    (check,) = shop.verify().plugins
    assert (check.state, [change.path for change in check.files]) == ("edited", [ROUTE])


def test_a_conflict_in_a_copied_file_is_named(shop: Workshop, copied: None) -> None:
    shop.write(ROUTE, lib(n2="export const n2 = 'mine';"))

    report = shop.apply(update=("auth",))

    assert report.conflicts == (ROUTE,)
    assert "<<<<<<< yours" in shop.read(ROUTE)


@pytest.mark.parametrize("side", ["ask", "keep"])
def test_an_edited_copy_that_the_release_drops_stays_as_the_plan_says(
    shop: Workshop, copied: None, publish: Callable[..., Any], side: str
) -> None:
    publish("auth", "1.2.0")
    shop.write(ROUTE, lib(n2="export const n2 = 'mine';"))

    plan = shop.plan(update=("auth",), side=side)
    report = shop.carry_out(plan)

    (file,) = plan.merges[0].files
    assert (file.path, file.detail) == (ROUTE, "the release removed it, your edited file stays")
    assert [step.path for step in plan.files] == []
    assert shop.read(ROUTE) == lib(n2="export const n2 = 'mine';")
    assert report.conflicts == ((ROUTE,) if side == "ask" else ())


def test_an_edited_copy_that_the_release_drops_goes_with_theirs(
    shop: Workshop, copied: None, publish: Callable[..., Any]
) -> None:
    publish("auth", "1.2.0")
    shop.write(ROUTE, lib(n2="export const n2 = 'mine';"))

    plan = shop.plan(update=("auth",), side="theirs")
    shop.carry_out(plan)

    assert [(step.kind, step.path) for step in plan.files] == [("remove", ROUTE)]
    assert not (shop.root / ROUTE).exists()


def test_a_copied_file_that_was_taken_away_comes_back(shop: Workshop, copied: None) -> None:
    (shop.root / ROUTE).unlink()

    plan = shop.plan(update=("auth",))
    shop.carry_out(plan)

    assert [(step.kind, step.path) for step in plan.files] == [("create", ROUTE)]
    assert shop.read(ROUTE) == lib(n2="export const n2 = 22;")


def test_a_removed_copy_stays_away_where_the_user_says_keep(shop: Workshop, copied: None) -> None:
    """With an edit beside it; alone, a missing copy only means that the plugin is not whole."""
    (shop.root / ROUTE).unlink()
    shop.replace(INDEX, "service", "/* mine */ service")

    plan = shop.plan(update=("auth",), side="keep")
    shop.carry_out(plan)

    assert {file.path: file.outcome for file in plan.merges[0].files}[ROUTE] == "kept"
    assert not (shop.root / ROUTE).exists()
    assert plan.files == ()


def test_an_edited_copy_stops_an_uninstall(shop: Workshop, copied: None) -> None:
    shop.write(ROUTE, lib(n2="export const n2 = 'mine';"))
    before = tree(shop.root)

    with pytest.raises(PluginEdited, match="`auth` has edits of yours, and this would remove it") as caught:
        shop.plan(uninstall=("auth",))

    assert ROUTE in caught.value.problem.detail
    assert tree(shop.root) == before


# When the base of the edits cannot be had.


REMOTE: dict[str, Any] = {"registry": ELSEWHERE, "registries": (ELSEWHERE,)}


@pytest.fixture
def afar(two_releases: None, shop: Workshop, registry: Registry) -> dict[str, Any]:
    """Settings of a remote registry whose catalogue is known here; add `is_offline` to cut it off."""
    transport = EmbeddedTransport(build_app(registry, is_local=True))
    settings = {**REMOTE, "transport": transport}
    shop.plan(update=("auth",), settings=settings)
    return settings


def drop_from_cache(shop: Workshop, version: str) -> None:
    async def drop(session: Any) -> None:
        release = next(r for r in session.catalogue.get("auth").versions if r.version == version)
        digest = release.checksum.removeprefix("sha256:")
        (path,) = (path for path in session.package_cache.rglob("*") if digest in path.name)
        path.unlink()

    shop.run(drop)


def cut_off(settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "transport": None, "is_offline": True, "stale_after_seconds": 900}


def test_offline_without_the_base_release_nothing_is_carried_over(
    shop: Workshop, afar: dict[str, Any]
) -> None:
    shop.write(LIB, MINE)
    shop.plan(update=("auth",), settings=afar)
    drop_from_cache(shop, "1.0.0")
    before = tree(shop.root)

    with pytest.raises(PluginEdited) as caught:
        shop.plan(update=("auth",), settings=cut_off(afar))

    problem = caught.value.problem
    assert problem.title == "`auth` has edits of yours that cannot be carried over"
    assert problem.detail == "that takes the release they were made on: `auth` 1.0.0 is not on this machine"
    assert problem.hint.startswith("go online once, or --force")
    assert tree(shop.root) == before


def test_offline_with_both_releases_in_the_cache_edits_are_carried_over(
    shop: Workshop, afar: dict[str, Any]
) -> None:
    shop.write(LIB, MINE)
    shop.plan(update=("auth",), settings=afar)

    shop.apply(update=("auth",), settings=cut_off(afar))

    assert shop.read(LIB) == lib(n2="export const n2 = 22;", n10="export const n10 = 'mine';")


def test_offline_the_new_release_that_is_missing_is_named(shop: Workshop, afar: dict[str, Any]) -> None:
    shop.write(LIB, MINE)

    with pytest.raises(OfflineMissing, match=r"`auth` 1\.1\.0 is not on this machine"):
        shop.plan(update=("auth",), settings=cut_off(afar))


def test_a_base_release_that_left_the_cache_is_fetched_again(shop: Workshop, two_releases: None) -> None:
    shop.write(LIB, MINE)
    drop_from_cache(shop, "1.0.0")

    shop.apply(update=("auth",))

    assert "'mine'" in shop.read(LIB)


def test_a_base_release_that_was_yanked_still_carries_edits(
    shop: Workshop, two_releases: None, registry: Registry, owner: Caller
) -> None:
    shop.write(LIB, MINE)
    drop_from_cache(shop, "1.0.0")
    lifecycle.yank(registry, owner, "auth", "1.0.0")

    shop.apply(update=("auth",))

    assert shop.versions == {"auth": "1.1.0"}
    assert "'mine'" in shop.read(LIB)


def test_a_base_release_that_the_registry_does_not_have_is_told_so(
    shop: Workshop, two_releases: None, tmp_path: Path, clock: FixedClock
) -> None:
    other = open_registry(tmp_path / "other", clock)
    publish_operation(other, local_caller(other), package("auth", "1.1.0"))
    transport = EmbeddedTransport(build_app(other, is_local=True))
    shop.write(LIB, MINE)
    drop_from_cache(shop, "1.0.0")

    with pytest.raises(PluginEdited, match="cannot be carried over") as caught:
        shop.plan(update=("auth",), settings={**REMOTE, "transport": transport})
    other.close()

    problem = caught.value.problem
    assert problem.detail.startswith("that takes the release they were made on: ")
    assert "go online" not in problem.hint
    assert "--force" in problem.hint


# What would lose edits.


def test_an_edited_plugin_is_uninstalled_only_by_force_and_can_be_brought_back(
    shop: Workshop, two_releases: None
) -> None:
    shop.write(LIB, MINE)
    before = tree(shop.root)

    with pytest.raises(PluginEdited) as caught:
        shop.plan(uninstall=("auth",))
    assert caught.value.problem.detail == f"not as installed: files below {PLUGINS}/auth"
    plan = shop.plan(uninstall=("auth",), is_forced=True)
    assert told(plan, "edits-replaced") == ["your edits of `auth` go with it; donkeytui undo brings it back"]
    shop.carry_out(plan)
    assert not shop.file("auth").exists()

    shop.run(undo)
    assert tree(shop.root) == before


async def undo(session: Any) -> None:
    await apply_undo(session, await plan_undo(session))


def test_an_edited_orphan_is_not_pruned_without_a_word(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("users", extra={"lib.ts": lib()})
    publish("mail", needs={"users": "*"})
    shop.apply("mail")
    shop.write(f"{PLUGINS}/users/lib.ts", MINE)

    with pytest.raises(PluginEdited, match="`users` has edits of yours, and this would remove it"):
        shop.plan(uninstall=("mail",), with_orphans=True)


@pytest.mark.parametrize(
    "changes",
    [{"install": ("mail",)}, {"uninstall": ("users",)}, {"update": ("users",)}, {"pin": ("users",)}],
)
def test_force_for_one_plugin_leaves_the_edits_of_another_alone(
    shop: Workshop, two_releases: None, publish: Callable[..., Any], changes: dict[str, Any]
) -> None:
    publish("users")
    publish("mail")
    shop.apply("users")
    shop.write(LIB, MINE)

    plan = shop.plan(*changes.get("install", ()), is_forced=True, **_without(changes, "install"))
    shop.carry_out(plan)

    assert "auth" not in kinds(plan)
    assert shop.read(LIB) == MINE


def _without(changes: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name != key}


@pytest.mark.parametrize("install", [(), ("auth",)])
def test_force_installs_an_edited_plugin_afresh_when_it_or_everything_is_meant(
    shop: Workshop, two_releases: None, install: tuple[str, ...]
) -> None:
    original = shop.read(LIB)
    shop.write(LIB, MINE)

    plan = shop.plan(*install, is_forced=True)
    shop.carry_out(plan)

    assert kinds(plan) == {"auth": "install"}
    assert told(plan, "edits-replaced") == [
        "your edits of `auth` are replaced; donkeytui undo brings it back"
    ]
    assert shop.read(LIB) == original


def test_an_edit_after_the_plan_makes_it_stale(shop: Workshop, two_releases: None) -> None:
    plan = shop.plan(update=("auth",))
    shop.write(LIB, MINE)
    before = tree(shop.root)

    with pytest.raises(PlanStale) as caught:
        shop.carry_out(plan)

    assert caught.value.problem.detail == f"changed: {PLUGINS}/auth"
    assert tree(shop.root) == before


def test_a_further_edit_after_a_planned_merge_makes_it_stale(shop: Workshop, two_releases: None) -> None:
    shop.write(LIB, MINE)
    plan = shop.plan(update=("auth",))
    shop.write(LIB, lib(n2="export const n2 = 'mine';"))
    before = tree(shop.root)

    with pytest.raises(PlanStale):
        shop.carry_out(plan)
    assert tree(shop.root) == before


def test_a_planned_merge_of_a_plugin_that_is_gone_meanwhile_is_stale(
    shop: Workshop, two_releases: None
) -> None:
    shop.write(LIB, MINE)
    plan = shop.plan(update=("auth",))
    shop.apply(uninstall=("auth",), is_forced=True)

    with pytest.raises(PlanStale):
        shop.carry_out(plan)
    assert shop.versions == {}


def test_an_edit_of_a_copied_file_after_a_planned_merge_makes_it_stale(shop: Workshop, copied: None) -> None:
    shop.write(ROUTE, MINE)
    plan = shop.plan(update=("auth",))
    shop.write(ROUTE, lib(n3="export const n3 = 'mine';"))

    with pytest.raises(PlanStale, match="the project has changed"):
        shop.carry_out(plan)
    assert shop.read(ROUTE) == lib(n3="export const n3 = 'mine';")


# Links.


def test_a_link_among_a_plugin_s_files_stops_an_update(
    shop: Workshop, two_releases: None, tmp_path: Path
) -> None:
    (tmp_path / "lib.ts").write_text("mine\n")
    shop.file("auth/lib.ts").unlink()
    shop.file("auth/lib.ts").symlink_to(tmp_path / "lib.ts")

    with pytest.raises(PluginEdited) as caught:
        shop.plan(update=("auth",))

    assert caught.value.problem.title == f"{LIB} is a link"
    assert (tmp_path / "lib.ts").read_text() == "mine\n"
    assert shop.file("auth/lib.ts").is_symlink()
    assert [check.state for check in shop.verify().plugins] == ["edited"]


def test_a_plugin_s_folder_that_became_a_link_is_not_taken_for_its_files(
    shop: Workshop, two_releases: None, tmp_path: Path
) -> None:
    """A plugin that is being worked on elsewhere; its files are not this project's."""
    workbench = tmp_path / "workbench"
    shutil.move(shop.file("auth"), workbench)
    shop.file("auth").symlink_to(workbench)
    before = tree(workbench)

    with pytest.raises(PluginEdited) as caught:
        shop.plan(update=("auth",))

    assert caught.value.problem.title == f"{PLUGINS}/auth is a link"
    assert tree(workbench) == before
    assert shop.file("auth").is_symlink()


def test_a_link_in_place_of_a_copied_file_stops_an_update(
    shop: Workshop, copied: None, tmp_path: Path
) -> None:
    (tmp_path / "secret.ts").write_text("secret\n")
    (shop.root / ROUTE).unlink()
    (shop.root / ROUTE).symlink_to(tmp_path / "secret.ts")

    with pytest.raises(PluginEdited, match="is a link"):
        shop.plan(update=("auth",))
    assert (tmp_path / "secret.ts").read_text() == "secret\n"


def test_a_link_that_leads_nowhere_in_place_of_a_copied_file_stops_an_update(
    shop: Workshop, copied: None, tmp_path: Path
) -> None:
    (shop.root / ROUTE).unlink()
    (shop.root / ROUTE).symlink_to(tmp_path / "nowhere.ts")

    with pytest.raises(PluginEdited, match="is a link"):
        shop.plan(update=("auth",))
    assert (shop.root / ROUTE).is_symlink()


def test_a_folder_of_a_copied_file_that_became_a_link_stops_an_update(
    shop: Workshop, copied: None, tmp_path: Path
) -> None:
    shutil.move(shop.root / "src/routes", tmp_path / "routes")
    (shop.root / "src/routes").symlink_to(tmp_path / "routes")
    before = tree(tmp_path / "routes")

    with pytest.raises(PluginEdited, match="is a link"):
        shop.plan(update=("auth",))
    assert tree(tmp_path / "routes") == before


def test_a_binary_file_that_both_changed_stays_the_user_s_and_is_named(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth", "1.0.0", extra={"logo.svg": "\0one"})
    shop.apply("auth")
    publish("auth", "1.1.0", extra={"logo.svg": "\0two"})
    shop.write(f"{PLUGINS}/auth/logo.svg", "\0mine")

    report = shop.apply(update=("auth",))

    assert report.conflicts == (f"{PLUGINS}/auth/logo.svg",)
    assert shop.read(f"{PLUGINS}/auth/logo.svg") == "\0mine"


def test_a_removed_file_that_the_release_changed_is_back_and_named(
    shop: Workshop, two_releases: None
) -> None:
    shop.file("auth/lib.ts").unlink()

    report = shop.apply(update=("auth",))

    assert report.conflicts == (LIB,)
    assert shop.read(LIB) == lib(n2="export const n2 = 22;")


# A lockfile that another program wrote, in the design's plain format.


def without_digests(shop: Workshop) -> None:
    path = shop.root / "donkeylabs-lock.json"
    document = json.loads(path.read_text())
    for plugin in document["plugins"].values():
        del plugin["tree"]
    path.write_text(json.dumps(document))


def test_edits_are_found_and_carried_over_without_a_digest_in_the_lockfile(
    shop: Workshop, two_releases: None
) -> None:
    shop.write(LIB, MINE)
    without_digests(shop)

    shop.apply(update=("auth",))

    assert shop.read(LIB) == lib(n2="export const n2 = 22;", n10="export const n10 = 'mine';")


def test_a_plugin_without_digest_goes_when_nothing_of_it_was_edited(
    shop: Workshop, two_releases: None
) -> None:
    without_digests(shop)

    shop.apply(uninstall=("auth",))

    assert not (shop.root / PLUGINS / "auth").exists()


def test_a_plugin_nobody_can_judge_is_refused_to_be_removed(
    shop: Workshop, two_releases: None, tmp_path: Path
) -> None:
    without_digests(shop)
    shutil.rmtree(tmp_path / "cache" / "packages")

    with pytest.raises(PluginEdited, match="nobody can tell whether `auth` has edits"):
        shop.plan(uninstall=("auth",), settings=OFFLINE)

    assert shop.plan(uninstall=("auth",), is_forced=True, settings=OFFLINE).changes
