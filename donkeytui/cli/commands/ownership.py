"""Verbs for owners of what is published: owner, deprecate, yank, unyank."""

from typing import TYPE_CHECKING, Literal

import click

from donkeytui.cli.group import CONTEXT, verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, Styled, styled

if TYPE_CHECKING:
    from donkeytui.operations.lifecycle import Withdrawal


@click.group(name="owner", context_settings=CONTEXT)
def owner_command() -> None:
    """Show and change who a plugin belongs to."""


@verb(below=owner_command, name="list", epilog="Example: donkeytui owner list auth")
@click.argument("name")
def list_owners_command(invocation: Invocation, name: str) -> None:
    """Show who NAME belongs to, and who was invited."""
    from donkeytui.operations.owners import list_owners

    found = invocation.run(lambda session: list_owners(session, name))
    output = invocation.output
    if output.is_json:
        output.result({"name": name, "owners": found.owners, "invited": found.invited})
        return
    for state, users in (("owner", found.owners), ("invited", found.invited)):
        for user in users:
            if output.is_terminal:
                output.line(user, styled("  invited" if state == "invited" else "", "dim"))
            else:
                output.record(user, state)
    if not found.owners:
        output.say(f"`{name}` belongs to nobody but the registry's admins")


@verb(below=owner_command, name="invite", epilog="Example: donkeytui owner invite auth grace")
@click.argument("name")
@click.argument("user")
def invite_owner_command(invocation: Invocation, name: str, user: str) -> None:
    """Invite USER to own NAME too. It is theirs once they accept."""
    from donkeytui.operations.owners import invite_owner

    invocation.run(lambda session: invite_owner(session, name, user))
    _done(invocation, f"invited {user} to own {name}", f"{user} accepts with: donkeytui owner accept {name}")


@verb(below=owner_command, name="remove", epilog="Example: donkeytui owner remove auth grace")
@click.argument("name")
@click.argument("user")
def remove_owner_command(invocation: Invocation, name: str, user: str) -> None:
    """Take NAME, or the invitation to own it, away from USER. A plugin keeps its last owner."""
    from donkeytui.operations.owners import remove_owner

    invocation.run(lambda session: remove_owner(session, name, user))
    _done(invocation, f"{name} does not belong to {user} any more")


@verb(below=owner_command, name="accept", epilog="Example: donkeytui owner accept auth")
@click.argument("name")
def accept_command(invocation: Invocation, name: str) -> None:
    """Accept to own NAME."""
    _answer(invocation, name, "accept", f"{name} is yours too")


@verb(below=owner_command, name="decline", epilog="Example: donkeytui owner decline auth")
@click.argument("name")
def decline_command(invocation: Invocation, name: str) -> None:
    """Decline to own NAME."""
    _answer(invocation, name, "decline", f"declined to own {name}")


@verb(name="deprecate", epilog="Example: donkeytui deprecate 'auth@<2' 'use auth 2, or auth-jwt'")
@click.argument("plugin", metavar="NAME[@RANGE]")
@click.argument("message", default="")
@click.option("--successor", default="", metavar="NAME", help="The plugin to use instead.")
@click.option("--undo", "is_taken_back", is_flag=True, help="Take the deprecation back.")
def deprecate_command(
    invocation: Invocation, plugin: str, message: str, successor: str, is_taken_back: bool
) -> None:
    """Mark releases of NAME as not to be used any more, with what to use instead.

    New resolutions pass them over unless they are locked or named exactly; nobody loses them.
    """
    from donkeytui.operations.lifecycle import deprecate
    from registry_server.contract.ranges import parse_requirement

    if bool(message.strip() or successor) == is_taken_back:
        raise click.UsageError("say what to use instead, in MESSAGE or by --successor, or --undo alone")
    wanted = parse_requirement(plugin)
    output = invocation.output
    made = invocation.run(
        lambda session: deprecate(session, wanted, message.strip(), output.report, successor=successor)
    )
    if output.is_json:
        output.result(made)
    elif is_taken_back:
        _print_done(output, "not deprecated any more: ", plugin)
        output.say("  new installs and updates choose from these releases again")
    else:
        _print_done(output, "deprecated ", plugin, f": {made.text}")
        output.say("  new installs pass these releases over, unless they are named exactly")
        output.say("  projects that have one keep it, and see the message in list and audit")
        _say_latest(output, made)
        output.say(styled("hint:", "cyan"), f" donkeytui deprecate '{plugin}' --undo takes it back")


@verb(name="yank", epilog="Example: donkeytui yank auth@1.2.0 --reason 'loses sessions'")
@click.argument("release", metavar="NAME@VERSION")
@click.option("--reason", default="", metavar="TEXT", help="Shown to those who have it.")
def yank_command(invocation: Invocation, release: str, reason: str) -> None:
    """Hide a release from new installs. Who has it in a lockfile can still get it."""
    from donkeytui.operations.lifecycle import parse_release, yank

    name, version = parse_release(release, "yank")
    output = invocation.output
    made = invocation.run(lambda session: yank(session, name, version, reason.strip(), output.report))
    if output.is_json:
        output.result(made)
        return
    _print_done(output, "yanked ", f"{name} {version}", f": {made.text}" if made.text else "")
    output.say("  new installs and updates pass it over, whatever their range")
    output.say("  projects that have it in their lockfile keep getting it, and audit tells them")
    _say_latest(output, made)
    output.say(styled("hint:", "cyan"), f" donkeytui unyank {name}@{version} takes it back")


@verb(name="unyank", epilog="Example: donkeytui unyank auth@1.2.0")
@click.argument("release", metavar="NAME@VERSION")
def unyank_command(invocation: Invocation, release: str) -> None:
    """Show a yanked release to new installs again."""
    from donkeytui.operations.lifecycle import parse_release, unyank

    name, version = parse_release(release, "unyank")
    output = invocation.output
    made = invocation.run(lambda session: unyank(session, name, version, output.report))
    if output.is_json:
        output.result(made)
        return
    _print_done(output, "not yanked any more: ", f"{name} {version}")
    output.say("  new installs and updates choose it again where it fits")
    _say_latest(output, made)


def _answer(invocation: Invocation, name: str, answer: Literal["accept", "decline"], text: str) -> None:
    from donkeytui.operations.owners import answer_invitation

    invocation.run(lambda session: answer_invitation(session, name, answer))
    _done(invocation, text)


def _say_latest(output: Output, made: "Withdrawal") -> None:
    if made.latest_version == "":
        output.say(styled("warning:", "yellow"), f" no release of {made.name} is left for new installs")
    elif made.latest_version:
        output.say(f"  the newest for new installs is {made.latest_version}")


def _done(invocation: Invocation, text: str, hint: str = "") -> None:
    output = invocation.output
    if output.is_json:
        output.result({"done": text})
        return
    output.line(styled("✓ ", "green"), text)
    if hint:
        output.say(styled("hint:", "cyan"), f" {hint}")


def _print_done(output: Output, *parts: str) -> None:
    first, name, *rest = parts
    shown: list[str | Styled] = [first, styled(name, "bold"), *rest]
    output.line(styled("✓ ", "green"), *shown)
