"""What all commands of `registry-server` share: the group, the streams, the data folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click
from msgspec import Struct

from registry_server import __version__
from registry_server.contract.foreign import clean
from registry_server.contract.problems import InvalidRequest, RegistryBusy
from registry_server.settings import read_data_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_server.registry import Registry

T = TypeVar("T")

CONTEXT: dict[str, Any] = {"help_option_names": ["--help", "-h"], "max_content_width": 100}

COMMANDS = {
    "init": ("serving", "Make a registry in an empty folder."),
    "serve": ("serving", "Serve a registry until SIGTERM or Ctrl-C."),
    "config": ("serving", "Show every setting, and where it comes from."),
    "user": ("people", "Make users, set passwords and roles."),
    "token": ("people", "Make, list and revoke access tokens."),
    "verify-plugin": ("moderation", "Mark a plugin as verified."),
    "feature": ("moderation", "Show a plugin on the first page."),
    "quarantine": ("moderation", "Take plugins out of circulation, let held names pass."),
    "review": ("moderation", "See reported reviews, hide reviews."),
    "name": ("moderation", "Reserve names for admins."),
    "audit": ("moderation", "Show who did what."),
    "stats": ("keeping", "Show counts and downloads."),
    "check": ("keeping", "Check that everything is as it should be, and mend it."),
    "backup": ("keeping", "Bring a backup up to date, while the registry serves."),
    "restore": ("keeping", "Make a registry from a backup."),
    "reindex": ("keeping", "Build the search index anew."),
}
"""Command -> module below `registry_server.cli`, and its line in the help."""


class Call(Struct, frozen=True, kw_only=True):
    """Where one call of the program reads and writes."""

    environ: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    is_terminal: bool

    def say(self, text: str) -> None:
        """Words for a person, apart from results."""
        self.stderr.write(f"{text}\n")

    def lines(self, rows: Iterable[Sequence[object]]) -> None:
        """One record a line, fields separated by tabs; what people wrote cannot break out of its field."""
        for row in rows:
            self.stdout.write("\t".join(clean(str(field)) for field in row) + "\n")

    def json(self, value: object) -> None:
        import msgspec

        encoded = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
        self.stdout.write(f"{encoded.decode()}\n")


class CommandGroup(click.Group):
    """Knows all commands by name; a command's module is loaded when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"registry_server.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, so that the help loads no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group(cls=CommandGroup, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="registry-server", message="%(prog)s %(version)s")
def registry_server() -> None:
    """The plugin registry of the DonkeyLabs framework, as a server for a team.

    \b
    Examples:
      registry-server init --data /srv/registry --starter
      registry-server serve --data /srv/registry --host 0.0.0.0
      registry-server user create ada --data /srv/registry
    """


data_option = click.option(
    "--data", metavar="DIR", help="The registry's data folder (or REGISTRY_SERVER_DATA)."
)
json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON value.")


def named_folder(call: Call, data: str | None) -> Path:
    folder = read_data_folder(data, call.environ)
    if folder is None:
        raise click.UsageError("name the data folder with --data DIR (or REGISTRY_SERVER_DATA)")
    return folder


def existing_folder(call: Call, data: str | None) -> Path:
    """A typing mistake must not make a new registry."""
    folder = named_folder(call, data)
    try:
        is_there = (folder / "registry.sqlite").is_file()
    except OSError as error:  # a folder on the way that this user may not enter
        raise RegistryBusy(
            f"the data folder {folder} cannot be used",
            detail=str(error.strerror),
            hint="use the account that owns it, or mend its rights",
        ) from error
    if not is_there:
        raise InvalidRequest(
            f"there is no registry in {folder}", hint=f"registry-server init --data {folder}"
        )
    return folder


@contextmanager
def opened(call: Call, data: str | None) -> "Iterator[Registry]":
    """An existing registry; a server may run beside it."""
    from registry_server.registry import open_registry

    registry = open_registry(existing_folder(call, data))
    try:
        yield registry
    finally:
        registry.close()


def with_registry(call: Call, data: str | None, use: "Callable[[Registry], T]") -> T:
    with opened(call, data) as registry:
        return use(registry)
