"""What a person should know before a plan is applied, in sentences; warnings before notes."""

from collections.abc import Iterable, Mapping, Sequence

from donkeytui.events import Notice
from donkeytui.install.npm_plan import NpmPlan
from donkeytui.install.plan import PlanOptions, PluginMerge, Step, Wanted
from donkeytui.project.merge import SAME_CHANGE
from donkeytui.project.snapshot import ProjectSnapshot
from registry_server.contract.wire import Contents, Release

_COPY = "donkeytui undo brings it back"
_NAMES_SHOWN = 6


def notices_of(
    snapshot: ProjectSnapshot,
    wanted: Mapping[str, Wanted],
    touched: Sequence[Step],
    npm: NpmPlan,
    options: PlanOptions,
) -> tuple[Notice, ...]:
    found: list[Notice] = []
    for name, goal in sorted(wanted.items()):
        found += _about_release(name, goal.release)
    installs = [step for step in touched if step.after]
    found += _about_project(snapshot, wanted, installs)
    if options.is_forced:
        found += _about_replaced(snapshot, touched)
    for merge in options.merges:
        found += _about_merge(merge)
    found += _about_npm(npm)
    for step in installs:
        found += _about_step(step, wanted[step.name])
    found += _unsigned(installs)
    if any(step.kind == "remove" for step in touched):
        found.append(
            _note("tables-stay", "tables that migrations of a removed plugin made stay in the database")
        )
    return tuple(sorted(found, key=lambda notice: notice.severity == "note"))


def _note(code: str, text: str, hint: str = "") -> Notice:
    return Notice(severity="note", code=code, text=text, hint=hint)


def _warning(code: str, text: str, hint: str = "") -> Notice:
    return Notice(severity="warning", code=code, text=text, hint=hint)


def _about_release(name: str, release: Release) -> Iterable[Notice]:
    if release.quarantine:
        yield _warning(
            "quarantined",
            f"`{name}` {release.version} stays, and is in quarantine: {release.quarantine}",
            f"donkeytui update {name}, or donkeytui uninstall {name}",
        )
    if release.yanked:
        reason = f": {release.yank_reason}" if release.yank_reason else ""
        yield _warning("yanked", f"`{name}` {release.version} was yanked{reason}", f"donkeytui update {name}")
    if release.deprecated:
        yield _warning("deprecated", f"`{name}` {release.version} is deprecated: {release.deprecation}")


def _about_project(
    snapshot: ProjectSnapshot, wanted: Mapping[str, Wanted], installs: Sequence[Step]
) -> Iterable[Notice]:
    if installs and not snapshot.config_reading.is_understood:
        yield _warning(
            "config-not-understood",
            f"{snapshot.config.path} has a shape we do not edit ({snapshot.config_reading.reason})",
            f'check that its `plugins` find "./{snapshot.plugins_root}/**/index.ts"',
        )
    packages = sorted({p for step in installs for p in wanted[step.name].release.dependencies.packages})
    if packages and not snapshot.package_json.integrity:
        yield _warning(
            "package-json-missing", f"there is no package.json to add npm packages to: {_names(packages)}"
        )


def _about_replaced(snapshot: ProjectSnapshot, touched: Sequence[Step]) -> Iterable[Notice]:
    """Files of the user that make way."""
    edited, locked = set(snapshot.edited()), snapshot.lockfile.plugins
    for step in touched:
        if step.name in edited:
            fate = "go with it" if step.kind == "remove" else "are replaced"
            yield _warning("edits-replaced", f"your edits of `{step.name}` {fate}; {_COPY}")
        elif step.name in snapshot.trees and step.name not in locked:
            yield _warning("folder-replaced", f"your own `{step.name}` is replaced; {_COPY}")


def _about_merge(merge: PluginMerge) -> Iterable[Notice]:
    lost = [file.path for file in merge.files if file.outcome == "taken" and file.detail != SAME_CHANGE]
    if lost:
        where = _names(lost)
        yield _warning(
            "edits-replaced", f"the release of `{merge.name}` wins over your lines in {where}", _COPY
        )
    if merge.conflicts:
        yield _warning(
            "merge-conflict",
            f"your edits of `{merge.name}` and the new release meet in {_names(merge.conflicts)}",
            "resolve what is marked <<<<<<< there, or plan again with --keep or --theirs",
        )
    elif carried := len(merge.files) - len(lost):
        yield _note("merged", f"your edits of `{merge.name}` are carried over: {_counted(carried, 'file')}")


def _about_npm(npm: NpmPlan) -> Iterable[Notice]:
    for conflict in npm.conflicts:
        has, stays = f"package.json has {conflict.range}", "package.json is left as it is"
        if conflict.other != "package.json":
            has = f"`{conflict.other}` asks for {conflict.range}"
            stays = f"package.json goes by `{conflict.other}`"
        yield _warning(
            "npm-conflict",
            f"`{conflict.plugin}` asks for {conflict.package} {conflict.wanted}, {has}: no version fits both",
            f"{stays}; change it by hand if `{conflict.plugin}` does not work with it",
        )
    if npm.removed:
        yield _note("npm-removed", f"nothing needs {_names(npm.removed)} from npm any more")


def _about_step(step: Step, goal: Wanted) -> Iterable[Notice]:
    """What the release does beyond bringing its folder, as far as it is new."""
    before = goal.before.contents if goal.before and step.before else Contents()
    now, who = goal.release.contents, f"`{step.name}` {step.after}"
    if step.kind == "downgrade":
        yield _warning("downgrade", f"`{step.name}` goes back from {step.before} to {step.after}")
    labels = [label for label in now.labels if label not in before.labels]
    if labels and goal.before and step.before:
        yield _warning("capabilities", f"{who} uses what {step.before} did not: {_names(labels)}")
    elif labels:
        yield _note("capabilities", f"{who} uses: {_names(labels)}")
    if migrations := [path for path in now.migrations if path not in before.migrations]:
        words = _counted(len(migrations), "migration")
        yield _note("migrations", f"{who} brings {words}, run at the next start: {_names(migrations)}")
    if variables := [name for name in now.env_vars if name not in before.env_vars]:
        yield _note("env-vars", f"{who} reads from the environment: {_names(variables)}")
    if now.postinstall and now.postinstall != before.postinstall:
        yield _note("hook", f"{who} has a hook, which is not run: {now.postinstall}", "donkeytui hooks")
    for text in now.instructions if now.instructions != before.instructions else ():
        yield _note("instructions", f"{who} says: {text}")


def _unsigned(installs: Sequence[Step]) -> Iterable[Notice]:
    """No release carries a signature yet that this program could check."""
    names = [f"`{step.name}` {step.after}" for step in installs]
    if names:
        yield _note(
            "unsigned", f"not signed by a publisher, only checked against the catalogue: {_names(names)}"
        )


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
