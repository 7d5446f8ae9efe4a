"""init, serve, config."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import click

from registry_server.cli.group import (
    Call,
    data_option,
    existing_folder,
    json_option,
    named_folder,
)
from registry_server.contract.problems import InvalidRequest
from registry_server.settings import DEFAULT_PORT, read_settings

if TYPE_CHECKING:
    from registry_server.settings import Configuration, Settings

ADMIN = "admin"

config_option = click.option(
    "--config", metavar="FILE", help="Settings (or REGISTRY_SERVER_CONFIG); else registry.toml in the folder."
)


@click.command(name="init")
@data_option
@click.option("--starter", is_flag=True, help="Publish the starter plugins too.")
@click.pass_obj
def init_command(call: Call, data: str | None, starter: bool) -> None:
    """Make a registry in an empty folder, and print its first admin token, once."""
    from registry_server.contract.account_wire import SCOPES
    from registry_server.operations import starter as starter_operation
    from registry_server.operations.tokens import LIFETIME_MAX, create_token, list_tokens
    from registry_server.registry import open_registry

    folder = named_folder(call, data)
    registry = open_registry(folder)
    try:
        if list_tokens(registry):
            raise InvalidRequest(f"{folder} is a registry already", hint="registry-server token create NAME")
        token = create_token(
            registry, ADMIN, scopes=SCOPES, lifetime=LIFETIME_MAX, is_admin=True, label="init"
        )
        # First of all: what follows may fail, and the token is told only once.
        call.say(f"made a registry in {folder}\nthe admin token, shown only now:")
        call.stdout.write(f"{token}\n")
        call.stdout.flush()
        if starter:
            starter_operation.publish_starter(registry, lambda _name, _done, _total: None)
    finally:
        registry.close()


@click.command(name="serve")
@data_option
@config_option
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help=f"[default: {DEFAULT_PORT}]")
@click.option("--read-only", is_flag=True, default=None, help="Take no changes.")
@click.pass_obj
def serve_command(
    call: Call,
    data: str | None,
    config: str | None,
    host: str | None,
    port: int | None,
    read_only: bool | None,
) -> None:
    """Serve a registry until SIGTERM or Ctrl-C; requests under way are finished."""
    from registry_server.http.logs import logging_to
    from registry_server.http.serve import serve
    from registry_server.store.folder import SERVING, locked

    existing_folder(call, data)
    flags = {"data": data, "config": config, "host": host, "port": port, "read_only": read_only}
    configuration = read_settings(flags, call.environ)
    settings = configuration.settings

    def on_ready() -> None:
        mode = ", which takes no changes," if settings.read_only else ""
        text = f"serving {settings.data}{mode} at http://{settings.host}:{settings.port}"
        if settings.log.format == "json":
            logging.getLogger("registry_server").warning(text)
        else:
            call.say(text)
        call.stderr.flush()

    _warn_of_ignored(call, configuration)
    with (
        locked(settings.data, "serving", name=SERVING),
        logging_to(call.stderr, form=settings.log.format, level=settings.log.level),
    ):
        registry = _open(settings)
        try:
            asyncio.run(serve(registry, host=settings.host, port=settings.port, on_ready=on_ready))
        except OSError as error:
            raise InvalidRequest(
                f"port {settings.port} on {settings.host} cannot be used",
                detail=str(error),
                hint="choose another one with --port",
            ) from error
        finally:
            registry.close()


def _open(settings: "Settings") -> Any:
    """With everything a registry needs that strangers reach."""
    from registry_server.examiner import Examiner, ExaminerLimits
    from registry_server.github import GitHub
    from registry_server.limits import RateLimits
    from registry_server.registry import open_registry

    cost = ExaminerLimits(
        cpu_seconds=settings.examine.cpu_seconds, memory_bytes=settings.examine.memory_mib << 20
    )
    return open_registry(
        settings.data,
        settings=settings,
        examiner=Examiner(children=settings.publishes_at_once, limits=cost),
        limits=RateLimits(settings.limits),
        github=GitHub(settings.github) if settings.github.client_id else None,
    )


@click.command(name="config")
@data_option
@config_option
@json_option
@click.pass_obj
def config_command(call: Call, data: str | None, config: str | None, is_json: bool) -> None:
    """Show every setting, its value and where that comes from. Secrets are none of them."""
    from registry_server.settings import list_settings

    configuration = read_settings({"data": data, "config": config}, call.environ)
    _warn_of_ignored(call, configuration)
    settings = list_settings(configuration)
    if is_json:
        call.json(settings)
        return
    names, values = (
        max(len(text) for text in column)
        for column in zip(*((line.name, line.value) for line in settings), strict=True)
    )
    for line in settings:
        call.stdout.write(f"{line.name:<{names}}  {line.value:<{min(values, 48)}}  {line.source}\n")


def _warn_of_ignored(call: Call, configuration: "Configuration") -> None:
    for name in configuration.ignored:
        call.say(f"warning: {name} is no setting of registry-server; see registry-server config")
