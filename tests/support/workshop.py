"""A project and what a user does to it, through the real path: every call is a session of its own.

The catalogue is brought up to date by every call, so that a test need not say when.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from donkeytui.events import Event
from donkeytui.install.plan import InstallPlan
from donkeytui.operations.apply import InstallReport, apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.operations.edits import FileDiff, VerifyReport, diff, verify
from donkeytui.operations.plan_file import PlanFile, plan_from_file
from donkeytui.project.lockfile import Lockfile, parse_lockfile
from donkeytui.settings import RegistryEntry
from tests.support.faults import CountingDisk

PLUGINS = "src/server/plugins"
ELSEWHERE = RegistryEntry("elsewhere", "http://registry.invalid")
OFFLINE: dict[str, Any] = {"registry": ELSEWHERE, "registries": (ELSEWHERE,), "is_offline": True}
"""Another registry than the one packages came from, and no way to it: only the cache is left."""


class Workshop:
    def __init__(self, root: Path, in_session: Callable[..., Any]) -> None:
        self.root = root
        self.in_session = in_session
        self.events: list[Event] = []
        """Of the last `apply`."""

    def run(self, operation: Callable[[Any], Any], settings: dict[str, Any] | None = None) -> Any:
        options = {"project_start": self.root, "stale_after_seconds": -1, **(settings or {})}
        return self.in_session(operation, **options)

    def plan(self, *install: str, settings: dict[str, Any] | None = None, **changes: Any) -> InstallPlan:
        return self.plan_for(Changes(install=install, **changes), settings)

    def plan_for(self, changes: Changes, settings: dict[str, Any] | None = None) -> InstallPlan:
        plan: InstallPlan = self.run(lambda session: plan_changes(session, changes), settings)
        return plan

    def carry_out(
        self, plan: InstallPlan, *, settings: dict[str, Any] | None = None, runs_npm: bool = False
    ) -> InstallReport:
        self.events = []

        async def operation(session: Any) -> InstallReport:
            disk = CountingDisk()  # Does not wait for the device.
            return await apply_plan(session, plan, runs_npm=runs_npm, report=self.events.append, disk=disk)

        report: InstallReport = self.run(operation, settings)
        return report

    def apply(
        self, *install: str, settings: dict[str, Any] | None = None, runs_npm: bool = False, **changes: Any
    ) -> InstallReport:
        plan = self.plan(*install, settings=settings, **changes)
        return self.carry_out(plan, settings=settings, runs_npm=runs_npm)

    def plan_of(self, file: PlanFile) -> InstallPlan:
        plan: InstallPlan = self.run(lambda session: plan_from_file(session, file))
        return plan

    def verify(self) -> VerifyReport:
        found: VerifyReport = self.run(verify)
        return found

    def diff(self, *names: str) -> tuple[FileDiff, ...]:
        found: tuple[FileDiff, ...] = self.run(lambda session: diff(session, names))
        return found

    def file(self, path: str) -> Path:
        """A path below the plugins folder."""
        return self.root / PLUGINS / path

    def write(self, path: str, text: str) -> None:
        """A file of the project, newlines as given."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())

    def read(self, path: str) -> str:
        return (self.root / path).read_bytes().decode()

    def replace(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert old in text, f"{path} does not hold {old!r}"
        self.write(path, text.replace(old, new))

    @property
    def lockfile(self) -> Lockfile:
        return parse_lockfile(self.read("donkeylabs-lock.json"))

    @property
    def versions(self) -> dict[str, str]:
        return self.lockfile.versions


def kinds(plan: InstallPlan) -> dict[str, str]:
    return {step.name: step.kind for step in plan.changes}


def chosen(plan: InstallPlan) -> dict[str, str]:
    """Name -> version afterwards."""
    return {step.name: step.after for step in plan.steps if step.after}


def told(plan: InstallPlan, code: str) -> list[str]:
    """The sentences of one kind."""
    return [notice.text for notice in plan.notices if notice.code == code]
