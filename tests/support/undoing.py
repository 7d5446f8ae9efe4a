"""Projects with something to take back, and a session that does it."""

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from donkeytui.install.commit import recover
from donkeytui.install.disk import Disk
from donkeytui.install.plan import InstallPlan, edit_of
from donkeytui.install.project_lock import project_lock
from donkeytui.operations.apply import InstallReport
from donkeytui.operations.undo import Change, apply_undo, list_history, plan_undo
from donkeytui.project.snapshot import read_snapshot
from donkeytui.session import Session, open_session
from donkeytui.settings import RegistryEntry, Settings
from tests.support.builders import CONFIG, PACKAGE_JSON, FixedClock, write_project
from tests.support.plans import Goal

T = TypeVar("T")
PLUGINS = "src/server/plugins"
NARROW_CONFIG = CONFIG.replace("plugins/**/index.ts", "plugins/*.ts")
"""Its glob finds no plugin, so installing one adds a glob."""


class Bench:
    """A project and what is taken back in it; every call is a session of its own, without a registry."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self._home = home

    def run(self, operation: Callable[[Session], Awaitable[T]]) -> T:
        nowhere = RegistryEntry("nowhere", "http://registry.invalid")
        settings = Settings(
            config_path=self._home / "config.toml",
            data_dir=self._home / "data",
            cache_dir=self._home / "cache",
            registries=(nowhere,),
            registry=nowhere,
            project_start=self.root,
            is_offline=True,
        )

        async def with_session() -> T:
            async with open_session(settings, clock=FixedClock()) as session:
                return await operation(session)

        return asyncio.run(with_session())

    def plan(self, *, is_forced: bool = False) -> InstallPlan:
        return self.run(lambda session: plan_undo(session, is_forced=is_forced))

    def apply(self, plan: InstallPlan, disk: Disk | None = None) -> InstallReport:
        return self.run(lambda session: apply_undo(session, plan, disk=disk))

    def undo(self, *, is_forced: bool = False) -> InstallPlan:
        plan = self.plan(is_forced=is_forced)
        self.apply(plan)
        return plan

    def history(self) -> tuple[Change, ...]:
        return self.run(list_history)

    def numbers(self) -> list[int]:
        return [change.number for change in self.history()]

    def kept(self, number: int) -> Path:
        """The folder of what a change replaced."""
        for record in (self.root / ".donkeylabs").glob("txn-*/record.json"):
            if json.loads(record.read_bytes())["number"] == number:
                return record.parent / "old"
        raise AssertionError(f"nothing is kept of change {number}")


def copying(files: Mapping[str, str], *, name: str = "users") -> dict[str, str]:
    """Files of a package that go to these places of the project."""
    sources = {f"files/{number}.txt": text for number, text in enumerate(files.values())}
    copy = [{"from": source, "to": place} for source, place in zip(sources, files, strict=True)]
    return {**sources, "manifest.json": json.dumps({"name": name, "version": "1.0.0", "copy": copy})}


def whole(root: Path) -> dict[str, tuple[Any, ...]]:
    """Every file with its bytes and mode and every link with its target, but for our own folder."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if ".donkeylabs" in name.split("/"):
            continue
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_file():
            found[name] = (oct(stat.S_IMODE(path.stat().st_mode)), path.read_bytes())
    return found


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, newline="")
    path.chmod(mode)
    return path


def lived_in(root: Path) -> Path:
    """A project with installed plugins that its user has worked on for a while."""
    write_project(root, config=NARROW_CONFIG, package_json=PACKAGE_JSON.replace("\n", "\r\n"))
    copies = {"public/users.txt": "one\n", "public/deep/old.txt": "old\n", "public/run.sh": "echo 1\n"}
    Goal().add("users", extra=copying(copies)).add("stale").add("kept").reach(root, title="install users")
    users = root / PLUGINS / "users"
    write(users / "README.md", "# users, as we use it\r\n")
    write(users / "schema.ts", "// generated\n", 0o600)
    write(users / "bin" / "seed.sh", "echo seed\n", 0o755)
    (users / "bin" / "same").symlink_to("seed.sh")
    (users / "types").symlink_to("../kept")
    (root / "public" / "run.sh").chmod(0o750)
    write(root / "public" / "mine.txt", "private\n", 0o600)
    write(root / PLUGINS / "mail" / "index.ts", "// my own mailer\n", 0o640)
    write(root / ".." / "elsewhere" / "index.ts", "// another checkout\n")
    (root / PLUGINS / "linked").symlink_to("../../../../elsewhere")
    (root / PLUGINS / "lost").symlink_to("../../../../nowhere")
    (root / "donkeylabs.config.ts").write_text(NARROW_CONFIG)
    return root


def change_all(root: Path) -> InstallPlan:
    """One forced change that does everything a change can do to a project."""
    copies = {"public/users.txt": "two\n", "assets/new/users.css": "new\n", "public/mine.txt": "taken\n"}
    goal = Goal().add("users", "2.0.0", extra=copying(copies)).add("kept").add("mail").add("linked")
    goal.add("lost").add("auth", needs={"users": "^2.0.0"}, npm={"jose": "^6.0.0"})
    entry = read_snapshot(root).entry
    registered = edit_of(entry, f"// registered\n{entry.text}")
    return goal.reach(root, is_forced=True, entry=registered, title="update users")


def finish(root: Path) -> None:
    with project_lock(root):
        recover(root, Disk())
