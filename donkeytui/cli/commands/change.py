"""Verbs that change a project. Each makes a plan; the plan is shown, asked about, applied."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from donkeytui.cli.group import verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output
from donkeytui.problems import NotConfirmed, PluginEdited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from donkeytui.install.plan import InstallPlan
    from donkeytui.operations.apply import InstallReport
    from donkeytui.operations.changes import Changes
    from donkeytui.session import Session


class Options(TypedDict, total=False):
    """What the verbs below share; each takes some of them."""

    yes: bool
    dry_run: bool
    diff: bool
    force: bool
    prune: bool
    register: bool
    no_npm: bool
    locked: bool
    frozen: bool
    latest: bool
    resolution: str
    keep: bool
    theirs: bool
    ignore_engines: bool
    no_cool_down: bool


_OPTIONS = {
    "yes": click.option("--yes", "-y", is_flag=True, help="Apply the plan without asking."),
    "dry_run": click.option("--dry-run", is_flag=True, help="Show the plan and change nothing."),
    "diff": click.option(
        "--diff", is_flag=True, help="Where the plan is only shown: edited files line by line."
    ),
    "force": click.option(
        "--force", is_flag=True, help="Also where your own files or edits would be replaced."
    ),
    "prune": click.option("--prune", is_flag=True, help="Also remove what nothing needs any more."),
    "register": click.option("--register", is_flag=True, help="Also edit the server entry."),
    "no_npm": click.option("--no-npm", is_flag=True, help="Do not run the package manager afterwards."),
    "locked": click.option("--locked", is_flag=True, help="Refuse to change the lockfile."),
    "frozen": click.option("--frozen", is_flag=True, help="For CI: exactly the lockfile, solving nothing."),
    "latest": click.option("--latest", is_flag=True, help="Also beyond the ranges asked for."),
    "resolution": click.option(
        "--resolution",
        type=click.Choice(["highest", "lowest"]),
        default="highest",
        help="lowest: the oldest releases your ranges allow, to test the ranges.",
    ),
    "keep": click.option(
        "--keep", is_flag=True, help="Where a release changed lines you edited: yours stay."
    ),
    "theirs": click.option(
        "--theirs", is_flag=True, help="Where a release changed lines you edited: its win."
    ),
    "ignore_engines": click.option(
        "--ignore-engines", is_flag=True, help="Do not look at the versions of Bun and Node."
    ),
    "no_cool_down": click.option(
        "--no-cool-down", is_flag=True, help="Take releases however young they are."
    ),
}


def _takes(*names: str) -> "Callable[[Callable[..., None]], Callable[..., None]]":
    def decorate(function: "Callable[..., None]") -> "Callable[..., None]":
        for name in reversed(names):
            function = _OPTIONS[name](function)
        return function

    return decorate


_APPLYING = ("yes", "dry_run", "diff", "force", "register", "no_npm")
_SOLVING = ("locked", "prune", "resolution", "keep", "theirs", "ignore_engines", "no_cool_down")


@verb(name="install", epilog="Example: donkeytui install auth-jwt stripe@^1.1.0 --yes")
@click.argument("plugins", nargs=-1, metavar="[NAME[@RANGE]]...")
@_takes(*_APPLYING, "frozen", *_SOLVING)
def install_command(invocation: Invocation, plugins: tuple[str, ...], **options: Unpack[Options]) -> None:
    """Add plugins and what they need to the project. Without names: make it match its lockfile."""
    changes = _changes(options, install=plugins)
    _run(invocation, changes, options, nothing="nothing to install: every plugin is there at its release")


@verb(name="uninstall", epilog="Example: donkeytui uninstall auth-jwt --prune")
@click.argument("plugins", nargs=-1, required=True, metavar="NAME...")
@_takes(*_APPLYING, "prune")
def uninstall_command(invocation: Invocation, plugins: tuple[str, ...], **options: Unpack[Options]) -> None:
    """Remove plugins from the project; refused while another plugin needs them."""
    _run(invocation, _changes(options, uninstall=plugins), options, nothing="nothing to uninstall")


@verb(name="update", epilog="Example: donkeytui update auth-jwt --dry-run")
@click.argument("plugins", nargs=-1, metavar="[NAME]...")
@_takes(*_APPLYING, "latest", *_SOLVING)
def update_command(invocation: Invocation, plugins: tuple[str, ...], **options: Unpack[Options]) -> None:
    """Move plugins, or all of them, to the newest releases within the ranges asked for."""
    changes = _changes(options, update=plugins, is_update_of_all=not plugins)
    where = "that fits" if options.get("latest") else "within the ranges asked for"
    _run(invocation, changes, options, nothing=f"there is nothing newer {where}")


@verb(name="pin", epilog="Example: donkeytui pin auth-jwt")
@click.argument("plugins", nargs=-1, required=True, metavar="NAME...")
@_takes("dry_run")
def pin_command(invocation: Invocation, plugins: tuple[str, ...], **options: Unpack[Options]) -> None:
    """Hold plugins at their versions: no update moves them until they are unpinned."""
    _run(invocation, _changes(options, pin=plugins), {**options, "yes": True}, nothing="pinned already")


@verb(name="unpin", epilog="Example: donkeytui unpin auth-jwt")
@click.argument("plugins", nargs=-1, required=True, metavar="NAME...")
@_takes("dry_run")
def unpin_command(invocation: Invocation, plugins: tuple[str, ...], **options: Unpack[Options]) -> None:
    """Let pinned plugins move again."""
    _run(invocation, _changes(options, unpin=plugins), {**options, "yes": True}, nothing="not pinned")


@verb(name="plan", epilog="Example: donkeytui plan auth-jwt --uninstall mailer --out change.json")
@click.argument("plugins", nargs=-1, metavar="[NAME[@RANGE]]...")
@click.option("--uninstall", multiple=True, metavar="NAME", help="Remove this plugin.")
@click.option("--update", multiple=True, metavar="NAME", help="Update this plugin.")
@click.option("--update-all", is_flag=True, help="Update everything.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Keep the plan, for `apply FILE`."
)
@_takes("diff", "force", "register", "latest", *_SOLVING)
def plan_command(
    invocation: Invocation,
    plugins: tuple[str, ...],
    uninstall: tuple[str, ...],
    update: tuple[str, ...],
    update_all: bool,
    out: Path | None,
    **options: Unpack[Options],
) -> None:
    """Show what a change would do, whole, and change nothing."""
    import shlex

    from donkeytui.operations.plan_file import render_plan_file, write_plan_file

    changes = _changes(
        options, install=plugins, uninstall=uninstall, update=update, is_update_of_all=update_all
    )
    plan = _plan(invocation, changes)
    if out is not None:
        write_plan_file(invocation.working_folder / out, render_plan_file(changes, plan))
        invocation.output.say(f"the plan is in {out}; donkeytui apply {shlex.quote(str(out))} makes it real")
    _show_dry(invocation.output, plan, with_texts=bool(options.get("diff")), nothing="there is nothing to do")


@verb(name="apply", epilog="Example: donkeytui apply change.json --yes")
@click.argument("file", type=click.Path(path_type=Path))
@_takes("yes", "dry_run", "diff", "no_npm")
def apply_command(invocation: Invocation, file: Path, **options: Unpack[Options]) -> None:
    """Apply a plan that `plan --out` kept; refused when project or catalogue have moved since."""
    from donkeytui.operations.apply import apply_plan
    from donkeytui.operations.plan_file import plan_from_file, read_plan_file

    report = invocation.output.report
    runs_npm = not options.get("no_npm")
    read = read_plan_file(invocation.working_folder / file)
    plan = invocation.run(lambda session: plan_from_file(session, read, report))
    _go_on(
        invocation,
        plan,
        options,
        apply=lambda session: apply_plan(session, plan, runs_npm=runs_npm, report=report),
        nothing="the plan is done already",
    )


@verb(name="undo", epilog="Example: donkeytui undo --dry-run")
@_takes("yes", "dry_run", "diff", "force", "no_npm")
def undo_command(invocation: Invocation, **options: Unpack[Options]) -> None:
    """Take back the last change to the project, byte for byte; again for the one before."""
    from donkeytui.operations.undo import apply_undo, plan_undo

    report = invocation.output.report
    is_forced, runs_npm = bool(options.get("force")), not options.get("no_npm")
    plan = invocation.run(lambda session: plan_undo(session, is_forced=is_forced, report=report))
    _go_on(
        invocation,
        plan,
        options,
        apply=lambda session: apply_undo(session, plan, runs_npm=runs_npm, report=report),
        nothing="everything is as it was before it already",
    )


def _changes(options: Options, **asked: Any) -> "Changes":
    from donkeytui.operations.changes import Changes

    if options.get("keep") and options.get("theirs"):
        raise click.UsageError("--keep and --theirs exclude each other")
    staying = {text.partition("@")[0] for text in (*asked.get("install", ()), *asked.get("update", ()))}
    if both := sorted(staying & {*asked.get("uninstall", ())}):
        raise click.UsageError(f"{both[0]} cannot be uninstalled and asked for in one plan")
    return Changes(
        side="keep" if options.get("keep") else "theirs" if options.get("theirs") else "ask",
        is_forced=options.get("force", False),
        with_orphans=options.get("prune", False),
        is_registering=options.get("register", False),
        is_locked=options.get("locked", False),
        is_frozen=options.get("frozen", False),
        is_latest=options.get("latest", False),
        is_lowest=options.get("resolution") == "lowest",
        ignores_engines=options.get("ignore_engines", False),
        ignores_cool_down=options.get("no_cool_down", False),
        **asked,
    )


def _plan(invocation: Invocation, changes: "Changes") -> "InstallPlan":
    from donkeytui.operations.changes import plan_changes

    return invocation.run(lambda session: plan_changes(session, changes, invocation.output.report))


def _run(invocation: Invocation, changes: "Changes", options: Options, *, nothing: str) -> None:
    from msgspec import structs

    try:
        plan = _plan(invocation, changes)
    except PluginEdited as error:
        if not (changes.uninstall and _is_sure(invocation.output, error, options)):
            raise
        plan = _plan(invocation, structs.replace(changes, is_forced=True))

    async def apply(session: "Session") -> "InstallReport":
        # Not before there is something to apply: it is half of what such a command imports.
        from donkeytui.operations.apply import apply_plan

        runs_npm = not options.get("no_npm")
        return await apply_plan(session, plan, runs_npm=runs_npm, report=invocation.output.report)

    _go_on(invocation, plan, options, apply=apply, nothing=nothing)


def _is_sure(output: Output, error: PluginEdited, options: Options) -> bool:
    """Whether a person at the terminal gives up edits; nobody else can."""
    if options.get("yes") or options.get("dry_run") or output.is_json:
        return False
    output.say(f"{error.problem.title}; undo brings it back")
    return bool(output.confirm("Go on all the same?", is_yes_usual=False))


def _go_on(
    invocation: Invocation,
    plan: "InstallPlan",
    options: Options,
    *,
    apply: "Callable[[Session], Awaitable[InstallReport]]",
    nothing: str,
) -> None:
    """Shows the plan, asks, applies, and tells how it went."""
    output = invocation.output
    if plan.is_empty or options.get("dry_run"):
        _show_dry(output, plan, with_texts=bool(options.get("diff")), nothing=nothing)
        return
    from donkeytui.cli.plans import print_report, say_next_steps, say_plan

    _notices(output, plan)
    if not output.is_json:
        say_plan(output, plan)
    if not options.get("yes"):
        # Outside of the event loop, so that Ctrl-C at the prompt ends it at once.
        _ask(output)
    report = invocation.run(apply)
    has_npm_failed = report.npm is not None and report.npm.state == "failed"
    is_done = not (report.conflicts or has_npm_failed)
    if output.is_json:
        output.result(report, is_ok=is_done)
    else:
        print_report(output, report, title=plan.title)
        say_next_steps(output, report)
    invocation.exit_status = 0 if is_done else 1


def _show_dry(output: Output, plan: "InstallPlan", *, with_texts: bool, nothing: str) -> None:
    _notices(output, plan)
    if output.is_json:
        output.result({"plan": plan})
    elif plan.is_empty:
        output.say(nothing)
    else:
        from donkeytui.cli.plans import print_plan

        print_plan(output, plan, with_texts=with_texts)


def _notices(output: Output, plan: "InstallPlan") -> None:
    for notice in plan.notices:
        output.notice(notice)


def _ask(output: Output) -> None:
    answer = output.confirm("Apply this plan?")
    if answer is None:
        raise NotConfirmed(
            "the plan was not applied: nobody could be asked",
            hint="add --yes to apply it, or --dry-run to see it",
        )
    if not answer:
        raise NotConfirmed("the plan was not applied", detail="you said no; nothing was changed")
