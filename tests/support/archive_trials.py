"""One registry and one project on which archives are tried, at publish and at install.

For the install the registry itself is bad: the archive lies in its store, and the catalogue has
its digest and size, so that no digest but only the rules for archives can refuse it.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from donkeytui.operations.apply import apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.session import Session, open_session
from donkeytui.settings import RegistryEntry, Settings
from registry_server.contract.problems import Problem, ProblemError
from registry_server.contract.wire import PublishReceipt
from registry_server.examiner import PackageExaminer
from registry_server.operations import starter
from registry_server.operations.accounts import local_caller
from registry_server.operations.publish import EMPTY_FORM, PublishForm, publish
from registry_server.registry import Registry, open_registry
from registry_server.store import changes, plugins
from tests.support.builders import FixedClock, tree, write_project
from tests.support.faults import CountingDisk
from tests.support.write_watch import outside, watched_writes

T = TypeVar("T")
PLUGIN_FOLDER = "src/server/plugins/auth"


class Trial(Struct, kw_only=True):
    """How it went with one archive."""

    problem: Problem | None = None
    """None: it was accepted."""
    changed: tuple[str, ...] = ()
    """What is other than before, of all that a refused archive may not touch."""
    strays: tuple[str, ...] = ()
    """What was written outside of the folder of the trials."""
    installed: dict[str, bytes] = {}
    """The plugin's folder afterwards."""


class Trials:
    """In `folder`, and nowhere else: `data`, `cache`, `shop` (the project) and a file beside it."""

    def __init__(self, folder: Path, first: bytes, examiner: PackageExaminer | None = None) -> None:
        """`first` is `auth` 1.0.0 and gets published, so that a catalogue has something to say.

        `examiner` belongs to the trials from now on; without one, packages are read in this process.
        """
        self.folder = folder
        self.shop = write_project(folder / "shop")
        (folder / "beside.txt").write_text("not yours\n")
        (folder / "cache").mkdir()
        self._clock = FixedClock()
        self.registry = _open(folder / "data" / "registry", self._clock, examiner)
        self._caller = local_caller(self.registry)
        self.receipt: PublishReceipt = publish(self.registry, self._caller, first)

    def close(self) -> None:
        self.registry.close()

    def publish(self, archive: bytes, form: PublishForm = EMPTY_FORM) -> Trial:
        with self._tried(with_registry=True) as trial:
            publish(self.registry, self._caller, archive, form)
        return trial

    def install(self, *archives: bytes) -> list[Trial]:
        """One after the other, each as the package of `auth` 1.0.0, in a project that lacks it."""

        async def each(session: Session) -> list[Trial]:
            trials = []
            for archive in archives:
                self._pass_off(archive)
                trials.append(await self._install(session))
                if trials[-1].installed:
                    shutil.rmtree(self.shop)
                    write_project(self.shop)
            return trials

        return self._in_session(each)

    def install_as_published(self) -> Trial:
        return self._in_session(self._install)

    async def _install(self, session: Session) -> Trial:
        with self._tried() as trial:
            plan = await plan_changes(session, Changes(install=("auth",)))
            await apply_plan(session, plan, disk=CountingDisk())  # Does not wait for the device.
        folder = self.shop / PLUGIN_FOLDER
        trial.installed = tree(folder) if folder.is_dir() else {}
        return trial

    def _pass_off(self, archive: bytes) -> None:
        integrity = self.registry.packages.put(archive)
        with self.registry.database.write() as connection:
            plugin = plugins.plugin_id(connection, "auth")
            assert plugin is not None
            connection.execute(
                "UPDATE releases SET integrity = ?, size = ? WHERE plugin_id = ?",
                (integrity, len(archive), plugin),
            )
            changes.record(connection, plugin, self.registry.clock())

    @contextmanager
    def _tried(self, *, with_registry: bool = False) -> Iterator[Trial]:
        trial = Trial()
        before = self._surroundings(with_registry=with_registry)
        with watched_writes() as paths:
            try:
                yield trial
            except ProblemError as error:
                trial.problem = error.problem
        after = self._surroundings(with_registry=with_registry)
        trial.changed = tuple(
            sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        )
        trial.strays = tuple(outside(paths, self.folder))

    def _surroundings(self, *, with_registry: bool) -> dict[str, bytes]:
        """The project and what lies beside it; if wished for, what a publish changes in the registry."""
        found = {path.name: b"" for path in self.folder.iterdir()}
        found["beside.txt"] = (self.folder / "beside.txt").read_bytes()
        for path in self.shop.rglob("*"):
            found[str(path.relative_to(self.folder))] = path.read_bytes() if path.is_file() else b""
        if with_registry:
            found["feed"] = b"%d" % changes.current_serial(self.registry.database.read())
            stored = self.folder / "data" / "registry" / "packages"
            found |= {path.name: b"" for path in stored.rglob("*") if path.is_file()}
        return found

    def _in_session(self, operation: Callable[[Session], Awaitable[T]]) -> T:
        embedded = RegistryEntry("embedded", "embedded:")
        settings = Settings(
            config_path=self.folder / "config.toml",
            data_dir=self.folder / "data",
            cache_dir=self.folder / "cache",
            registries=(embedded,),
            registry=embedded,
            project_start=self.shop,
            stale_after_seconds=-1,
        )

        async def run() -> T:
            async with open_session(settings, clock=self._clock) as session:
                return await operation(session)

        return asyncio.run(run())


def _open(folder: Path, clock: FixedClock, examiner: PackageExaminer | None) -> Registry:
    """Without the starter plugins, as if they had been published and removed."""
    registry = open_registry(folder, clock, examiner=examiner)
    with registry.database.write() as connection:
        changes.write_meta(connection, "starter", starter._edition())
    return registry
