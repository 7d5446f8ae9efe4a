"""Plans and reports as lines: what would be done, what was done, what is left to do."""

from donkeytui.cli.output import Output, padded, styled
from donkeytui.install.plan import Edit, InstallPlan
from donkeytui.operations.apply import InstallReport, NextSteps
from donkeytui.project.differences import unified
from donkeytui.project.lockfile import LOCKFILE_NAME

_SIGNS = {
    "install": ("+", "green"),
    "update": ("↑", "green"),
    "downgrade": ("↓", "yellow"),
    "remove": ("-", "red"),
}
_DONE = {"install": "installed", "update": "updated", "downgrade": "downgraded", "remove": "uninstalled"}
_FILE_SIGNS = {
    "create": ("+", "green"),
    "update": ("~", "cyan"),
    "replace": ("!", "yellow"),
    "remove": ("-", "red"),
}
_MERGE_WORDS = {"merged": "merge", "kept": "yours", "taken": "theirs", "conflict": "CONFLICT"}

Row = tuple[str, str, str, str]
"""A sign, its style, what happens, and why."""


def say_plan(output: Output, plan: InstallPlan) -> None:
    """Before the question, beside the data."""
    _say_what_is_undone(output, plan)
    for sign, style, text, why in _rows(plan):
        output.say("  ", styled(sign, style), text, styled(why, "dim"))
    output.say(styled(f"  {_totals(plan)}", "dim"))


def print_plan(output: Output, plan: InstallPlan, *, with_texts: bool) -> None:
    """As data."""
    _say_what_is_undone(output, plan)
    for sign, style, text, why in _rows(plan):
        output.line(styled(sign, style), text, styled(why, "dim"))
    for edit in plan.edits if with_texts else ():
        if edit.path != LOCKFILE_NAME:
            print_diff(output, _difference(edit))
    for text in (text for merge in plan.merges for text in merge.diffs.values()) if with_texts else ():
        print_diff(output, text)
    output.say(_totals(plan))


def print_diff(output: Output, text: str) -> None:
    """A unified diff, coloured on a terminal."""
    # At line feeds alone: a file's own form feed must not begin a line that looks like one of the diff.
    for line in text.removesuffix("\n").split("\n"):
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        is_head = line.startswith(("+++", "---"))
        output.line(styled(line, "bold" if is_head else style))


def print_report(output: Output, report: InstallReport, *, title: str) -> None:
    """`title`: what was asked for, which says more than the files when no plugin has moved."""
    for step in report.changes:
        to = f" {step.after}" if step.after else f" {step.before}"
        output.line(styled("✓ ", "green"), f"{_DONE[step.kind]} ", styled(step.name, "bold"), to)
    if not report.changes:
        is_plain = title in ("", "install")
        output.line(styled("✓ ", "green"), "the project's files are up to date" if is_plain else title)
    for path in report.conflicts:
        output.line(styled("! ", "red"), "to be resolved: ", styled(path, "bold"))


def say_next_steps(output: Output, report: InstallReport) -> None:
    steps, npm = report.next_steps, report.npm
    if npm is not None and npm.state == "failed":
        output.say(styled("! ", "red"), f"the project is changed, but {npm.command} failed: {npm.why}")
    lines = _entry_lines(steps)
    if steps.env_vars:
        lines.append(f"  Set in the environment: {', '.join(steps.env_vars)}")
    if npm is not None and npm.state != "done":
        lines.append(f"  Run: {npm.command}   ({npm.why})")
    elif npm is None and steps.npm_command:
        lines.append(f"  Run: {steps.npm_command}")
    lines += [f"  Run: {command}" for command in steps.commands]
    lines += [f"  {instruction}" for instruction in steps.instructions]
    lines += [
        f"  Not run, a hook of {hook.plugin}: {hook.command}   (donkeytui hooks {hook.plugin} --run)"
        for hook in steps.hooks
    ]
    if lines:
        output.say("")
        output.say(styled("Next steps", "bold"))
        for line in lines:
            output.say(line)


def _say_what_is_undone(output: Output, plan: InstallPlan) -> None:
    if plan.undoes:
        output.say(f"{plan.title}  ", styled(f"(change {plan.undoes})", "dim"))


def _entry_lines(steps: NextSteps) -> list[str]:
    lines: list[str] = []
    if steps.registrations:
        lines.append(f"  Add to {steps.entry} (or let --register do it):")
        lines += [f"    {registration.import_line}" for registration in steps.registrations]
        lines += [f"    {registration.register_line}" for registration in steps.registrations]
    if steps.removals:
        names = ", ".join(registration.name for registration in steps.removals)
        lines.append(f"  Take out of {steps.entry}: the import and registerPlugin of {names}")
    return lines


def _rows(plan: InstallPlan) -> list[Row]:
    width = max((len(step.name) for step in plan.changes), default=0)
    rows: list[Row] = []
    for step in plan.changes:
        versions = " → ".join(version for version in (step.before, step.after) if version)
        why = f"  {'for ' if step.why else ''}{', '.join(step.why)}"
        text = f" {padded(step.kind, 9)} {padded(step.name, width)}  {padded(versions, 16)}"
        rows.append((*_SIGNS[step.kind], text, why))
    rows += [
        _merge_row(file.path, file.outcome, file.detail) for merge in plan.merges for file in merge.files
    ]
    for file in plan.files:
        rows.append((*_FILE_SIGNS[file.kind], f" {padded(file.kind, 9)} {file.path}", f"  {file.plugin}"))
    for edit in plan.edits:
        word = "remove" if edit.is_removed else "edit" if edit.before_integrity else "create"
        detail = f"  npm: {', '.join(plan.npm)}" if edit.path == "package.json" and plan.npm else ""
        rows.append(("~", "cyan", f" {padded(word, 9)} {edit.path}", detail))
    return rows


def _merge_row(path: str, outcome: str, detail: str) -> Row:
    style = "red" if outcome == "conflict" else "cyan"
    return ("±", style, f" {padded(_MERGE_WORDS[outcome], 9)} {path}", f"  {detail}")


def _totals(plan: InstallPlan) -> str:
    counts: dict[str, int] = {}
    for step in plan.changes:
        counts[step.kind] = counts.get(step.kind, 0) + 1
    words = [f"{count} to {kind}" for kind, count in counts.items()]
    size = (
        f"{plan.download_bytes / 1024:.1f} KiB to download" if plan.download_bytes else "nothing to download"
    )
    return f"{', '.join(words) or 'files only'}; {size}"


def _difference(edit: Edit) -> str:
    before = edit.before.encode("utf-8", "surrogateescape") if edit.before_integrity else None
    after = None if edit.is_removed else edit.after.encode("utf-8", "surrogateescape")
    return unified(edit.path, before, after)
