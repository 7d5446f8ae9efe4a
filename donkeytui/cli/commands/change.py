"""Verbs that change a project: install, uninstall, update. Plan, show, ask, apply."""

from typing import TYPE_CHECKING

import click

from donkeytui.cli.group import verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, padded, styled
from donkeytui.problems import NotConfirmed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from donkeytui.install.plan import InstallPlan
    from donkeytui.operations.install import InstallReport, NextSteps
    from donkeytui.session import Session

_SIGNS = {
    "install": ("+", "green"),
    "update": ("↑", "green"),
    "downgrade": ("↓", "yellow"),
    "remove": ("-", "red"),
}

_yes = click.option("--yes", "-y", is_flag=True, help="Apply the plan without asking.")
_dry_run = click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
_force = click.option("--force", is_flag=True, help="Also where your own files or edits would be replaced.")


@verb(name="install", epilog="Example: donkeytui install auth-jwt stripe@^1.1.0 --yes")
@click.argument("plugins", nargs=-1, metavar="[NAME[@RANGE]]...")
@_yes
@_dry_run
@_force
def install_command(
    invocation: Invocation,
    plugins: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Add plugins and what they need to the project. Without names: make it match its lockfile."""
    from donkeytui.operations.install import plan_install

    report = invocation.output.report
    _run(
        invocation,
        lambda session: plan_install(session, plugins, is_forced=force, report=report),
        is_confirmed=yes,
        is_dry=dry_run,
        nothing="nothing to install: every plugin is there at its release",
    )


@verb(name="uninstall", epilog="Example: donkeytui uninstall auth-jwt --prune")
@click.argument("plugins", nargs=-1, required=True, metavar="NAME...")
@click.option("--prune", is_flag=True, help="Also remove what nothing needs any more.")
@_yes
@_dry_run
@_force
def uninstall_command(
    invocation: Invocation,
    plugins: tuple[str, ...],
    prune: bool,
    yes: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Remove plugins from the project; refused while another plugin needs them."""
    from donkeytui.operations.install import plan_uninstall

    report = invocation.output.report
    _run(
        invocation,
        lambda session: plan_uninstall(session, plugins, is_forced=force, with_orphans=prune, report=report),
        is_confirmed=yes,
        is_dry=dry_run,
        nothing="nothing to uninstall",
    )


@verb(name="update", epilog="Example: donkeytui update auth-jwt --dry-run")
@click.argument("plugins", nargs=-1, metavar="[NAME]...")
@_yes
@_dry_run
@_force
def update_command(
    invocation: Invocation,
    plugins: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Move plugins, or all of them, to the newest releases within the ranges asked for."""
    from donkeytui.operations.install import plan_update

    report = invocation.output.report
    _run(
        invocation,
        lambda session: plan_update(session, plugins, is_forced=force, report=report),
        is_confirmed=yes,
        is_dry=dry_run,
        nothing="everything is at its newest release within its range",
    )


def _run(
    invocation: Invocation,
    make: "Callable[[Session], Awaitable[InstallPlan]]",
    *,
    is_confirmed: bool,
    is_dry: bool,
    nothing: str,
) -> None:
    from donkeytui.operations.install import apply_plan

    output = invocation.output
    plan = invocation.run(make)
    if not output.is_json or is_dry:
        for notice in plan.notices:
            output.notice(notice)
    report: InstallReport | None = None
    if not (plan.is_empty or is_dry):
        if not output.is_json:
            _show_plan(output, plan)
        if not is_confirmed:
            # Outside of the event loop, so that Ctrl-C at the prompt ends it at once.
            _ask(output)
        report = invocation.run(lambda session: apply_plan(session, plan, report=output.report))
    if output.is_json:
        output.result({"plan": plan} if report is None else report)
    elif plan.is_empty:
        output.say(nothing)
    elif report is None:
        _print_plan(output, plan)
    else:
        _print_report(output, report)


def _ask(output: Output) -> None:
    answer = output.confirm("Apply this plan?")
    if answer is None:
        raise NotConfirmed(
            "the plan was not applied: nobody could be asked",
            hint="add --yes to apply it, or --dry-run to see it",
        )
    if not answer:
        raise NotConfirmed("the plan was not applied", detail="you said no; nothing was changed")


def _show_plan(output: Output, plan: "InstallPlan") -> None:
    for sign, style, text, why in _plan_lines(plan):
        output.say("  ", styled(sign, style), text, styled(why, "dim"))
    output.say(styled(f"  {_totals(plan)}", "dim"))


def _print_plan(output: Output, plan: "InstallPlan") -> None:
    for sign, style, text, why in _plan_lines(plan):
        output.line(styled(sign, style), text, styled(why, "dim"))
    output.say(_totals(plan))


def _plan_lines(plan: "InstallPlan") -> list[tuple[str, str, str, str]]:
    lines = []
    width = max((len(step.name) for step in plan.changes), default=0)
    for step in plan.changes:
        sign, style = _SIGNS[step.kind]
        versions = " → ".join(version for version in (step.before, step.after) if version)
        why = f"  {'for ' if step.why else ''}{', '.join(step.why)}"
        lines.append(
            (sign, style, f" {padded(step.kind, 9)} {padded(step.name, width)}  {padded(versions, 16)}", why)
        )
    for edit in plan.edits:
        verb_word = "edit" if edit.before_integrity else "create"
        detail = f"  npm: {', '.join(plan.npm)}" if edit.path == "package.json" and plan.npm else ""
        lines.append(("~", "cyan", f" {padded(verb_word, 9)} {edit.path}", detail))
    return lines


def _totals(plan: "InstallPlan") -> str:
    counts: dict[str, int] = {}
    for step in plan.changes:
        counts[step.kind] = counts.get(step.kind, 0) + 1
    words = [f"{count} to {kind}" for kind, count in counts.items()]
    size = (
        f"{plan.download_bytes / 1024:.1f} KiB to download" if plan.download_bytes else "nothing to download"
    )
    return f"{', '.join(words) or 'files only'}; {size}"


def _print_report(output: Output, report: "InstallReport") -> None:
    for step in report.changes:
        words = {
            "install": "installed",
            "update": "updated",
            "downgrade": "downgraded",
            "remove": "uninstalled",
        }
        to = f" {step.after}" if step.after else f" {step.before}"
        output.line(styled("✓ ", "green"), f"{words[step.kind]} ", styled(step.name, "bold"), to)
    if not report.changes:
        output.line(styled("✓ ", "green"), "the project's files are up to date")
    _say_next_steps(output, report.next_steps)


def _say_next_steps(output: Output, steps: "NextSteps") -> None:
    if not (steps.registrations or steps.env_vars or steps.commands):
        return
    output.say("")
    output.say(styled("Next steps", "bold"))
    if steps.registrations:
        output.say(f"  Add to {steps.entry}:")
        for registration in steps.registrations:
            output.say(f"    {registration.import_line}")
        for registration in steps.registrations:
            output.say(f"    {registration.register_line}")
    if steps.env_vars:
        output.say(f"  Set in the environment: {', '.join(steps.env_vars)}")
    for command in steps.commands:
        output.say(f"  Run: {command}")
    for instruction in steps.instructions:
        output.say(f"  {instruction}")
