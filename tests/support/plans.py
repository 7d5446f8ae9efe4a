"""Goals and plans from packages in memory: what an install is made of, without a registry."""

from pathlib import Path

from donkeytui.install.commit import commit
from donkeytui.install.disk import Disk
from donkeytui.install.plan import InstallPlan, PlanOptions, Wanted
from donkeytui.install.planning import make_plan
from donkeytui.install.project_lock import project_lock
from donkeytui.install.stage import Staged, stage
from donkeytui.project.snapshot import read_copy, read_snapshot
from registry_server.contract.archive import read_package
from registry_server.contract.contents import contents_of
from registry_server.contract.integrity import integrity_of
from registry_server.contract.validation import check_package
from registry_server.contract.wire import Contents, Release, ReleaseDependencies
from tests.support.builders import package, release


class Goal:
    """A state to reach, and the bytes it takes."""

    def __init__(self) -> None:
        self.wanted: dict[str, Wanted] = {}
        self.packages: dict[str, bytes] = {}

    def add(
        self,
        name: str,
        version: str = "1.0.0",
        *,
        asked: str | None = "*",
        npm: dict[str, str] | None = None,
        needs: dict[str, str] | None = None,
        fields: dict[str, object] | None = None,
        **options: object,
    ) -> "Goal":
        data = package(name, version, npm=npm, needs=needs, **options)
        self.packages[name] = data
        self.wanted[name] = wanted(
            release(
                version,
                checksum=integrity_of(data),
                size=len(data),
                dependencies=ReleaseDependencies(packages=npm or {}),
                contents=_contents(data),
                **(fields or {}),
            ),
            name,
            asked=asked,
            needs=needs,
        )
        return self

    def plan(self, root: Path, **options: object) -> InstallPlan:
        targets = [copy.target for each in self.wanted.values() for copy in each.release.contents.copies]
        snapshot = read_snapshot(root)
        present = {path: read_copy(root, path) for path in (*targets, *snapshot.copies)}
        return make_plan(snapshot, self.wanted, PlanOptions(present=present, **options))  # type: ignore[arg-type]

    def staged(self, plan: InstallPlan) -> Staged:
        return stage(plan, {each.name: self.packages[each.name] for each in plan.downloads})

    def reach(self, root: Path, disk: Disk | None = None, **options: object) -> InstallPlan:
        """Plans and commits."""
        plan = self.plan(root, **options)
        with project_lock(root):
            commit(plan, self.staged(plan), disk or Disk())
        return plan


def _contents(data: bytes) -> Contents:
    entries = read_package(data)
    return contents_of(entries, check_package(entries))


def wanted(
    release: Release, name: str, *, asked: str | None = "*", needs: dict[str, str] | None = None
) -> Wanted:
    return Wanted(
        release=release,
        range=asked,
        why=("you",) if asked is not None else (),
        resolved=f"embedded:/api/plugins/{name}/{release.version}/download",
        dependencies=needs or {},
    )
