"""What every verb shares: common options, settings, output, a session round an operation."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from donkeytui.cli.output import Output, Streams
from donkeytui.settings import Flags, Settings, read_settings

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractAsyncContextManager

    from donkeytui.session import Session

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Invocation:
    """One call of the program: where it runs, and what its options said so far."""

    def __init__(
        self,
        *,
        streams: Streams,
        environ: Mapping[str, str],
        working_folder: Path,
        open_app: Callable[[Settings], int],
    ) -> None:
        self.streams = streams
        self.environ = environ
        self.working_folder = working_folder
        self.open_app = open_app
        self.options: dict[str, Any] = {}
        self.exit_status = 0
        self._open = ExitStack()
        self._runner: asyncio.Runner | None = None
        self._session: Session | None = None

    @property
    def output(self) -> Output:
        if not hasattr(self, "_output"):
            self._output = Output(
                self.streams,
                is_json=bool(self.options.get("is_json")),
                is_quiet=bool(self.options.get("is_quiet")),
                has_color=self._has_color(),
            )
        return self._output

    def settings(self) -> Settings:
        options = self.options
        flags = Flags(
            registry=options.get("registry"),
            project=options.get("project"),
            config=options.get("config"),
            is_offline=options.get("is_offline") or None,
        )
        return read_settings(flags, self.environ, self.working_folder)

    def run(self, operation: "Callable[[Session], Awaitable[T]]") -> T:
        """The operation's result; all operations of one call share a session, and its connections."""
        import asyncio

        from donkeytui.session import open_session

        if self._runner is None:
            self._runner = self._open.enter_context(asyncio.Runner())
            opening = open_session(self.settings())
            self._session = self._runner.run(_entered(opening))
            self._open.callback(lambda runner: runner.run(_left(opening)), self._runner)
        session = self._session
        assert session is not None

        async def operate() -> T:
            return await operation(session)

        return self._runner.run(operate())

    def close(self) -> None:
        """Ends the session, if one was opened."""
        self._open.close()

    def _has_color(self) -> bool:
        is_off = (
            self.options.get("no_color") or self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb"
        )
        return not is_off


async def _entered(opening: "AbstractAsyncContextManager[Session]") -> "Session":
    return await opening.__aenter__()


async def _left(opening: "AbstractAsyncContextManager[Session]") -> None:
    await opening.__aexit__(None, None, None)


def common_options(function: F) -> F:
    """The options that every verb, and the program without one, understands."""
    options = (
        click.option("--registry", metavar="NAME|URL", help="Use this registry."),
        click.option("--project", metavar="DIR", help="The project, instead of the one this folder is in."),
        click.option("--offline", "is_offline", is_flag=True, help="Use no network."),
        click.option("--config", metavar="FILE", help="Read this configuration file."),
        click.option("--json", "is_json", is_flag=True, help="Print one JSON object."),
        click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Say nothing but data and errors."),
        click.option("--no-color", "no_color", is_flag=True, help="Print without colours."),
    )
    for option in reversed(options):
        function = option(function)
    return function


COMMON = ("registry", "project", "is_offline", "config", "is_json", "is_quiet", "no_color")


def take_common(invocation: Invocation, values: dict[str, Any]) -> dict[str, Any]:
    """Moves the common options out of `values`; those of the verb win over those before it."""
    for name in COMMON:
        value = values.pop(name, None)
        if value:
            invocation.options[name] = value
    return values
