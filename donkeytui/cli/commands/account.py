"""Verbs about who one is: login, logout, whoami."""

import getpass
import sys
from typing import TYPE_CHECKING, Literal

import click

from donkeytui.cli.commands.tokens import allowed_text, day_text
from donkeytui.cli.group import verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, padded, styled
from donkeytui.cli.questions import can_ask
from donkeytui.problems import NotConfirmed
from registry_server.contract.foreign import clean
from registry_server.contract.routes import PASSWORD_MAX

if TYPE_CHECKING:
    from donkeytui.operations.login import Identity, Login, Logout
    from donkeytui.session import Session

Way = Literal["password", "github", "token"]
LINE_MAX = 4096


@verb(name="login", epilog="Example: donkeytui login --user ada")
@click.option("--user", metavar="NAME", help="Log in as NAME, with a password.")
@click.option("--password-stdin", "is_piped", is_flag=True, help="Read the password from stdin.")
@click.option("--github", "is_github", is_flag=True, help="Log in through GitHub, in a browser.")
@click.option("--token-stdin", "is_token", is_flag=True, help="Read a token you have from stdin.")
@click.option("--print", "is_printed", is_flag=True, help="Print the token, and keep it nowhere.")
def login_command(
    invocation: Invocation,
    user: str | None,
    is_piped: bool,
    is_github: bool,
    is_token: bool,
    is_printed: bool,
) -> None:
    """Get a token from the registry in use, and keep it on this machine.

    It is kept in the keyring where there is one (pip install 'donkeytui[keyring]'), else in a file that
    only you can read. Without a terminal nothing is asked: then name a way to log in.
    """
    if sum((user is not None or is_piped, is_github, is_token)) > 1:
        raise click.UsageError("--user, --github and --token-stdin are three ways: choose one")
    if is_piped and user is None:
        raise click.UsageError("--password-stdin goes with --user NAME")
    output = invocation.output
    registry = invocation.settings().registry
    if registry.is_embedded:
        _say_unneeded(output, registry.name)
        return
    way: Way | None = "github" if is_github else "token" if is_token else "password" if user else None
    way = way or _choose_way(invocation)
    if way == "github":
        made = _log_in_by_github(invocation, is_kept=not is_printed)
    elif way == "token":
        made = _log_in_with_token(invocation, is_kept=not is_printed)
    else:
        made = _log_in_by_password(invocation, user, is_piped=is_piped, is_kept=not is_printed)
    _print_login(output, made)


@verb(name="logout", epilog="Example: donkeytui logout --registry team")
def logout_command(invocation: Invocation) -> None:
    """End the token of the registry in use, and forget it here."""
    from donkeytui.operations.login import log_out

    ended = invocation.run(log_out)
    if invocation.output.is_json:
        invocation.output.result(ended)
    else:
        _print_logout(invocation.output, ended)


@verb(name="whoami", epilog="Example: donkeytui whoami --json")
def whoami_command(invocation: Invocation) -> None:
    """Show who you are to the registry, what your token may do, your plugins and invitations."""
    from donkeytui.operations.login import who_am_i

    identity = invocation.run(who_am_i)
    if invocation.output.is_json:
        invocation.output.result(identity)
    else:
        _print_identity(invocation.output, identity)


# Ways to log in.


def _choose_way(invocation: Invocation) -> Way:
    """What the registry offers; a person chooses between two."""
    from donkeytui.operations.login import login_methods

    output = invocation.output
    if not can_ask(output):
        raise NotConfirmed(
            "there is nobody to ask how to log in",
            detail="this is no terminal",
            hint="--user NAME --password-stdin, --token-stdin, or --github",
        )
    methods = invocation.run(login_methods)
    if not methods.github:
        return "password"
    if not methods.password:
        return "github"
    answer = _ask(output, "log in with a [p]assword or through [g]ithub? [g]").casefold()
    return "password" if answer.startswith("p") else "github"


def _log_in_by_password(
    invocation: Invocation, user: str | None, *, is_piped: bool, is_kept: bool
) -> "Login":
    from donkeytui.operations.login import log_in_by_password

    output = invocation.output
    if not is_piped and not can_ask(output):
        raise NotConfirmed(
            "there is nobody to ask for the password",
            detail="this is no terminal",
            hint=f"donkeytui login --user {user} --password-stdin",
        )
    name = user or _ask(output, "user")
    password = _read_line(output) if is_piped else _ask_secret(output, f"password of {name}")
    return invocation.run(
        lambda session: log_in_by_password(
            session, name, password[: PASSWORD_MAX + 1], is_kept=is_kept, report=output.report
        )
    )


def _log_in_with_token(invocation: Invocation, *, is_kept: bool) -> "Login":
    from donkeytui.operations.login import log_in_with_token

    output = invocation.output
    is_typed = can_ask(output)
    token = (_ask_secret(output, "token") if is_typed else _read_line(output)).strip()
    return invocation.run(
        lambda session: log_in_with_token(session, token, is_kept=is_kept, report=output.report)
    )


def _log_in_by_github(invocation: Invocation, *, is_kept: bool) -> "Login":
    from donkeytui.operations.login import finish_github_login, start_github_login

    output = invocation.output

    async def operation(session: "Session") -> "Login":
        started = await start_github_login(session, output.report)
        # Also with --quiet: without these two lines nobody can log in.
        _tell(output, f"open {started.verification_uri}")
        _tell(output, f"and enter {started.user_code}")
        return await finish_github_login(
            session,
            started,
            is_kept=is_kept,
            report=output.report,
            on_wait=lambda seconds_left: _draw_waiting(output, seconds_left),
        )

    try:
        return invocation.run(operation)
    finally:
        _draw_waiting(output, None)


def _draw_waiting(output: Output, seconds_left: float | None) -> None:
    """One line that is drawn over; None takes it away."""
    if output.streams.is_stderr_terminal and not output.is_quiet:
        text = f"waiting for you, {seconds_left:.0f} s left (Ctrl-C gives up)" if seconds_left else ""
        output.streams.stderr.write(f"\r\x1b[K{text}")
        output.streams.stderr.flush()


def _tell(output: Output, text: str) -> None:
    output.streams.stderr.write(clean(text, LINE_MAX) + "\n")
    output.streams.stderr.flush()


def _ask(output: Output, question: str) -> str:
    output.streams.stderr.write(f"{question}: ")
    output.streams.stderr.flush()
    return _read_line(output).strip()


def _ask_secret(output: Output, question: str) -> str:
    """What is typed without being seen."""
    stdin = output.streams.stdin
    if stdin is not sys.stdin:  # only the process's own input has an echo to turn off
        return _ask(output, question)
    try:
        return getpass.getpass(f"{clean(question, 100)}: ", stream=output.streams.stderr)
    except EOFError as error:
        raise _unanswered() from error


def _read_line(output: Output) -> str:
    line = output.streams.stdin.readline(LINE_MAX)
    if not line:
        raise _unanswered()
    return line.rstrip("\r\n")


def _unanswered() -> NotConfirmed:
    return NotConfirmed("the input ended before what was asked for", detail="you are not logged in")


# What these verbs print.


def _say_unneeded(output: Output, registry: str) -> None:
    if output.is_json:
        output.result({"registry": registry, "state": "not-needed"})
    else:
        output.line(f"the {registry} registry needs no login: it is yours")


def _print_login(output: Output, made: "Login") -> None:
    if output.is_json:
        output.result(made)
        return
    output.say(styled("✓ ", "green"), "logged in at ", made.registry, " as ", styled(made.user, "bold"))
    until = f"until {day_text(made.expires_at)}"
    output.say(f"  the token is good {until}: {allowed_text(made.scopes, made.pattern)}")
    if made.place == "nowhere":
        output.say("  it is kept nowhere; this is its text, shown only now:")
        output.record(made.token)
    elif made.place == "keyring":
        output.say("  it is kept in the keyring of this machine")
    else:
        output.say(f"  it is kept in {made.file}, which only you can read")


def _print_logout(output: Output, ended: "Logout") -> None:
    if ended.state == "not-needed":
        _say_unneeded(output, ended.registry)
        return
    if ended.state == "not-logged-in":
        output.line(f"nobody is logged in at {ended.registry}")
        return
    output.line(
        styled("✓ ", "green"), f"logged out of {ended.registry}", f" ({ended.user})" if ended.user else ""
    )
    if ended.state == "was-over":
        output.say("  the registry did not accept the token any more")
    elif ended.state == "still-good":
        until = f" until {day_text(ended.expires_at)}" if ended.expires_at else ""
        output.say(styled("warning:", "yellow"), f" it is forgotten here, but still good there{until}")
        output.say(styled("because:", "dim"), f" {ended.reason}")
        output.say(
            styled("hint:", "cyan"), " donkeytui login, then token list and token revoke NUMBER, end it"
        )
    if ended.has_variable:
        output.say(styled("warning:", "yellow"), " DONKEYTUI_TOKEN still holds a token, which stays in use")


def _print_identity(output: Output, identity: "Identity") -> None:
    places = {
        "variable": "from DONKEYTUI_TOKEN",
        "keyring": "from the keyring",
        "file": "from the file of this machine",
        "not-needed": "none needed",
    }
    role = " (admin)" if identity.is_admin else ""
    output.line(styled(identity.user, "bold"), f"{role} at {identity.registry}")
    facts = (
        ("may", allowed_text(identity.scopes, identity.pattern)),
        ("until", day_text(identity.expires_at) if identity.expires_at else ""),
        ("token", places[identity.place]),
    )
    for label, value in facts:
        if value:
            output.line(styled(padded(label, 8), "dim"), value)
    if identity.plugins:
        output.line(styled("your plugins", "bold"))
    for plugin in identity.plugins:
        state = f"  {plugin.state}: {plugin.reason}" if plugin.state else ""
        output.line(f"  {padded(plugin.name, 24)} {plugin.latest_version}", styled(state, "yellow"))
    if identity.invitations:
        output.line(styled("invitations", "bold"))
    for invitation in identity.invitations:
        output.line(f"  {invitation.plugin}, from {invitation.invited_by}")
        output.line(styled(f"    donkeytui owner accept {invitation.plugin}", "cyan"))
