"""Verbs about registries: registry add|list|use|remove, and serve."""

import asyncio

import click

from donkeytui.cli.group import CONTEXT, verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import padded, styled

DEFAULT_PORT = 4873


@click.group(name="registry", context_settings=CONTEXT)
def registry_command() -> None:
    """Manage the registries this machine knows: embedded, or across a network."""


@verb(below=registry_command, name="list")
def list_registries_command(invocation: Invocation) -> None:
    """Show the registries, the one in use marked, and where that choice comes from."""
    from donkeytui.operations.registries import list_registries

    known = list_registries(invocation.settings())
    output = invocation.output
    if output.is_json:
        output.result({"registries": known})
        return
    width = max(len(entry.name) for entry in known)
    for entry in known:
        if not output.is_terminal:
            output.record(entry.name, entry.url, "in use" if entry.is_used else "")
            continue
        mark = styled("● ", "green") if entry.is_used else "  "
        used = f"  in use ({entry.source})" if entry.is_used else ""
        output.line(mark, styled(padded(entry.name, width), "bold"), f"  {entry.url}", styled(used, "dim"))


@verb(
    below=registry_command,
    name="add",
    epilog="Example: donkeytui registry add main https://registry.example.com --use",
)
@click.argument("name")
@click.argument("url")
@click.option("--use", "is_used", is_flag=True, help="Use it from now on.")
def add_registry_command(invocation: Invocation, name: str, url: str, is_used: bool) -> None:
    """Remember the registry at URL under NAME."""
    from donkeytui.operations.registries import add_registry

    add_registry(invocation.settings(), name, url, is_used=is_used)
    _done(
        invocation,
        f"added {name}{' and using it' if is_used else ''}",
        hint="" if is_used else f"donkeytui registry use {name}",
    )


@verb(below=registry_command, name="use", epilog="Example: donkeytui registry use embedded")
@click.argument("name")
def use_registry_command(invocation: Invocation, name: str) -> None:
    """Use the registry NAME from now on."""
    from donkeytui.operations.registries import use_registry

    use_registry(invocation.settings(), name)
    _done(invocation, f"using {name}")


@verb(below=registry_command, name="remove")
@click.argument("name")
def remove_registry_command(invocation: Invocation, name: str) -> None:
    """Forget the registry NAME."""
    from donkeytui.operations.registries import remove_registry

    remove_registry(invocation.settings(), name)
    _done(invocation, f"removed {name}")


def _done(invocation: Invocation, text: str, hint: str = "") -> None:
    output = invocation.output
    if output.is_json:
        output.result({"done": text})
        return
    output.line(styled("✓ ", "green"), text)
    if hint:
        output.say(styled("hint:", "cyan"), f" {hint}")


@verb(name="serve", epilog="Example: donkeytui serve --host 0.0.0.0 --port 4873")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS")
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True)
def serve_command(invocation: Invocation, host: str, port: int) -> None:
    """Serve the embedded registry on a port, for the neighbours to read. Ctrl-C stops it."""
    from donkeytui.operations.serve import serve

    output = invocation.output

    def on_ready(address: str) -> None:
        output.say(f"serving the embedded registry at {address} (Ctrl-C stops it)")
        output.say(styled("hint:", "cyan"), f" elsewhere: donkeytui --registry {address}")

    asyncio.run(serve(invocation.settings(), host=host, port=port, on_ready=on_ready))
