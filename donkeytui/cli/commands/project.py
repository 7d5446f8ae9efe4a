"""Verbs that look at a project: what is in it, why, what is newer, edited, wrong, and what was done."""

from typing import TYPE_CHECKING

import click

from donkeytui.cli.group import verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, Styled, cell_width, padded, styled

if TYPE_CHECKING:
    from donkeytui.operations.audit import AuditFinding
    from donkeytui.operations.edits import PluginCheck, VerifyReport
    from donkeytui.operations.hooks import HookState
    from donkeytui.operations.installed import InstalledList, InstalledPlugin
    from donkeytui.operations.outdated import Outdated


@verb(name="list", epilog="Example: donkeytui list --tree")
@click.option("--tree", "as_tree", is_flag=True, help="Under each plugin what it needs.")
def list_command(invocation: Invocation, as_tree: bool) -> None:
    """Show what is installed in the project, why, and what is newer or wrong."""
    from donkeytui.operations.installed import list_installed

    installed = invocation.run(lambda session: list_installed(session, invocation.output.report))
    output = invocation.output
    if output.is_json:
        output.result(installed)
    elif as_tree:
        _print_tree(output, installed)
    elif output.is_terminal:
        _print_installed(output, installed)
    elif not installed.plugins:
        output.say(_nothing_in(installed.root))
    else:
        for plugin in installed.plugins:
            output.record(
                plugin.name,
                plugin.version,
                plugin.range or "",
                plugin.newest_in_range,
                ",".join(plugin.problems),
                "pinned" if plugin.is_pinned else "",
            )


def _print_tree(output: Output, installed: "InstalledList") -> None:
    """What the user asked for at the left, below it what it needs; a plugin's needs are shown once."""
    if not installed.plugins:
        output.say(_nothing_in(installed.root))
    for row in installed.tree():
        lead = "".join("   " if is_last else "│  " for is_last in row.is_last[:-1])
        branch = ("└─ " if row.is_last[-1] else "├─ ") if row.is_last else ""
        again = "  (see above)" if row.is_again else ""
        wanted = f"  {row.range}" if row.range else ""
        output.line(
            styled(f"{lead}{branch}", "dim"),
            styled(row.name, "bold"),
            f" {row.version}",
            styled(f"{wanted}{again}", "dim"),
        )


def _print_installed(output: Output, installed: "InstalledList") -> None:
    if not installed.plugins:
        output.say(_nothing_in(installed.root))
        output.say(styled("hint:", "cyan"), " donkeytui search WORDS, then donkeytui install NAME")
    width = max((cell_width(plugin.name) for plugin in installed.plugins), default=0)
    for plugin in installed.plugins:
        output.line(
            styled(padded(plugin.name, width), "bold"),
            f"  {padded(plugin.version, 12)}  ",
            styled(padded(_reason(plugin), 28), "dim"),
            "  ",
            *_state(plugin),
        )
    for name in installed.yours:
        output.line(
            styled(padded(name, max(width, 1)), ""), "  ", styled("your own, in the same folder", "dim")
        )


def _reason(plugin: "InstalledPlugin") -> str:
    if plugin.range is not None:
        return f"you asked for {plugin.range}"
    return f"needed by {', '.join(plugin.needed_by)}" if plugin.needed_by else "needed by nothing"


def _state(plugin: "InstalledPlugin") -> list[str | Styled]:
    from registry_server.contract.versions import parse_version

    words: list[str | Styled] = []
    if plugin.quarantine:
        words.append(styled(f"✗ quarantined: {plugin.quarantine}  ", "red"))
    others = (problem for problem in plugin.problems if problem != "quarantined")
    words += [styled(f"! {problem}  ", "yellow") for problem in others]
    if plugin.has_update:
        # Downwards only out of quarantine.
        is_back = parse_version(plugin.newest_in_range) < parse_version(plugin.version)
        words.append(styled(f"{'↓' if is_back else '↑'} update {plugin.newest_in_range}", "green"))
    elif plugin.is_pinned:
        words.append(styled("pinned", "cyan"))
    elif plugin.newest and plugin.newest != plugin.version:
        words.append(styled(f"newest {plugin.newest}", "dim"))
    return words


@verb(name="outdated", epilog="Example: donkeytui outdated --json")
def outdated_command(invocation: Invocation) -> None:
    """Show what could be newer: what an update gives, the newest there is, and what is in the way."""
    from donkeytui.operations.outdated import outdated

    report = invocation.run(lambda session: outdated(session, invocation.output.report))
    output = invocation.output
    if output.is_json:
        output.result(report)
        return
    if not report.plugins:
        is_bare = not report.checked
        output.say(_nothing_in(report.root) if is_bare else "everything is at its newest release")
    width = max((cell_width(plugin.name) for plugin in report.plugins), default=0)
    for plugin in report.plugins:
        if not output.is_terminal:
            state = ",".join(filter(None, ("quarantined" if plugin.quarantine else "", plugin.blocked_by)))
            output.record(plugin.name, plugin.version, plugin.wanted, plugin.newest, state)
            continue
        output.line(
            styled(padded(plugin.name, width), "bold"),
            f"  {padded(plugin.version, 10)} → ",
            styled(padded(plugin.wanted, 10), "green" if plugin.wanted != plugin.version else "dim"),
            f"  newest {padded(plugin.newest, 10)}  ",
            styled(_blocked(plugin), "dim"),
        )
        if plugin.quarantine:
            reason = f"{' ' * width}  ✗ quarantined: {plugin.quarantine}"
            output.line(styled(reason, "red"))
        for sentence in plugin.why:
            output.line(styled(f"{' ' * width}  {sentence}", "dim"))


def _blocked(plugin: "Outdated") -> str:
    match plugin.blocked_by:
        case "range":
            return f"beyond your range {plugin.range}: donkeytui update {plugin.name} --latest"
        case "pin":
            return f"pinned: donkeytui unpin {plugin.name}"
        case "cool-down":
            return "too young:"
        case "conflict":
            return "others are in the way:"
        case _:
            return ""


@verb(name="why", epilog="Example: donkeytui why users")
@click.argument("plugin", metavar="NAME")
def why_command(invocation: Invocation, plugin: str) -> None:
    """Show why a plugin is in the project: every chain from what you asked for."""
    from donkeytui.operations.reasons import why

    report = invocation.run(lambda session: why(session, plugin, invocation.output.report))
    output = invocation.output
    if output.is_json:
        output.result(report)
        return
    output.line(styled(report.name, "bold"), f" {report.version}{', pinned' if report.is_pinned else ''}")
    if report.quarantine:
        output.line(styled(f"  ✗ quarantined: {report.quarantine}", "red"))
    for chain in report.chains:
        first, *rest = chain
        parts: list[str | Styled] = [
            "  you asked for ",
            styled(first.name, "bold"),
            styled(f" {first.range}", "dim"),
            f" ({first.version})",
        ]
        for link in rest:
            parts += [" → ", styled(link.name, "bold"), styled(f" {link.range}", "dim"), f" ({link.version})"]
        output.line(*parts)
    if report.is_cut:
        output.line(styled("  and more chains than these", "dim"))
    elif not report.chains:
        output.line(
            "  nothing needs it any more; ", styled("donkeytui install --prune", "cyan"), " takes it out"
        )


@verb(name="verify", epilog="Example: donkeytui verify")
def verify_command(invocation: Invocation) -> None:
    """Check every installed file against what was released; exit status 1 when something differs."""
    from donkeytui.operations.edits import verify

    report = invocation.run(lambda session: verify(session, invocation.output.report))
    output = invocation.output
    if output.is_json:
        output.result(report, is_ok=report.is_intact)
    else:
        for check in report.plugins:
            _print_check(output, check)
        _say_how_intact(output, report)
    invocation.exit_status = 0 if report.is_intact else 1


def _say_how_intact(output: Output, report: "VerifyReport") -> None:
    states = [check.state for check in report.plugins]
    if not states:
        output.say(_nothing_in(report.root))
        return
    output.say(f"{states.count('intact')} of {len(states)} plugins are as they were released")
    hints = {"edited": "donkeytui diff shows the edits", "missing": "donkeytui install brings them back"}
    for state, hint in hints.items():
        if state in states:
            output.say(styled("hint:", "cyan"), f" {hint}")


def _nothing_in(root: str) -> str:
    return f"no plugin is installed in {root}"


def _print_check(output: Output, check: "PluginCheck") -> None:
    if not output.is_terminal:
        paths = ",".join(file.path for file in check.files)
        output.record(check.name, check.version, check.state, paths, ",".join(check.markers))
        return
    sign, style = {"intact": ("✓", "green"), "missing": ("✗", "red")}.get(check.state, ("±", "yellow"))
    output.line(styled(sign, style), " ", styled(check.name, "bold"), f" {check.version}  {check.state}")
    for file in check.files:
        output.line(f"    {padded(file.kind, 8)} {file.path}")
    for path in check.markers:
        output.line(styled(f"    conflict markers in {path}", "red"))


@verb(name="diff", epilog="Example: donkeytui diff auth-jwt")
@click.argument("plugins", nargs=-1, metavar="[NAME]...")
def diff_command(invocation: Invocation, plugins: tuple[str, ...]) -> None:
    """Show your edits of installed plugins, from the release to your files."""
    from donkeytui.operations.edits import diff

    found = invocation.run(lambda session: diff(session, plugins, invocation.output.report))
    output = invocation.output
    if output.is_json:
        output.result({"files": found})
        return
    from donkeytui.cli.plans import print_diff

    for file in found:
        print_diff(output, file.text)
    if not found:
        output.say("no installed plugin was edited" if not plugins else "no edits there")


@verb(name="history", epilog="Example: donkeytui history")
def history_command(invocation: Invocation) -> None:
    """Show the changes made to the project that can still be undone, newest first."""
    from donkeytui.operations.undo import list_history

    output = invocation.output
    changes = invocation.run(lambda session: list_history(session, output.report))
    if output.is_json:
        output.result({"changes": changes})
        return
    for change in changes:
        if not output.is_terminal:
            output.record(change.number, change.at, change.title, "undone" if change.is_undone else "")
            continue
        mark = "  undone" if change.is_undone else ""
        output.line(
            styled(f"{change.number:>4}", "bold"),
            f"  {padded(change.at.replace('T', ' ')[:16], 16)} UTC  {change.title}",
            styled(mark, "dim"),
        )
        for step in change.steps:
            versions = " → ".join(version for version in (step.before, step.after) if version)
            output.line(styled(f"        {padded(step.kind, 9)} {step.name} {versions}", "dim"))
    if not changes:
        output.say("no change of this project is kept")


@verb(name="audit", epilog="Example: donkeytui audit --json")
def audit_command(invocation: Invocation) -> None:
    """Check what is installed against what the registry says of it now; exit status 1 for what must go."""
    from donkeytui.operations.audit import audit

    report = invocation.run(lambda session: audit(session, invocation.output.report))
    output = invocation.output
    if output.is_json:
        output.result(report, is_ok=not report.has_errors)
    else:
        for finding in report.findings:
            _print_finding(output, finding)
        if not report.checked:
            output.say(_nothing_in(report.root))
        else:
            plugins, findings = _counted(report.checked, "plugin"), _counted(len(report.findings), "finding")
            output.say(f"{plugins} checked, {findings}")
    invocation.exit_status = 1 if report.has_errors else 0


def _print_finding(output: Output, finding: "AuditFinding") -> None:
    if not output.is_terminal:
        output.record(finding.severity, finding.plugin, finding.version, finding.code, finding.text)
        return
    style = {"error": "red", "warning": "yellow", "note": "dim"}[finding.severity]
    output.line(
        styled(padded(finding.severity, 8), style),
        styled(finding.plugin, "bold"),
        f" {finding.version}  {finding.text}",
        styled(f"  {finding.hint}" if finding.hint else "", "dim"),
    )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number or 'no'} {word}s"


@verb(name="hooks", epilog="Example: donkeytui hooks auth-jwt --run")
@click.argument("plugins", nargs=-1, metavar="[NAME]...")
@click.option("--run", "is_run", is_flag=True, help="Run them: each is shown, and asked about once.")
def hooks_command(invocation: Invocation, plugins: tuple[str, ...], is_run: bool) -> None:
    """Show the post-install commands of plugins. None ever runs unless you read it and say yes."""
    from donkeytui.operations.hooks import list_hooks

    output = invocation.output
    states = invocation.run(lambda session: list_hooks(session, plugins, output.report))
    if not is_run:
        if output.is_json:
            output.result({"hooks": states})
            return
        for state in states:
            output.line(styled(state.hook.plugin, "bold"), f" {state.hook.version}  {state.hook.command}")
            output.say(styled("  approved" if state.is_approved else "  never run", "dim"))
        if not states:
            output.say("no installed plugin has a hook")
        return
    ran = [state.hook for state in states if _has_run(invocation, state)]
    if output.is_json:
        output.result({"hooks": states, "ran": ran}, is_ok=len(ran) == len(states))
    elif not states:
        output.say("no installed plugin has a hook")
    invocation.exit_status = 0 if len(ran) == len(states) else 1


def _has_run(invocation: Invocation, state: "HookState") -> bool:
    """Whether it was approved, now or before, and then run; raises when it fails."""
    from donkeytui.operations.hooks import approve_hook, run_hook

    output, hook = invocation.output, state.hook
    if not state.is_approved:
        output.say(f"{hook.plugin} {hook.version} wants to run, in your project:")
        output.say(styled(f"  {hook.command}", "bold"))
        answer = output.confirm("Run it, now and whenever this release is installed?", is_yes_usual=False)
        if not answer:
            output.say("not run" if answer is False else "not run: nobody could be asked")
            return False
        invocation.run(lambda session: approve_hook(session, hook))
    invocation.run(lambda session: run_hook(session, hook, output.report))
    output.say(styled("✓ ", "green"), f"the hook of {hook.plugin} has run")
    return True
