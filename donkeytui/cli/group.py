"""The click group: aliases, "did you mean", and verbs that are imported only when they are called."""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from donkeytui.cli.invocation import Invocation, common_options, take_common

VERBS = {
    "search": ("find", "Find plugins."),
    "info": ("find", "Show everything about a plugin."),
    "install": ("change", "Add plugins to the project, or match its lockfile."),
    "uninstall": ("change", "Remove plugins from the project."),
    "update": ("change", "Move plugins to the newest releases within their ranges."),
    "plan": ("change", "Show what a change would do, and keep it for apply."),
    "apply": ("change", "Apply a plan that was kept."),
    "undo": ("change", "Take back the last change to the project."),
    "history": ("project", "Show the changes that can be undone."),
    "pin": ("change", "Hold plugins at their versions."),
    "unpin": ("change", "Let pinned plugins move again."),
    "list": ("project", "Show what is installed in the project."),
    "outdated": ("project", "Show what could be newer, and what is in the way."),
    "why": ("project", "Show why a plugin is in the project."),
    "verify": ("project", "Check installed files against what was released."),
    "diff": ("project", "Show your edits of installed plugins."),
    "audit": ("project", "Check what is installed against the registry."),
    "hooks": ("project", "Show or run the post-install commands of plugins."),
    "sync": ("find", "Bring the catalogue up to date."),
    "new": ("author", "Begin a plugin."),
    "validate": ("author", "Check a plugin's folder."),
    "pack": ("author", "Make the package of a plugin as a file."),
    "publish": ("author", "Check, pack and publish a plugin."),
    "deprecate": ("ownership", "Mark releases as not to be used any more."),
    "yank": ("ownership", "Hide a release from new installs."),
    "unyank": ("ownership", "Show a yanked release again."),
    "owner": ("ownership", "Show and change who a plugin belongs to."),
    "rate": ("community", "Give a plugin 1 to 5 stars."),
    "review": ("community", "Commend, report or answer a review."),
    "stats": ("community", "Show downloads over time."),
    "login": ("account", "Get a token from the registry in use."),
    "logout": ("account", "End that token."),
    "whoami": ("account", "Show who you are to the registry."),
    "token": ("tokens", "Show, make and end access tokens."),
    "registry": ("registries", "Manage the registries this machine knows."),
    "serve": ("registries", "Serve the embedded registry on a port."),
}
"""Verb -> module below `donkeytui.cli.commands`, and its line in the help."""

ALIASES = {"add": "install", "remove": "uninstall", "rm": "uninstall", "ls": "list", "show": "info"}


class VerbGroup(click.Group):
    """Knows all verbs by name; a verb's module is loaded when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in VERBS:
            return None
        command = getattr(import_module(f"donkeytui.cli.commands.{VERBS[name][0]}"), f"{name}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from difflib import get_close_matches

            near = get_close_matches(name, [*VERBS, *ALIASES], n=1, cutoff=0.6)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            ctx.fail(f"there is no verb `{name[:60]}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, so that the help loads no verb."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, words) for name, (_, words) in VERBS.items()])
        with formatter.section("Aliases"):
            formatter.write_dl(list(ALIASES.items()))


def verb(
    *, below: click.Group | None = None, **attributes: Any
) -> Callable[[Callable[..., None]], click.Command]:
    """A command with the common options, called with the invocation first; a part of `below`, if given."""

    def decorate(function: Callable[..., None]) -> click.Command:
        def callback(**values: Any) -> None:
            invocation = click.get_current_context().find_object(Invocation)
            assert invocation is not None
            function(invocation, **take_common(invocation, values))

        parameters = getattr(function, "__click_params__", [])
        callback.__click_params__ = list(parameters)  # type: ignore[attr-defined]
        settings: dict[str, Any] = {
            "context_settings": CONTEXT,
            "help": inspect.getdoc(function),
            **attributes,
        }
        command: click.Command = click.command(**settings)(common_options(callback))
        if below is not None:
            below.add_command(command)
        return command

    return decorate


CONTEXT: dict[str, Any] = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
