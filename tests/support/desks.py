"""People at their own machines, who use one registry over a loopback port."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from registry_server.http.app import build_app
from registry_server.registry import Registry
from tests.support.loopback import on_loopback
from tests.support.team import open_team, token_of


class Desks:
    """One call of the program at somebody's desk: desks("ada", "whoami")."""

    def __init__(self, cli: Callable[..., Any], folder: Path, registry: Registry, url: str) -> None:
        self._cli = cli
        self._folder = folder
        self.registry = registry
        self.url = url

    def __call__(self, user: str, line: str, **options: Any) -> Any:
        home = self._folder / "homes" / user
        return self._cli(
            line,
            **{
                "DONKEYTUI_REGISTRY": self.url,
                "DONKEYTUI_DATA_DIR": str(home / "data"),
                "DONKEYTUI_CACHE_DIR": str(home / "cache"),
                "DONKEYTUI_CONFIG": str(home / "config.toml"),
                **options,
            },
        )

    def log_in(self, user: str, *scopes: str, days: float = 30) -> str:
        """Returns the token."""
        token = token_of(self.registry, user, *scopes, days=days)
        done = self(user, "login --token-stdin", answer=token + "\n")
        assert done.status == 0, done.err
        return token


@contextmanager
def open_desks(cli: Callable[..., Any], folder: Path, **options: Any) -> Iterator[Desks]:
    """`options` are those of `open_registry`."""
    registry = open_team(folder / "srv", **options)
    try:
        with on_loopback(build_app(registry, is_local=False)) as url:
            yield Desks(cli, folder, registry, url)
    finally:
        registry.close()
