"""What the verbs of authors print: findings, files and their sizes, changes, receipts."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from donkeytui.cli.output import Output, styled
from registry_server.contract.problems import Finding

if TYPE_CHECKING:
    from donkeytui.authoring.suggestion import Suggestion
    from donkeytui.operations.mend import MendReport
    from donkeytui.operations.plugin_source import PreparedPackage
    from donkeytui.operations.publish import PublishReport
    from donkeytui.operations.tool_checks import ToolRun
    from donkeytui.operations.validate import SourceCheck

FILES_SHOWN = 20
LEFT_OUT_SHOWN = 5
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def print_findings(output: Output, findings: tuple[Finding, ...], folder: Path) -> None:
    for finding in findings:
        place = f"{folder / finding.path}:{finding.line}" if finding.line else str(folder / finding.path)
        label = styled(f"{finding.severity}:", _STYLES[finding.severity])
        output.say(label, f" {finding.text} ", styled(f"({place}) [{finding.code}]", "dim"))
        if finding.hint:
            output.say("  ", styled("hint:", "cyan"), f" {finding.hint}")


def print_mends(output: Output, mended: "MendReport", folder: Path, *, has_diff: bool) -> None:
    for mend in mended.mends:
        output.line(styled("mended ", "green"), f"{folder / mend.path}: {mend.text}")
    if not mended.mends:
        output.say("nothing that could be mended without you")
    if has_diff and mended.diff:
        output.block(mended.diff)


def print_check(output: Output, check: "SourceCheck", folder: Path) -> None:
    print_findings(output, check.findings, folder)
    for run in check.tools:
        _say_tool(output, run)
    if check.left_out:
        shown = ", ".join(f"{item.path} ({item.place})" for item in check.left_out[:LEFT_OUT_SHOWN])
        more = len(check.left_out) - LEFT_OUT_SHOWN
        output.say(styled("left out: ", "dim"), shown + (f" and {more} more" if more > 0 else ""))
    if check.suggestion is not None and not check.suggestion.is_met:
        say_suggestion(output, check.suggestion)
    name = f"{check.name} {check.version}".strip() or str(folder)
    warnings = sum(finding.severity == "warning" for finding in check.findings)
    if check.errors:
        output.say(f"{name}: {count(len(check.errors), 'error')}, {count(warnings, 'warning')}")
    else:
        note = f" ({count(warnings, 'warning')})" if warnings else ""
        is_taken = any(finding.code == "version-exists" for finding in check.findings)
        following = "can be published"
        if is_taken and check.suggestion is not None:
            following = f"has no errors, and can be published as {check.suggestion.version}"
        output.line(styled("✓ ", "green"), f"{name} {following}{note}")


def tool_sayer(output: Output) -> Callable[[str], None]:
    """Says which tool is running to somebody who waits for it."""
    from donkeytui.operations.tool_checks import SECONDS

    def say(tool: str) -> None:
        if output.streams.is_stderr_terminal and not output.is_json:
            limit = f"({SECONDS:.0f} seconds at most; --no-tools leaves it out)"
            output.say(styled(f"{tool} ... {limit}", "dim"))

    return say


def _say_tool(output: Output, run: "ToolRun") -> None:
    if run.state == "passed":
        output.say(styled(f"{run.tool}: ", "dim"), "passed")
    elif run.state == "failed":
        output.say(styled(f"{run.tool}: ", "dim"), run.why)
        for line in run.lines:
            output.say(styled(f"  {line}", "dim"))


def say_suggestion(output: Output, suggestion: "Suggestion") -> None:
    since = f"since {suggestion.before}"
    output.say("next version: ", styled(suggestion.version, "bold"), f" ({suggestion.level} {since})")
    for reason in suggestion.reasons:
        output.say(f"  {reason}")
    if suggestion.is_partial:
        text = f"  the package of {suggestion.before} is not at hand: only the catalogue was compared"
        output.say(styled(text, "dim"))


def print_contents(output: Output, package: "PreparedPackage") -> None:
    from donkeytui.authoring.sizes import size_text

    if not output.streams.is_stderr_terminal:
        return
    files = package.source.files
    width = max(len(size_text(size)) for _, size in files)
    for path, size in files[:FILES_SHOWN]:
        output.say("  ", styled(size_text(size).rjust(width), "dim"), f"  {path}")
    if len(files) > FILES_SHOWN:
        output.say(styled(f"  and {len(files) - FILES_SHOWN} more; donkeytui pack shows them all", "dim"))
    total = size_text(sum(size for _, size in files))
    output.say(f"{count(len(files), 'file')}, {total}, packed {size_text(len(package.archive))}")


def print_files(output: Output, files: tuple[tuple[str, int], ...], *, limit: int = FILES_SHOWN) -> None:
    from donkeytui.authoring.sizes import size_text

    if not output.is_terminal:
        for path, size in files:
            output.record(path, size)
        return
    width = max(len(size_text(size)) for _, size in files)
    for path, size in files[:limit]:
        output.line("  ", styled(size_text(size).rjust(width), "dim"), f"  {path}")
    if len(files) > limit:
        output.line(styled(f"  and {len(files) - limit} more", "dim"))


def print_receipt(output: Output, made: "PublishReport", registry: str) -> None:
    from donkeytui.authoring.sizes import size_text

    size = f"{count(len(made.files), 'file')}, {size_text(made.size_bytes)}"
    name = styled(made.name, "bold")
    tick = styled("✓ ", "green")
    match made.state:
        case "would-publish":
            output.line(tick, name, f" {made.version} would be published ({size})")
        case "present":
            output.line(tick, "was published before, with these very bytes: ", name, f" {made.version}")
        case _:
            output.line(tick, "published ", name, f" {made.version} to {registry} ({size})")
    output.line("  ", styled(made.integrity, "dim"))
    if made.url:
        output.line("  ", styled(made.url, "dim"))
    if made.held:
        waits = "would wait" if made.state == "would-publish" else "waits"
        output.say(styled("held: ", "yellow"), f"it {waits} for an admin of {registry}: {made.held}")
        output.say(styled("hint:", "cyan"), " donkeytui whoami says when it may be seen")


def count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
