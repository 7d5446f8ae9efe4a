"""A plan as rows and details, a finished one as next steps, a problem as sentences."""

import difflib
from collections.abc import Mapping, Sequence

from donkeytui.events import Notice
from donkeytui.install.copies import FileStep
from donkeytui.install.plan import Edit, InstallPlan, Step
from donkeytui.operations.apply import InstallReport
from donkeytui.project.merge import MergedFile
from donkeytui.project.snapshot import PACKAGE_JSON
from donkeytui.tui.lines.numbers import count_text, size_text
from donkeytui.tui.text import EMPTY, Line, StyleName, fitted, span, wrapped
from registry_server.contract.problems import Problem

_SIGNS: dict[str, tuple[str, StyleName]] = {
    "install": ("+", "good"),
    "update": ("↑", "good"),
    "downgrade": ("↓", "warn"),
    "remove": ("-", "bad"),
    "keep": ("=", "dim"),
}
_OUTCOMES = {"merged": "merge", "kept": "yours", "taken": "theirs", "conflict": "CONFLICT"}
_DONE = {"install": "installed", "update": "updated", "downgrade": "downgraded", "remove": "removed"}


def plan_rows(plan: InstallPlan, width: int) -> list[Line]:
    """One line a step and a line an edit; columns as wide as what stands in them."""
    steps = plan.changes
    names = max((len(step.name) for step in steps), default=0)
    versions = max((len(_versions(step)) for step in steps), default=0)
    rows = [_step_line(step, width, names=names, versions=versions) for step in steps]
    rows += [_merge_line(file, width) for merge in plan.merges for file in merge.files]
    rows += [_file_line(file, width) for file in plan.files]
    return rows + [_edit_line(edit, width, plan.npm) for edit in plan.edits]


def plan_keys(plan: InstallPlan) -> list[str]:
    """What each of `plan_rows` is about: a plugin, or `file:` or `merge:` and a path."""
    return [
        *(step.name for step in plan.changes),
        *(f"merge:{file.path}" for merge in plan.merges for file in merge.files),
        *(f"file:{file.path}" for file in plan.files),
        *(f"file:{edit.path}" for edit in plan.edits),
    ]


def way_line(text: str, width: int) -> Line:
    return fitted((span(" → ", "accent"), span(text)), width)


def _versions(step: Step) -> str:
    return " → ".join(version for version in (step.before, step.after) if version)


def _step_line(step: Step, width: int, *, names: int, versions: int) -> Line:
    sign, style = _SIGNS[step.kind]
    parts = [
        span(f" {sign} ", style),
        *fitted((span(step.kind, style),), 10),
        *fitted((span(step.name, "strong"),), names),
        span("  "),
        *fitted((span(_versions(step)),), versions),
        span("  "),
        span(f"for {', '.join(step.why)}" if step.why else "", "dim"),
    ]
    return fitted(parts, width)


def _merge_line(file: MergedFile, width: int) -> Line:
    style: StyleName = "bad" if file.outcome == "conflict" else "accent"
    parts = (
        span(" ± ", style),
        *fitted((span(_OUTCOMES[file.outcome], style),), 10),
        span(file.path),
        span(f"  {file.detail}" if file.detail else "", "dim"),
    )
    return fitted(parts, width)


def _file_line(file: FileStep, width: int) -> Line:
    style: StyleName = {"create": "good", "replace": "warn", "remove": "bad"}.get(file.kind, "accent")  # type: ignore[assignment]
    parts = (
        span(" · ", style),
        *fitted((span(file.kind, style),), 10),
        span(file.path),
        span(f"  of {file.plugin}" if file.plugin else "", "dim"),
    )
    return fitted(parts, width)


def _edit_line(edit: Edit, width: int, npm: Mapping[str, str]) -> Line:
    word = "remove" if edit.is_removed else "edit" if edit.before_integrity else "create"
    packages = f"  npm: {', '.join(npm)}" if edit.path == PACKAGE_JSON and npm else ""
    parts = (
        span(" ~ ", "accent"),
        *fitted((span(word, "accent"),), 10),
        span(edit.path),
        span(packages, "dim"),
    )
    return fitted(parts, width)


def totals_line(plan: InstallPlan) -> Line:
    counts: dict[str, int] = {}
    for step in plan.changes:
        counts[step.kind] = counts.get(step.kind, 0) + 1
    words = [f"{count} to {kind}" for kind, count in counts.items()]
    size = f"{size_text(plan.download_bytes)} to download" if plan.download_bytes else "nothing to download"
    warnings = sum(notice.severity != "note" for notice in plan.notices)
    tail = span(f" · {count_text(warnings, 'warning')}", "warn") if warnings else span("")
    return (span(f" {', '.join(words) or 'files only'} · {size}", "dim"), tail)


def step_details(plan: InstallPlan, name: str, width: int) -> list[Line]:
    """What one row of the plan means: a plugin's step or an edit's diff."""
    edit = next((edit for edit in plan.edits if f"file:{edit.path}" == name), None)
    if edit is not None:
        return diff_lines(edit)
    if name.startswith("file:"):
        return wrapped((span(name.removeprefix("file:"), "heading"),), width)
    if name.startswith("merge:"):
        return _merge_details(plan, name.removeprefix("merge:"), width)
    step = next(step for step in plan.steps if step.name == name)
    lines: list[Line] = [(span(step.name, "heading"), span(f"  {step.after or step.before}", "dim")), EMPTY]
    if step.why:
        lines += wrapped((span(f"asked for by {', '.join(step.why)}"),), width)
    place = f"{plan.plugins_root}/{step.name}"
    if step.kind == "remove":
        lines += wrapped((span(f"{place} is removed; undo brings it back"),), width)
    else:
        lines += wrapped((span(f"goes to {place}"),), width)
    download = next((download for download in plan.downloads if download.name == name), None)
    if download is not None:
        source = "in the cache" if download.is_cached else "to download"
        lines += [(span(f"{size_text(download.size_bytes)}, {source}"),)]
        lines += wrapped((span(download.integrity, "dim"),), width)
    about = notice_lines([notice for notice in plan.notices if f"`{name}`" in notice.text], width)
    return [*lines, EMPTY, *about] if about else lines


def _merge_details(plan: InstallPlan, path: str, width: int) -> list[Line]:
    """What becomes of one file that the user edited."""
    text = next((merge.diffs[path] for merge in plan.merges if path in merge.diffs), "")
    if not text:
        return [(span(path, "heading"),), EMPTY, *wrapped((span("your file stays as it is", "dim"),), width)]
    hunks = [line for line in text.split("\n") if line[:1] in ("+", "-", "@", " ")]
    return [(span(path, "heading"),), EMPTY, *map(_diff_line, hunks[2:])]


def diff_lines(edit: Edit) -> list[Line]:
    before, after = edit.before.splitlines(), edit.after.splitlines()
    hunks = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    return [(span(edit.path, "heading"),), EMPTY, *map(_diff_line, hunks)]


def _diff_line(text: str) -> Line:
    style: StyleName = {"+": "good", "-": "bad", "@": "dim"}.get(text[:1], "")  # type: ignore[assignment]
    return (span(text.replace("\t", "    "), style),)


def other_notices(plan: InstallPlan, name: str, width: int) -> list[Line]:
    """Of the plan, those that the details of the row `name` do not show."""
    return notice_lines([notice for notice in plan.notices if f"`{name}`" not in notice.text], width)


def notice_lines(notices: Sequence[Notice], width: int) -> list[Line]:
    lines: list[Line] = []
    for notice in notices:
        style: StyleName = "warn" if notice.severity != "note" else "dim"
        lead = "!" if notice.severity != "note" else "·"
        lines += wrapped((span(f"{lead} {notice.text}", style),), width, "  ")
        if notice.hint:
            lines += wrapped((span(f"  {notice.hint}", "dim"),), width, "  ")
    return lines


def report_lines(report: InstallReport, width: int) -> list[Line]:
    """What was done, and what the user has to do next."""
    lines: list[Line] = [(span("Done", "heading"),), EMPTY]
    lines += [
        (
            span("✓ ", "good"),
            span(f"{_DONE[step.kind]} "),
            span(step.name, "strong"),
            span(f" {step.after or step.before}"),
        )
        for step in report.changes
    ]
    lines += [
        (span("! ", "bad"), span("to be resolved: "), span(path, "strong")) for path in report.conflicts
    ]
    steps = report.next_steps
    if steps.registrations or steps.env_vars or steps.commands or report.npm:
        lines += [EMPTY, (span("Next steps", "heading"),), EMPTY]
    if steps.registrations:
        lines += [(span(f"Add to {steps.entry}:"),), EMPTY]
        lines += [
            (span("  "), span(registration.import_line, "code")) for registration in steps.registrations
        ]
        lines += [
            (span("  "), span(registration.register_line, "code")) for registration in steps.registrations
        ]
        lines.append(EMPTY)
    if steps.env_vars:
        lines += [*wrapped((span(f"Set in the environment: {', '.join(steps.env_vars)}"),), width), EMPTY]
    lines += _npm_lines(report, width)
    for command in steps.commands:
        lines.append((span("Run: "), span(command, "code")))
    for instruction in steps.instructions:
        lines += wrapped((span(f"• {instruction}"),), width, "  ")
    if steps.removals:
        names = ", ".join(registration.name for registration in steps.removals)
        lines += wrapped((span(f"Take out of {steps.entry}: {names}"),), width, "  ")
    for hook in steps.hooks:
        lines += wrapped((span(f"Not run, a hook of {hook.plugin}: {hook.command}", "warn"),), width, "  ")
    words = "Z takes back the change before that" if report.undid else "Z takes it all back"
    return [*lines, EMPTY, (span(words, "dim"),)]


def _npm_lines(report: InstallReport, width: int) -> list[Line]:
    npm = report.npm
    if npm is None:
        return []
    if npm.state == "done":
        return [(span("✓ ", "good"), span(npm.command, "code"))]
    if npm.state == "failed":
        lead = wrapped((span(f"! {npm.command} failed: {npm.why}", "bad"),), width, "  ")
        return [*lead, *((span(f"  {line}", "dim"),) for line in npm.lines[-6:])]
    return [(span("Run: "), span(npm.command, "code"), span(f"  ({npm.why})", "dim"))]


def problem_lines(problem: Problem, width: int) -> list[Line]:
    """What happened, why, and one thing to do."""
    lines = wrapped((span(f"✗ {problem.title}", "bad"),), width, "  ")
    for number, text in enumerate(problem.detail.splitlines()):
        lead = "because " if number == 0 else "        "
        lines += wrapped((span(lead, "dim"), span(text)), width, " " * 8)
    for number, text in enumerate(problem.hint.splitlines()):
        lead = "hint    " if number == 0 else "        "
        lines += [EMPTY] if number == 0 else []
        lines += wrapped((span(lead, "dim"), span(text, "accent")), width, " " * 8)
    return lines
