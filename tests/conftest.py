"""What all tests share: no network, a clean environment, a real registry, a session on it."""

import asyncio
import io
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from donkeytui.cli.output import Streams
from donkeytui.cli.run import run as run_cli
from donkeytui.session import Session, open_session
from donkeytui.settings import RegistryEntry, Settings
from registry_server.operations import starter
from registry_server.operations.accounts import Caller, local_caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.registry import Registry, open_registry
from registry_server.store import changes
from tests.support.builders import FixedClock, package, write_project

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test leaves this machine; those marked `network` may use the loopback addresses."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        is_local = self.family == socket.AF_UNIX or (
            request.node.get_closest_marker("network") and address[0] in ("127.0.0.1", "::1", "localhost")
        )
        if not is_local:
            raise AssertionError(f"a test connects to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("DONKEYTUI_", "REGISTRY_SERVER_", "XDG_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def registry(tmp_path: Path, clock: FixedClock) -> Iterator[Registry]:
    """A real registry, empty, in the place where `session` has its embedded one."""
    opened = open_registry(tmp_path / "data" / "registry", clock)
    with opened.database.write() as connection:
        # As if the starter plugins had been published and removed: tests bring their own.
        changes.write_meta(connection, "starter", starter._edition())
    yield opened
    opened.close()


@pytest.fixture
def owner(registry: Registry) -> Caller:
    return local_caller(registry)


@pytest.fixture
def publish(registry: Registry, owner: Caller) -> Callable[..., Any]:
    """Packs and publishes through the real path: publish("auth", "1.2.0", needs={"users": "^2"})."""

    def publish(name: str, version: str = "1.0.0", **options: Any) -> Any:
        return publish_operation(registry, owner, package(name, version, **options))

    return publish


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop")


@pytest.fixture
def settings(tmp_path: Path, project: Path) -> Settings:
    embedded = RegistryEntry("embedded", "embedded:")
    return Settings(
        config_path=tmp_path / "config" / "config.toml",
        data_dir=tmp_path / "data",
        cache_dir=tmp_path / "cache",
        registries=(embedded,),
        registry=embedded,
        project_start=project,
    )


@pytest.fixture
def in_session(settings: Settings, clock: FixedClock, registry: Registry) -> Callable[..., Any]:
    """Runs one operation on a session of its own, with changed settings if given: in_session(sync)."""

    def in_session(operation: Callable[[Session], Awaitable[T]], **changed: Any) -> T:
        transport = changed.pop("transport", None)

        async def with_session() -> T:
            chosen = msgspec.structs.replace(settings, **changed)
            async with open_session(chosen, clock=clock, transport=transport) as session:
                return await operation(session)

        return asyncio.run(with_session())

    return in_session


class CliResult(msgspec.Struct, frozen=True):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


@pytest.fixture(scope="session")
def starter_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose embedded registry has its starter plugins; tests get a copy."""
    folder = tmp_path_factory.mktemp("starter")
    opened = open_registry(folder / "registry", FixedClock())
    starter.publish_starter(opened, lambda _name, _done, _total: None)
    opened.close()
    return folder


@pytest.fixture
def cli(
    tmp_path: Path, project: Path, request: pytest.FixtureRequest, starter_data: Path
) -> Callable[..., CliResult]:
    """One call of the program in process: cli("install auth --yes"), with a home folder of its own.

    The starter plugins are there already, unless the test is marked `fresh_home`.
    """
    is_fresh = request.node.get_closest_marker("fresh_home") is not None
    if not is_fresh and not (tmp_path / "data").exists():
        shutil.copytree(starter_data, tmp_path / "data")

    def cli(
        line: str,
        *,
        folder: Path = project,
        is_terminal: bool = False,
        answer: str = "",
        width: int = 100,
        **environ: str,
    ) -> CliResult:
        out, err = io.StringIO(), io.StringIO()
        streams = Streams(
            stdin=io.StringIO(answer),
            stdout=out,
            stderr=err,
            is_stdin_terminal=is_terminal,
            is_stdout_terminal=is_terminal,
            is_stderr_terminal=is_terminal,
            width=width,
        )
        environment = {
            "DONKEYTUI_DATA_DIR": str(tmp_path / "data"),
            "DONKEYTUI_CACHE_DIR": str(tmp_path / "cache"),
            "DONKEYTUI_CONFIG": str(tmp_path / "config" / "config.toml"),
            **environ,
        }
        status = run_cli(
            shlex.split(line),
            open_app=lambda _: 0,
            streams=streams,
            environ=environment,
            working_folder=folder,
        )
        return CliResult(status, out.getvalue(), err.getvalue())

    return cli
