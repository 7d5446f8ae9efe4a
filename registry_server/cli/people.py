"""user, token."""

from datetime import timedelta

import click

from registry_server.cli.group import CONTEXT, Call, data_option, json_option, opened, with_registry
from registry_server.contract.routes import PASSWORD_MIN
from registry_server.contract.wire import COUNT_MAX

DEFAULT_SCOPES = ("publish-new", "publish", "yank", "rate")
PASSWORD_LINE_MAX = 1000


@click.group(name="user", context_settings=CONTEXT)
def user_command() -> None:
    """Make users, set passwords and roles, disable accounts."""


@user_command.command(name="create")
@click.argument("name")
@data_option
@click.option("--admin", "is_admin", is_flag=True, help="May do everything, for everybody.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--no-password", is_flag=True, help="Logs in by GitHub or by tokens only.")
@click.pass_obj
def create_user_command(
    call: Call, name: str, data: str | None, is_admin: bool, password_stdin: bool, no_password: bool
) -> None:
    """Make the user NAME. On a terminal the password is asked for."""
    from registry_server.operations.users import check_free, create_user

    if password_stdin and no_password:
        raise click.UsageError("--no-password and --password-stdin exclude each other")
    with opened(call, data) as registry:
        check_free(registry, name)
        password = "" if no_password else _password(call, name, from_stdin=password_stdin, is_needed=False)
        create_user(registry, name, password=password, is_admin=is_admin)
    how = "" if password else f"; a token for them: registry-server token create {name}"
    call.say(f"made {'the admin' if is_admin else 'the user'} {name}{how}")


@user_command.command(name="list")
@data_option
@json_option
@click.pass_obj
def list_users_command(call: Call, data: str | None, is_json: bool) -> None:
    """List the users: name, role, ways to log in, since when."""
    from registry_server.operations.users import list_users

    rows = []
    for account in with_registry(call, data, list_users):
        role = "disabled" if account.is_disabled else "admin" if account.user.is_admin else "user"
        ways = [way for way, has in (("password", account.password), ("github", account.github_id)) if has]
        rows.append((account.user.name, role, ",".join(ways) or "tokens", account.created_at[:10]))
    if is_json:
        call.json([dict(zip(("name", "role", "login", "since"), row, strict=True)) for row in rows])
    else:
        call.lines(rows)


@user_command.command(name="password")
@click.argument("name")
@data_option
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_obj
def password_command(call: Call, name: str, data: str | None, password_stdin: bool) -> None:
    """Set a new password for NAME; tokens stay good."""
    from registry_server.operations.users import reset_password

    with opened(call, data) as registry:
        reset_password(registry, name, _password(call, name, from_stdin=password_stdin, is_needed=True))
    call.say(f"{name} has a new password")


@user_command.command(name="admin")
@click.argument("name")
@data_option
@click.option("--undo", is_flag=True, help="Take the role away.")
@click.pass_obj
def admin_command(call: Call, name: str, data: str | None, undo: bool) -> None:
    """Make NAME an admin; it counts from their next login on."""
    from registry_server.operations.users import set_admin

    with_registry(call, data, lambda registry: set_admin(registry, name, is_admin=not undo))
    call.say(f"{name} is {'no admin any more' if undo else 'an admin'}")


@user_command.command(name="disable")
@click.argument("name")
@data_option
@click.pass_obj
def disable_command(call: Call, name: str, data: str | None) -> None:
    """Let NAME's tokens and logins stop working; plugins and reviews stay."""
    from registry_server.operations.users import set_disabled

    with_registry(call, data, lambda registry: set_disabled(registry, name, is_disabled=True))
    call.say(f"{name} is disabled; registry-server user enable {name} takes it back")


@user_command.command(name="enable")
@click.argument("name")
@data_option
@click.pass_obj
def enable_command(call: Call, name: str, data: str | None) -> None:
    """Let a disabled NAME in again."""
    from registry_server.operations.users import set_disabled

    with_registry(call, data, lambda registry: set_disabled(registry, name, is_disabled=False))
    call.say(f"{name} is enabled")


@user_command.command(name="link")
@click.argument("name")
@click.argument("github_id", type=click.IntRange(1, COUNT_MAX))
@data_option
@click.pass_obj
def link_command(call: Call, name: str, github_id: int, data: str | None) -> None:
    """Let the GitHub account with this number log in as NAME."""
    from registry_server.operations.users import link_github

    with_registry(call, data, lambda registry: link_github(registry, name, github_id))
    call.say(f"the GitHub account {github_id} logs in as {name}")


@click.group(name="token", context_settings=CONTEXT)
def token_command() -> None:
    """Make, list and revoke access tokens."""


@token_command.command(name="create")
@click.argument("user")
@data_option
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="One of publish-new publish yank rate account admin; several times.",
)
@click.option("--read-only", is_flag=True, help="Good for reading only.")
@click.option(
    "--plugins", "pattern", default="*", show_default=True, help="Names it is good for, like `team-*`."
)
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True)
@click.option("--label", default="", help="What it is for.")
@click.pass_obj
def create_token_command(
    call: Call,
    user: str,
    data: str | None,
    scopes: tuple[str, ...],
    read_only: bool,
    pattern: str,
    days: int,
    label: str,
) -> None:
    """Make a token for USER and print it, once. Without --scope: publish-new, publish, yank, rate."""
    from registry_server.operations.tokens import create_token

    if read_only and scopes:
        raise click.UsageError("--read-only and --scope exclude each other")
    wanted = () if read_only else scopes or DEFAULT_SCOPES
    token = with_registry(
        call,
        data,
        lambda registry: create_token(
            registry, user, scopes=wanted, pattern=pattern, lifetime=timedelta(days=days), label=label
        ),
    )
    call.say(f"token of {user} for {days} days, shown only now:")
    call.stdout.write(f"{token}\n")


@token_command.command(name="list")
@data_option
@json_option
@click.pass_obj
def list_tokens_command(call: Call, data: str | None, is_json: bool) -> None:
    """List the tokens: number, user, scopes, names, expiry, label. Never the tokens themselves."""
    from registry_server.operations.tokens import list_tokens

    tokens = with_registry(call, data, list_tokens)
    if is_json:
        call.json(tokens)
        return
    for token in tokens:
        state = "revoked" if token.revoked_at else f"until {token.expires_at:%Y-%m-%d}"
        scopes = " ".join(token.scopes) or "read"
        call.lines([(token.id, token.user, scopes, token.pattern, state, token.label)])


@token_command.command(name="revoke")
@click.argument("number", type=click.IntRange(1, COUNT_MAX))
@data_option
@click.pass_obj
def revoke_token_command(call: Call, number: int, data: str | None) -> None:
    """Make the token of this NUMBER useless, at once."""
    from registry_server.operations.tokens import revoke_token

    with_registry(call, data, lambda registry: revoke_token(registry, number))
    call.say(f"token {number} is revoked")


def _password(call: Call, name: str, *, from_stdin: bool, is_needed: bool) -> str:
    """From standard input, or asked for on a terminal; empty when there is neither and it may be."""
    if from_stdin:
        given = call.stdin.readline(PASSWORD_LINE_MAX).rstrip("\r\n")
        if not given:  # a slip in a script must not make a user whom no password lets in
            raise click.UsageError("there is no password on standard input")
        return given
    if call.is_terminal:
        password: str = click.prompt(
            f"password of {name} (at least {PASSWORD_MIN} characters)",
            hide_input=True,
            confirmation_prompt=True,
            err=True,
        )
        return password
    if is_needed:
        raise click.UsageError("there is no terminal to ask on; use --password-stdin")
    return ""
