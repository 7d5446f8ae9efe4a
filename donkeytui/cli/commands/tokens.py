"""The verb token: show, make and end access tokens; and how scopes and days are said."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from donkeytui.cli.group import CONTEXT, verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, padded, styled
from registry_server.contract.account_wire import SCOPES
from registry_server.contract.routes import TOKEN_DAYS_MAX

if TYPE_CHECKING:
    from registry_server.contract.account_wire import TokenInfo


@click.group(name="token", context_settings=CONTEXT)
def token_command() -> None:
    """Show, make and end access tokens at the registry in use."""


@verb(below=token_command, name="list", epilog="Example: donkeytui token list")
def list_tokens_command(invocation: Invocation) -> None:
    """Show your tokens that work: number, label, what they may do, until when. Never their text."""
    from donkeytui.operations.tokens import list_tokens

    tokens = invocation.run(list_tokens)
    output = invocation.output
    if output.is_json:
        output.result({"tokens": tokens})
        return
    if not tokens:
        output.say("no token of yours works at this registry")
    for token in tokens:
        _print_token(output, token)


@verb(
    below=token_command,
    name="create",
    epilog="Example: donkeytui token create --label ci --scope publish --plugins 'team-*'",
)
@click.option("--label", default="", metavar="TEXT", help="What it is for.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="May be given several times."
)
@click.option("--read-only", "is_reading", is_flag=True, help="It may only read.")
@click.option("--plugins", "pattern", default="*", show_default=True, metavar="PATTERN", help="Like team-*.")
@click.option("--days", type=click.IntRange(1, TOKEN_DAYS_MAX), help="As the registry likes unless told.")
def create_token_command(
    invocation: Invocation,
    label: str,
    scopes: tuple[str, ...],
    is_reading: bool,
    pattern: str,
    days: int | None,
) -> None:
    """Make a token, and print its text, once. Unless told, it may publish releases of your plugins."""
    from msgspec import convert

    from donkeytui.operations.tokens import create_token
    from registry_server.contract.account_wire import TokenRequest

    if is_reading and scopes:
        raise click.UsageError("--read-only and --scope exclude each other")
    chosen = () if is_reading else scopes or ("publish",)
    request = convert({"label": label, "scopes": chosen, "pattern": pattern, "days": days}, TokenRequest)
    made = invocation.run(lambda session: create_token(session, request))
    output = invocation.output
    if output.is_json:
        output.result(made)
        return
    until = day_text(made.expires_at)
    output.say(f"token {made.id} of {made.user} until {until}: {allowed_text(made.scopes, made.pattern)}")
    output.say("its text, shown only now:")
    output.record(made.token)


@verb(below=token_command, name="revoke", epilog="Example: donkeytui token revoke 7")
@click.argument("number", type=click.IntRange(1))
def revoke_token_command(invocation: Invocation, number: int) -> None:
    """Make the token of this NUMBER useless, at once."""
    from donkeytui.operations.tokens import revoke_token

    invocation.run(lambda session: revoke_token(session, number))
    if invocation.output.is_json:
        invocation.output.result({"revoked": number})
    else:
        invocation.output.line(styled("✓ ", "green"), f"token {number} works no more")


def _print_token(output: Output, token: "TokenInfo") -> None:
    label = token.label or "-"
    if not output.is_terminal:
        made, until = day_text(token.created_at), day_text(token.expires_at)
        output.record(token.id, label, " ".join(token.scopes), token.pattern, made, until)
        return
    allowed = allowed_text(token.scopes, token.pattern)
    output.line(
        styled(padded(str(token.id), 5), "bold"),
        padded(label, 28),
        styled(f" until {day_text(token.expires_at)}", "dim"),
        f"  {allowed}",
    )


def allowed_text(scopes: tuple[str, ...], pattern: str) -> str:
    what = ", ".join(scopes) or "only reading"
    return what if pattern == "*" else f"{what}, for plugins named like {pattern}"


def day_text(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment is not None else "you end it"
