"""verify-plugin, feature, quarantine, name, audit."""

import click

from registry_server.cli.group import CONTEXT, Call, data_option, json_option, with_registry
from registry_server.contract.account_wire import AuditQuery, Flags, QuarantineRequest
from registry_server.contract.wire import COUNT_MAX


@click.command(name="verify-plugin")
@click.argument("plugin")
@data_option
@click.option("--undo", is_flag=True, help="Take the mark away.")
@click.pass_obj
def verify_plugin_command(call: Call, plugin: str, data: str | None, undo: bool) -> None:
    """Mark PLUGIN as verified: somebody here looked at it and at who publishes it."""
    _set_flags(call, data, plugin, Flags(verified=not undo))
    call.say(f"{plugin} is {'not verified any more' if undo else 'verified'}")


@click.command(name="feature")
@click.argument("plugin")
@data_option
@click.option("--undo", is_flag=True, help="Take it from the first page.")
@click.pass_obj
def feature_command(call: Call, plugin: str, data: str | None, undo: bool) -> None:
    """Show PLUGIN on the first page."""
    _set_flags(call, data, plugin, Flags(featured=not undo))
    call.say(f"{plugin} is {'not featured any more' if undo else 'featured'}")


@click.group(name="quarantine", context_settings=CONTEXT)
def quarantine_command() -> None:
    """Take plugins or releases out of circulation, and let held names pass.

    What is in quarantine is seen by all, with the reason, and can be had by nobody.
    """


@quarantine_command.command(name="list")
@data_option
@json_option
@click.pass_obj
def list_quarantine_command(call: Call, data: str | None, is_json: bool) -> None:
    """What is held or in quarantine: plugin, release, which, owners, reason."""
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.moderation import list_moderated

    entries = with_registry(call, data, lambda registry: list_moderated(registry, OPERATOR))
    if is_json:
        call.json(entries)
    else:
        call.lines(
            (entry.plugin, entry.version or "*", entry.kind, ",".join(entry.owners), entry.reason)
            for entry in entries
        )


@quarantine_command.command(name="set")
@click.argument("plugin", metavar="PLUGIN[@VERSION]")
@click.argument("reason")
@data_option
@click.pass_obj
def set_quarantine_command(call: Call, plugin: str, reason: str, data: str | None) -> None:
    """Take PLUGIN, or one release of it, out of circulation. Everybody sees the REASON."""
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.moderation import quarantine

    name, _, version = plugin.partition("@")
    request = QuarantineRequest(reason=reason, version=version)
    with_registry(call, data, lambda registry: quarantine(registry, OPERATOR, name, request))
    call.say(f"{plugin} is in quarantine; registry-server quarantine lift {plugin} lets it back")


@quarantine_command.command(name="lift")
@click.argument("plugin", metavar="PLUGIN[@VERSION]")
@data_option
@click.pass_obj
def lift_quarantine_command(call: Call, plugin: str, data: str | None) -> None:
    """Let PLUGIN back into circulation, or a name that was held pass."""
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.moderation import lift

    name, _, version = plugin.partition("@")
    with_registry(call, data, lambda registry: lift(registry, OPERATOR, name, version))
    call.say(f"{plugin} can be had")


@click.group(name="review", context_settings=CONTEXT)
def review_command() -> None:
    """Look at reviews that users reported, and hide those that do not belong."""


@review_command.command(name="list")
@data_option
@json_option
@click.pass_obj
def list_reports_command(call: Call, data: str | None, is_json: bool) -> None:
    """What was reported, oldest first: plugin, author, who reported it, why, and the review."""
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.reviews import list_reports

    reports = with_registry(call, data, lambda registry: list_reports(registry, OPERATOR))
    if is_json:
        call.json(reports)
    else:
        call.lines((each.plugin, each.author, each.reporter, each.reason, each.review) for each in reports)


@review_command.command(name="hide")
@click.argument("plugin")
@click.argument("author")
@click.argument("reason")
@data_option
@click.pass_obj
def hide_review_command(call: Call, plugin: str, author: str, reason: str, data: str | None) -> None:
    """Hide what AUTHOR wrote of PLUGIN; everybody sees the REASON, and the stars count no more."""
    if not reason.strip():
        raise click.UsageError("say why, in REASON")
    _set_hidden(call, data, plugin, author, reason=reason)
    call.say(f"the review of {plugin} by {author} is hidden")


@review_command.command(name="show")
@click.argument("plugin")
@click.argument("author")
@data_option
@click.pass_obj
def show_review_command(call: Call, plugin: str, author: str, data: str | None) -> None:
    """Show it again, or leave it as it is; reports of it are done with."""
    _set_hidden(call, data, plugin, author, reason="")
    call.say(f"the review of {plugin} by {author} is shown")


def _set_hidden(call: Call, data: str | None, plugin: str, author: str, *, reason: str) -> None:
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.reviews import hide

    with_registry(call, data, lambda registry: hide(registry, OPERATOR, plugin, author, reason=reason))


@click.group(name="name", context_settings=CONTEXT)
def name_command() -> None:
    """Reserve names that only an admin gives away, beside those the program reserves itself."""


@name_command.command(name="list")
@data_option
@click.pass_obj
def list_names_command(call: Call, data: str | None) -> None:
    """List the names that admins reserved, with the reason."""
    from registry_server.operations.moderation import list_reserved

    call.lines(with_registry(call, data, list_reserved))


@name_command.command(name="reserve")
@click.argument("name")
@click.argument("reason", default="an admin keeps it")
@data_option
@click.pass_obj
def reserve_name_command(call: Call, name: str, reason: str, data: str | None) -> None:
    """Keep NAME, and names that differ from it by case and dashes only."""
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.moderation import reserve_name

    with_registry(call, data, lambda registry: reserve_name(registry, OPERATOR, name, reason))
    call.say(f"{name} is reserved")


@name_command.command(name="free")
@click.argument("name")
@data_option
@click.pass_obj
def free_name_command(call: Call, name: str, data: str | None) -> None:
    """Let everybody have NAME."""
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.moderation import free_name

    with_registry(call, data, lambda registry: free_name(registry, OPERATOR, name))
    call.say(f"{name} is free")


@click.command(name="audit")
@data_option
@json_option
@click.option("--plugin", "subject", default="", help="Only about this plugin, user or token.")
@click.option("--user", "actor", default="", help="Only what this user did.")
@click.option("--before", type=click.IntRange(1, COUNT_MAX), help="Only entries with a smaller number.")
@click.pass_obj
def audit_command(
    call: Call, data: str | None, is_json: bool, subject: str, actor: str, before: int | None
) -> None:
    """Show who did what, newest first, a hundred at a time."""
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.audit import read_log

    query = AuditQuery(before=before, subject=subject, actor=actor)
    entries = with_registry(call, data, lambda registry: read_log(registry, OPERATOR, query))
    if is_json:
        call.json(entries)
        return
    for entry in entries:
        moment = f"{entry.at:%Y-%m-%d %H:%M:%S}"
        call.lines(
            [(entry.id, moment, entry.actor, entry.action, entry.subject, entry.detail, entry.address)]
        )


def _set_flags(call: Call, data: str | None, plugin: str, flags: Flags) -> None:
    from registry_server.operations.accounts import OPERATOR
    from registry_server.operations.moderation import set_flags

    with_registry(call, data, lambda registry: set_flags(registry, OPERATOR, plugin, flags))
