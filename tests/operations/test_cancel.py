"""What a cancellation can stop, and what it waits for."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from donkeytui.events import Event, OutputLine
from donkeytui.install.disk import Disk
from donkeytui.operations.apply import InstallReport, apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.session import Session
from tests.support.tools import Tools


class WaitingDisk(Disk):
    """Stops at its first move until it is let go."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()

    def move(self, source: Path, target: Path) -> None:
        self.has_begun.set()
        self.may_go_on.wait(10)
        super().move(source, target)


def test_cancelling_a_commit_waits_for_its_end_and_gives_the_report(
    publish: Callable[..., Any], in_session: Callable[..., Any], project: Path
) -> None:
    publish("users")
    disk = WaitingDisk()

    async def install(session: Session) -> InstallReport:
        plan = await plan_changes(session, Changes(install=("users",)))
        applying = asyncio.ensure_future(apply_plan(session, plan, disk=disk))
        await asyncio.to_thread(disk.has_begun.wait, 10)
        applying.cancel()
        disk.may_go_on.set()
        return await applying

    report = in_session(install)

    assert [step.name for step in report.changes] == ["users"]
    assert (project / "src/server/plugins/users/index.ts").exists()


def test_cancelling_the_package_manager_still_gives_the_report_of_what_was_installed(
    publish: Callable[..., Any], in_session: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    publish("users", npm={"jose": "^5"})
    tools = Tools(tmp_path / "bin")
    tools.add("bun", "import time\nprint('begun', flush=True)\ntime.sleep(60)")

    async def install(session: Session) -> InstallReport:
        plan = await plan_changes(session, Changes(install=("users",), ignores_engines=True))

        def cancel_when_begun(event: Event) -> None:
            if isinstance(event, OutputLine):
                applying.cancel()

        applying = asyncio.ensure_future(apply_plan(session, plan, runs_npm=True, report=cancel_when_begun))
        return await applying

    report = in_session(install, environment=tools.path)

    assert [step.name for step in report.changes] == ["users"]
    assert report.npm is not None
    assert (report.npm.state, report.npm.why) == ("failed", "it was stopped")
    assert (project / "src/server/plugins/users/index.ts").exists()


def test_cancelling_a_commit_starts_no_package_manager_after_it(
    publish: Callable[..., Any], in_session: Callable[..., Any], tmp_path: Path
) -> None:
    publish("users", npm={"jose": "^5"})
    tools = Tools(tmp_path / "bin")
    tools.add("bun")
    disk = WaitingDisk()

    async def install(session: Session) -> InstallReport:
        plan = await plan_changes(session, Changes(install=("users",), ignores_engines=True))
        applying = asyncio.ensure_future(apply_plan(session, plan, runs_npm=True, disk=disk))
        await asyncio.to_thread(disk.has_begun.wait, 10)
        applying.cancel()
        disk.may_go_on.set()
        return await applying

    report = in_session(install, environment=tools.path)

    assert report.npm is not None
    assert report.npm.state == "not-run"
    assert tools.calls("bun") == []
