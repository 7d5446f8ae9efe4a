"""What a cancellation can stop, and what it waits for."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from donkeytui.install.disk import Disk
from donkeytui.operations.apply import InstallReport, apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.session import Session


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
