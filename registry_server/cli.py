"""registry-server: init, serve, token. Parse, call an operation, print."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

import click
from msgspec import Struct

from registry_server import __version__
from registry_server.contract.problems import InvalidRequest, ProblemError
from registry_server.settings import DEFAULT_PORT, read_data_folder

EXIT_USAGE = 2
ADMIN = "admin"


class Call(Struct, frozen=True, kw_only=True):
    """Where one call of the program reads and writes."""

    environ: Mapping[str, str]
    stdout: TextIO
    stderr: TextIO


CONTEXT: dict[str, Any] = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
_data = click.option("--data", metavar="DIR", help="The registry's data folder (or REGISTRY_SERVER_DATA).")


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="registry-server", message="%(prog)s %(version)s")
def registry_server() -> None:
    """The plugin registry of the DonkeyLabs framework, as a server for a team.

    \b
    Examples:
      registry-server init --data /srv/registry --starter
      registry-server serve --data /srv/registry --host 0.0.0.0
      registry-server token create ada --data /srv/registry
    """


def run(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str] = os.environ,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """The exit status of one call."""
    call = Call(environ=environ, stdout=stdout or sys.stdout, stderr=stderr or sys.stderr)
    try:
        registry_server.main(list(arguments), prog_name="registry-server", standalone_mode=False, obj=call)
    except ProblemError as error:
        problem = error.problem
        call.stderr.write(f"error: {problem.title}\n")
        if problem.detail:
            call.stderr.write(f"because: {problem.detail}\n")
        if problem.hint:
            call.stderr.write(f"hint: {problem.hint}\n")
        return error.exit_status
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except click.ClickException as error:
        error.show(call.stderr)
        return EXIT_USAGE
    return 0


@registry_server.command(name="init")
@_data
@click.option("--starter", is_flag=True, help="Publish the starter plugins too.")
@click.pass_obj
def init_command(call: Call, data: str | None, starter: bool) -> None:
    """Make a registry in an empty folder, and print its first admin token, once."""
    from registry_server.contract.account_wire import SCOPES
    from registry_server.operations import starter as starter_operation
    from registry_server.operations.tokens import LIFETIME_MAX, create_token, list_tokens
    from registry_server.registry import open_registry

    folder = _folder(call, data)
    registry = open_registry(folder)
    try:
        if list_tokens(registry):
            raise InvalidRequest(f"{folder} is a registry already", hint="registry-server token create NAME")
        token = create_token(registry, ADMIN, scopes=SCOPES, lifetime=LIFETIME_MAX, is_admin=True)
        if starter:
            starter_operation.publish_starter(registry, lambda _name, _done, _total: None)
    finally:
        registry.close()
    call.stderr.write(f"made a registry in {folder}\nthe admin token, shown only now:\n")
    call.stdout.write(f"{token}\n")


@registry_server.command(name="serve")
@_data
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS")
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True)
@click.pass_obj
def serve_command(call: Call, data: str | None, host: str, port: int) -> None:
    """Serve a registry until SIGTERM or Ctrl-C; requests under way are finished."""
    from registry_server.http.serve import serve
    from registry_server.registry import open_registry

    folder = _existing(call, data)
    registry = open_registry(folder)

    def on_ready() -> None:
        call.stderr.write(f"serving {folder} at http://{host}:{port}\n")
        call.stderr.flush()

    try:
        asyncio.run(serve(registry, host=host, port=port, on_ready=on_ready))
    except OSError as error:
        raise InvalidRequest(
            f"port {port} on {host} cannot be used", detail=str(error), hint="choose another one with --port"
        ) from error
    finally:
        registry.close()


@registry_server.group(name="token")
def token_group() -> None:
    """Make, list and revoke access tokens."""


@token_group.command(name="create")
@click.argument("user")
@_data
@click.option(
    "--scope", "scopes", multiple=True, help="publish-new, publish, yank, rate, admin; several times."
)
@click.option(
    "--plugins", "pattern", default="*", show_default=True, help="Names it is good for, like `team-*`."
)
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True)
@click.pass_obj
def token_create_command(
    call: Call, user: str, data: str | None, scopes: tuple[str, ...], pattern: str, days: int
) -> None:
    """Make a token for USER and print it, once. Without --scope: publish-new, publish, yank, rate."""
    from registry_server.operations.tokens import create_token

    wanted = scopes or ("publish-new", "publish", "yank", "rate")
    token = _with_registry(
        call,
        data,
        lambda registry: create_token(
            registry, user, scopes=wanted, pattern=pattern, lifetime=timedelta(days=days)
        ),
    )
    call.stderr.write(f"token of {user} for {days} days, shown only now:\n")
    call.stdout.write(f"{token}\n")


@token_group.command(name="list")
@_data
@click.pass_obj
def token_list_command(call: Call, data: str | None) -> None:
    """List the tokens: number, user, scopes, names, expiry. Never the tokens themselves."""
    from registry_server.operations.tokens import list_tokens

    for token in _with_registry(call, data, list_tokens):
        state = "revoked" if token.revoked_at else f"until {token.expires_at[:10]}"
        call.stdout.write(f"{token.id}\t{token.user}\t{' '.join(token.scopes)}\t{token.pattern}\t{state}\n")


@token_group.command(name="revoke")
@click.argument("number", type=int)
@_data
@click.pass_obj
def token_revoke_command(call: Call, number: int, data: str | None) -> None:
    """Make the token of this NUMBER useless, at once."""
    from registry_server.operations.tokens import revoke_token

    _with_registry(call, data, lambda registry: revoke_token(registry, number))
    call.stderr.write(f"token {number} is revoked\n")


def _folder(call: Call, data: str | None) -> Path:
    folder = read_data_folder(data, call.environ)
    if folder is None:
        raise click.UsageError("name the data folder with --data DIR (or REGISTRY_SERVER_DATA)")
    return folder


def _existing(call: Call, data: str | None) -> Path:
    folder = _folder(call, data)
    if not (folder / "registry.sqlite").is_file():
        raise InvalidRequest(
            f"there is no registry in {folder}", hint=f"registry-server init --data {folder}"
        )
    return folder


def _with_registry(call: Call, data: str | None, use: Callable[[Any], Any]) -> Any:
    """The result of `use` on an existing registry; a typing mistake must not make a new one."""
    from registry_server.registry import open_registry

    registry = open_registry(_existing(call, data))
    try:
        return use(registry)
    finally:
        registry.close()
