"""A plan is a value: everything that would happen, to be read, compared, sent and thrown away."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from donkeytui.install.plan import Basis, InstallPlan, PlanOptions, Step
from donkeytui.install.planning import make_plan
from donkeytui.problems import FolderTaken, PluginEdited
from donkeytui.project.lockfile import parse_lockfile, render_lockfile
from donkeytui.project.snapshot import read_snapshot
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import InvalidManifest, InvalidPackage
from registry_server.contract.wire import ReleaseDependencies
from tests.support.builders import CONFIG, PACKAGE_JSON, release, tree, write_project
from tests.support.plans import Goal, wanted

PLUGINS = "src/server/plugins"
NARROW_CONFIG = CONFIG.replace("plugins/**/index.ts", "plugins/*.ts")


def edit_of(plan: InstallPlan, path: str) -> Any:
    return next((edit for edit in plan.edits if edit.path == path), None)


def notice_codes(plan: InstallPlan) -> list[str]:
    return [notice.code for notice in plan.notices]


def test_a_plan_says_everything_that_happens(project: Path) -> None:
    goal = Goal().add("auth", needs={"users": "^1.0.0"}).add("users", asked=None)
    plan = goal.plan(project)

    assert (plan.root, plan.plugins_root) == (str(project), PLUGINS)
    assert plan.steps == (
        Step(kind="install", name="auth", after="1.0.0", why=("you",)),
        Step(kind="install", name="users", after="1.0.0"),
    )
    assert [(each.name, each.integrity, each.size_bytes) for each in plan.downloads] == [
        (name, integrity_of(data), len(data)) for name, data in sorted(goal.packages.items())
    ]
    assert plan.download_bytes == sum(map(len, goal.packages.values()))
    assert [edit.path for edit in plan.edits] == ["donkeylabs-lock.json"]
    assert plan.npm == {}
    assert notice_codes(plan) == ["unsigned"]
    assert not plan.is_empty


def test_a_plan_knows_what_it_was_made_from(project: Path) -> None:
    Goal().add("users").add("kept").reach(project)
    lockfile = (project / "donkeylabs-lock.json").read_bytes()
    snapshot = read_snapshot(project)

    plan = Goal().add("users", "2.0.0").add("kept").add("auth").plan(project)

    assert plan.basis == Basis(
        texts={
            "donkeylabs.config.ts": integrity_of(CONFIG.encode()),
            "package.json": integrity_of(PACKAGE_JSON.encode()),
            "donkeylabs-lock.json": integrity_of(lockfile),
        },
        trees={"users": snapshot.trees["users"], "auth": ""},
    )


def test_making_a_plan_changes_nothing(project: Path) -> None:
    before = tree(project)
    Goal().add("auth", npm={"jose": "^6.0.0"}).plan(project)

    assert tree(project) == before
    assert not (project / ".donkeylabs").exists()


def test_a_plan_survives_json(tmp_path: Path) -> None:
    project = write_project(tmp_path / "shop", config=NARROW_CONFIG)
    Goal().add("users").add("stale").reach(project)
    goal = Goal().add("users", "2.0.0", fields={"deprecated": True, "deprecation": "use accounts"})
    plan = goal.add("auth", npm={"jose": "^6.0.0"}, needs={"users": "*"}).plan(project)

    assert msgspec.json.decode(msgspec.json.encode(plan), type=InstallPlan) == plan


def test_a_reached_goal_needs_nothing(project: Path) -> None:
    goal = Goal().add("auth", npm={"jose": "^6.0.0"}, needs={"users": "*"}).add("users", asked=None)
    goal.reach(project)

    plan = goal.plan(project)

    assert plan.is_empty
    assert (plan.changes, plan.downloads, plan.edits) == ((), (), ())
    assert [step.kind for step in plan.steps] == ["keep", "keep"]


def test_an_empty_goal_in_an_empty_project_writes_no_lockfile(project: Path) -> None:
    assert Goal().plan(project).is_empty


def test_removing_the_last_plugin_leaves_an_empty_lockfile(project: Path) -> None:
    Goal().add("auth").reach(project)

    plan = Goal().reach(project)

    assert plan.changes == (Step(kind="remove", name="auth", before="1.0.0"),)
    assert notice_codes(plan) == ["tables-stay"]
    assert json.loads((project / "donkeylabs-lock.json").read_text()) == {
        "lockfileVersion": 1,
        "plugins": {},
    }


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("1.0.0", "1.0.1", "update"),
        ("1.9.0", "1.10.0", "update"),
        ("2.0.0", "1.0.0", "downgrade"),
        ("2.0.0", "2.0.0-beta.1", "downgrade"),
        ("1.0.0", "1.0.0", "keep"),
    ],
)
def test_steps_are_called_by_what_they_do(project: Path, before: str, after: str, kind: str) -> None:
    Goal().add("auth", before).reach(project)
    (step,) = Goal().add("auth", after).plan(project).steps

    assert (step.kind, step.before, step.after) == (kind, before, after)


def test_a_plugin_whose_folder_is_missing_is_installed_again(project: Path) -> None:
    goal = Goal().add("auth")
    goal.reach(project)
    before = tree(project)
    for file in (project / PLUGINS / "auth").iterdir():
        file.unlink()
    (project / PLUGINS / "auth").rmdir()

    plan = goal.plan(project)
    assert [(step.kind, step.before) for step in plan.changes] == [("install", "")]
    assert plan.edits == ()
    goal.reach(project)

    assert tree(project) == before


def test_what_is_in_the_cache_does_not_count_as_download(project: Path) -> None:
    goal = Goal().add("auth").add("users")
    integrity = integrity_of(goal.packages["auth"])
    plan = make_plan(read_snapshot(project), goal.wanted, PlanOptions(cached=frozenset((integrity,))))

    assert [each.is_cached for each in plan.downloads] == [True, False]
    assert plan.download_bytes == len(goal.packages["users"])


def test_a_kept_plugin_keeps_its_entry_to_the_letter(project: Path) -> None:
    Goal().add("auth").reach(project)
    path = project / "donkeylabs-lock.json"
    lockfile = parse_lockfile(path.read_text())
    elsewhere = msgspec.structs.replace(lockfile.plugins["auth"], resolved="https://example.com/auth.tgz")
    changed = msgspec.structs.replace(lockfile, plugins={"auth": elsewhere})
    path.write_text(render_lockfile(changed))

    plan = Goal().add("auth").add("users").plan(project)

    assert plan.lockfile.plugins["auth"] == elsewhere


def test_a_lockfile_that_is_not_canonical_is_made_so_with_the_next_change(project: Path) -> None:
    goal = Goal().add("auth")
    goal.reach(project)
    path = project / "donkeylabs-lock.json"
    canonical = path.read_text()
    path.write_text(json.dumps(json.loads(canonical)))

    edit = edit_of(goal.plan(project), "donkeylabs-lock.json")

    assert edit.after == canonical


# package.json.


def test_npm_packages_are_added_where_they_are_missing_and_every_other_byte_stays(tmp_path: Path) -> None:
    text = '{\r\n\t"name": "shop",\r\n\t"dependencies": {\r\n\t\t"zod": "^3.0.0"\r\n\t}\r\n}'
    project = write_project(tmp_path / "shop", package_json=text)
    plan = Goal().add("auth", npm={"jose": "^6.0.0", "zod": "^4.0.0"}).plan(project)

    edit = edit_of(plan, "package.json")

    assert plan.npm == {"jose": "^6.0.0"}
    assert (edit.before, edit.before_integrity) == (text, integrity_of(text.encode()))
    assert edit.after == text.replace('\t\t"zod"', '\t\t"jose": "^6.0.0",\r\n\t\t"zod"')


@pytest.mark.parametrize("field", ["devDependencies", "peerDependencies", "optionalDependencies"])
def test_an_npm_package_the_project_has_in_any_field_is_left_alone(tmp_path: Path, field: str) -> None:
    text = json.dumps({"name": "shop", field: {"jose": "^1.0.0"}})
    project = write_project(tmp_path / "shop", package_json=text)
    plan = Goal().add("auth", npm={"jose": "^6.0.0"}).plan(project)

    assert plan.npm == {}
    assert edit_of(plan, "package.json") is None


def test_plugins_never_become_npm_dependencies(project: Path) -> None:
    plan = Goal().add("auth", needs={"users": "*"}).add("users", asked=None).plan(project)

    assert edit_of(plan, "package.json") is None


def test_npm_packages_of_a_plugin_that_stays_are_not_added_again(project: Path) -> None:
    """Who took one out of package.json did so on purpose."""
    Goal().add("auth", npm={"jose": "^6.0.0"}).reach(project)
    (project / "package.json").write_text(PACKAGE_JSON)

    plan = Goal().add("auth", npm={"jose": "^6.0.0"}).add("users").plan(project)

    assert plan.npm == {}


def test_without_a_package_json_npm_packages_are_told_and_nothing_is_made(project: Path) -> None:
    (project / "package.json").unlink()
    plan = Goal().add("auth", npm={"jose": "^6.0.0"}).add("users").reach(project)

    assert plan.npm == {}
    assert notice_codes(plan) == ["package-json-missing", "unsigned"]
    assert plan.notices[0].severity == "warning"
    assert "jose" in plan.notices[0].text
    assert not (project / "package.json").exists()


def test_without_a_package_json_a_plugin_without_npm_packages_earns_no_notice(project: Path) -> None:
    (project / "package.json").unlink()

    assert notice_codes(Goal().add("auth").plan(project)) == ["unsigned"]


def test_a_broken_package_json_is_a_problem_only_for_who_needs_it(project: Path) -> None:
    Goal().add("auth", npm={"jose": "^6.0.0"}).reach(project)
    (project / "package.json").write_text("{ broken")

    with pytest.raises(InvalidManifest):
        Goal().add("auth").add("mail", npm={"nodemailer": "^6.0.0"}).plan(project)
    assert Goal().add("auth", npm={"jose": "^6.0.0"}).add("users").plan(project).npm == {}
    with pytest.raises(InvalidManifest):
        Goal().plan(project)


@pytest.mark.parametrize(
    ("package", "asked"),
    [
        ("jose", "git+ssh://example.com/jose.git"),
        ("jose", "https://example.com/jose.tgz"),
        ("jose", "file:../jose"),
        ("jose", "npm:other@1.0.0"),
        ("jose", "github:someone/jose"),
        ("-g", "^1.0.0"),
        ("../jose", "^1.0.0"),
        ("jo se", "^1.0.0"),
    ],
)
def test_a_registry_cannot_bring_in_npm_code_from_elsewhere(project: Path, package: str, asked: str) -> None:
    """The feed is the registry's word; the package's own manifest is judged when it is published."""
    hostile = release("1.0.0", dependencies=ReleaseDependencies(packages={package: asked}))

    with pytest.raises(InvalidPackage, match="`auth` asks for an npm package that is none"):
        make_plan(read_snapshot(project), {"auth": wanted(hostile, "auth")})


# donkeylabs.config.ts.


def test_the_config_is_left_alone_where_a_glob_matches(project: Path) -> None:
    assert edit_of(Goal().add("auth").plan(project), "donkeylabs.config.ts") is None


def test_a_glob_is_added_where_none_matches_and_every_other_byte_stays(tmp_path: Path) -> None:
    text = NARROW_CONFIG.replace("\n", "\r\n").replace("  outDir", "  // mine\r\n  outDir")
    project = write_project(tmp_path / "shop", config=text)
    edit = edit_of(Goal().add("auth").plan(project), "donkeylabs.config.ts")

    assert edit.before == text
    assert edit.after == text.replace('*.ts"', '*.ts", "./src/server/plugins/**/index.ts"')


def test_a_removal_never_touches_the_config(tmp_path: Path) -> None:
    project = write_project(tmp_path / "shop", config=NARROW_CONFIG)
    Goal().add("auth").reach(project)
    (project / "donkeylabs.config.ts").write_text(NARROW_CONFIG)

    assert edit_of(Goal().plan(project), "donkeylabs.config.ts") is None


def test_a_config_that_is_not_understood_is_told_and_left_alone(tmp_path: Path) -> None:
    text = "export default makeConfig({ plugins: somewhere() });\n"
    project = write_project(tmp_path / "shop", config=text)
    plan = Goal().add("auth").plan(project)

    assert edit_of(plan, "donkeylabs.config.ts") is None
    notice = plan.notices[0]
    assert (notice.code, notice.severity) == ("config-not-understood", "warning")
    assert '"./src/plugins/**/index.ts"' in notice.hint


# The user's own files.


def test_a_plugin_written_by_hand_is_never_replaced_unasked(project: Path) -> None:
    own = project / PLUGINS / "auth" / "index.ts"
    own.parent.mkdir(parents=True)
    own.write_text("// mine\n")

    with pytest.raises(FolderTaken, match=f"{PLUGINS}/auth is in the way"):
        Goal().add("auth").plan(project)

    plan = Goal().add("auth").plan(project, is_forced=True)
    assert plan.basis.trees["auth"] == read_snapshot(project).trees["auth"]


def test_a_link_in_the_way_is_never_replaced_unasked(project: Path, tmp_path: Path) -> None:
    (project / PLUGINS).mkdir()
    (project / PLUGINS / "auth").symlink_to(tmp_path / "my-checkout")

    with pytest.raises(FolderTaken):
        Goal().add("auth").plan(project)


def test_a_plugin_written_by_hand_stays_when_others_go(project: Path) -> None:
    Goal().add("auth").reach(project)
    own = project / PLUGINS / "mine" / "index.ts"
    own.parent.mkdir(parents=True)
    own.write_text("// mine\n")

    plan = Goal().reach(project)

    assert [step.name for step in plan.steps] == ["auth"]
    assert own.read_text() == "// mine\n"


@pytest.mark.parametrize(("goal", "verb"), [(Goal().add("auth", "2.0.0"), "update"), (Goal(), "remove")])
def test_edits_of_the_user_are_not_lost_unasked(project: Path, goal: Goal, verb: str) -> None:
    Goal().add("auth").reach(project)
    (project / PLUGINS / "auth" / "index.ts").write_text("// improved\n")

    with pytest.raises(PluginEdited, match=f"edits of yours, and this would {verb} it"):
        goal.plan(project)

    plan = goal.plan(project, is_forced=True)
    assert "edits-replaced" in notice_codes(plan)


@pytest.mark.parametrize("change", ["add", "delete", "link"])
def test_added_deleted_and_linked_files_are_edits_too(project: Path, change: str) -> None:
    Goal().add("auth").reach(project)
    folder = project / PLUGINS / "auth"
    if change == "add":
        (folder / "more.ts").write_text("export {};\n")
    else:
        (folder / "README.md").unlink()
    if change == "link":
        (folder / "README.md").symlink_to(folder / "LICENSE")

    with pytest.raises(PluginEdited):
        Goal().add("auth", "2.0.0").plan(project)


def test_an_edited_plugin_that_stays_stops_nobody(project: Path) -> None:
    Goal().add("auth").reach(project)
    (project / PLUGINS / "auth" / "index.ts").write_text("// improved\n")

    plan = Goal().add("auth").add("users").reach(project)

    assert [step.name for step in plan.changes] == ["users"]
    assert (project / PLUGINS / "auth" / "index.ts").read_text() == "// improved\n"


def test_a_regenerated_schema_is_no_edit(project: Path) -> None:
    schema = {"schema.ts": "export type Schema = {};\n"}
    Goal().add("auth", extra=schema).reach(project)
    (project / PLUGINS / "auth" / "schema.ts").write_text("// generated\n")

    assert [step.kind for step in Goal().add("auth", "2.0.0", extra=schema).plan(project).steps] == ["update"]


def test_line_ends_and_a_missing_last_one_are_no_edit(project: Path) -> None:
    Goal().add("auth").reach(project)
    index = project / PLUGINS / "auth" / "index.ts"
    index.write_bytes(index.read_bytes().replace(b"\n", b"\r\n").rstrip())

    assert [step.kind for step in Goal().add("auth", "2.0.0").plan(project).steps] == ["update"]


# What a person should know of the releases.


def test_yanked_and_deprecated_releases_are_told(project: Path) -> None:
    goal = Goal().add("auth", fields={"yanked": True, "yank_reason": "leaks keys"})
    goal.add("mail", fields={"deprecated": True, "deprecation": "use post"}).add("users")
    plan = goal.plan(project)

    assert [(notice.code, notice.severity, notice.text) for notice in plan.notices[:2]] == [
        ("yanked", "warning", "`auth` 1.0.0 was yanked: leaks keys"),
        ("deprecated", "warning", "`mail` 1.0.0 is deprecated: use post"),
    ]


def test_a_yanked_release_that_stays_is_told_with_every_plan(project: Path) -> None:
    Goal().add("auth").reach(project)

    plan = Goal().add("auth", fields={"yanked": True}).add("users").plan(project)

    assert (plan.notices[0].text, plan.notices[0].hint) == (
        "`auth` 1.0.0 was yanked",
        "donkeytui update auth",
    )
