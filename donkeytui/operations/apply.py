"""Make a plan real: fetch, verify, stage, commit; then say what is left to do."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from donkeytui.events import Notice, Report, StageFinished, StageStarted, silent
from donkeytui.install.commit import commit, recover
from donkeytui.install.disk import Disk
from donkeytui.install.fetch import fetch
from donkeytui.install.plan import InstallPlan, Step
from donkeytui.install.project_lock import project_lock
from donkeytui.install.stage import ReadPackage, Staged, stage
from donkeytui.install.tools import package_manager
from donkeytui.operations.carrying import merge_inputs
from donkeytui.operations.npm import NpmReport, install_npm_packages
from donkeytui.operations.registering import (
    installed_definitions,
    left_registrations,
    missing_registrations,
    needed_first,
)
from donkeytui.operations.releases import check_obtainable
from donkeytui.parallel import to_its_end
from donkeytui.problems import OfflineMissing
from donkeytui.project.server_entry import Registration
from donkeytui.project.snapshot import PACKAGE_JSON, ProjectSnapshot, read_snapshot
from donkeytui.session import Session
from registry_server.contract.definition import Definition


class Hook(Struct, frozen=True, kw_only=True):
    """A command that a release would like to run after it was installed. Nothing runs it by itself."""

    plugin: str
    version: str
    command: str


class NextSteps(Struct, frozen=True, kw_only=True):
    """What the user has to do, in this order."""

    entry: str
    """The server entry the lines belong to, relative to the project."""
    registrations: tuple[Registration, ...] = ()
    removals: tuple[Registration, ...] = ()
    """Lines of the entry that would not find their plugin any more."""
    env_vars: tuple[str, ...] = ()
    npm_command: str = ""
    """Installs the npm packages; empty when there are none to install."""
    commands: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()


class InstallReport(Struct, frozen=True, kw_only=True):
    root: str
    undid: int = 0
    """The number of the change that was taken back."""
    changes: tuple[Step, ...]
    next_steps: NextSteps
    notices: tuple[Notice, ...] = ()
    conflicts: tuple[str, ...] = ()
    """Files where the user's edits and the release meet, to be looked at."""
    npm: NpmReport | None = None
    """How installing the npm packages went, if that was asked for and needed."""


async def apply_plan(
    session: Session,
    plan: InstallPlan,
    *,
    runs_npm: bool = False,
    report: Report = silent,
    disk: Disk | None = None,
) -> InstallReport:
    """Until the commit nothing of the project is touched.

    Cancelled during the commit or later, it ends with its report all the same. `runs_npm`: the package
    manager runs afterwards, when package.json changed; whatever it does, the plugins stay. Raises
    `PlanStale`, `ProjectBusy`, `ProjectNotWritable`, `Quarantined`, and what fetching and staging raise.
    """
    client = None
    for download in plan.downloads:
        # The plan may be older than the quarantine, and the cache may hold it all the same.
        check_obtainable(session, download.name, download.version)
    if plan.downloads:
        # Offline, the cache may hold it all the same; what is missing is then named.
        with contextlib.suppress(OfflineMissing):
            client = await session.client()
    fetched = await fetch(plan, client, session.package_cache, report)
    root = Path(plan.root)
    report(StageStarted(stage="stage"))
    before = await session.in_thread(read_snapshot, root)
    gone = await session.in_thread(removed_definitions, before, plan)
    inputs = await merge_inputs(session, before, plan.merges)
    staged = await session.in_thread(stage, plan, fetched.packages, inputs)
    report(StageFinished(stage="stage"))
    return await carry_out(
        session,
        plan,
        staged,
        next_steps=lambda: _next_steps(plan, staged, gone),
        runs_npm=runs_npm,
        report=report,
        disk=disk,
    )


async def carry_out(
    session: Session,
    plan: InstallPlan,
    staged: Staged,
    *,
    next_steps: Callable[[], NextSteps],
    runs_npm: bool,
    report: Report,
    disk: Disk | None,
) -> InstallReport:
    """Commits, and says what was done; after the commit nothing may hide that from the user.

    `next_steps` looks at the project as it is then, in a thread.
    """
    root = Path(plan.root)
    report(StageStarted(stage="commit"))
    at = session.clock().isoformat(timespec="seconds")
    await to_its_end(session.in_thread(_commit, plan, staged, disk or Disk(), at))
    report(StageFinished(stage="commit"))
    return InstallReport(
        root=plan.root,
        undid=plan.undoes,
        changes=plan.changes,
        next_steps=await to_its_end(session.in_thread(next_steps)),
        notices=plan.notices,
        conflicts=plan.conflicts,
        npm=await install_npm_packages(session, root, report) if runs_npm and touches_npm(plan) else None,
    )


def removed_definitions(snapshot: ProjectSnapshot, plan: InstallPlan) -> dict[str, Definition]:
    """Of plugins that the plan takes out, as they are before it does."""
    return installed_definitions(snapshot, [step.name for step in plan.steps if step.kind == "remove"])


def _next_steps(plan: InstallPlan, staged: Staged, gone: Mapping[str, Definition]) -> NextSteps:
    root = Path(plan.root)
    after, new = read_snapshot(root), _new(plan, staged)
    return NextSteps(
        entry=after.entry.path,
        registrations=missing_registrations(after, {package.name: package.definition for package in new}),
        removals=left_registrations(after, gone),
        env_vars=tuple(dict.fromkeys(name for package in new for name in package.contents.env_vars)),
        npm_command=npm_command(root) if touches_npm(plan) else "",
        commands=("bunx donkeylabs generate",) if staged.folders or gone else (),
        instructions=tuple(text for package in new for text in package.contents.instructions),
        hooks=_hooks(plan, staged),
    )


def npm_command(root: Path) -> str:
    return f"{package_manager(root)} install"


def _commit(plan: InstallPlan, staged: Staged, disk: Disk, at: str) -> None:
    root = Path(plan.root)
    with project_lock(root, task=f"donkeytui {plan.title}".strip()):
        recover(root, disk)
        commit(plan, staged, disk, at=at)


def touches_npm(plan: InstallPlan) -> bool:
    return any(edit.path == PACKAGE_JSON for edit in plan.edits)


def _new(plan: InstallPlan, staged: Staged) -> list[ReadPackage]:
    """Packages of plugins that were not there before, needed ones first."""
    new = {step.name for step in plan.changes if step.kind == "install"}
    by_name = {package.name: package for package in staged.packages if package.name in new}
    order = needed_first({name: package.definition.dependencies for name, package in by_name.items()})
    return [by_name[name] for name in order]


def _hooks(plan: InstallPlan, staged: Staged) -> tuple[Hook, ...]:
    versions = {step.name: step.after for step in plan.changes}
    return tuple(
        Hook(plugin=package.name, version=versions[package.name], command=package.contents.postinstall)
        for package in staged.packages
        if package.contents.postinstall
    )
