"""Rows of what is installed, problems first, and the words for a project that is none."""

from donkeytui.operations.installed import InstalledList, InstalledPlugin
from donkeytui.tui.lines.listing import ProjectState, direction
from donkeytui.tui.text import Line, Span, fitted, span

_PROBLEM_WORDS = {
    "quarantined": "✗ quarantined",
    "missing": "! files missing",
    "edited": "! edited by you",
    "yanked": "✗ yanked",
    "deprecated": "! deprecated",
    "unknown": "! not in this registry",
}


def ordered(installed: InstalledList) -> list[InstalledPlugin]:
    """What is in quarantine first, then what needs a look, then by name."""
    return sorted(
        installed.plugins,
        key=lambda plugin: (
            not plugin.quarantine,
            not plugin.problems,
            not plugin.has_update,
            plugin.name,
        ),
    )


def installed_line(plugin: InstalledPlugin, width: int, state: ProjectState) -> Line:
    reason = (
        f"you asked for {plugin.range}{', pinned' if plugin.is_pinned else ''}"
        if plugin.range is not None
        else f"needed by {', '.join(plugin.needed_by)}"
    )
    if plugin.range is None and not plugin.needed_by:
        reason = "needed by nothing"
    parts: list[Span] = [
        span(" "),
        *fitted((span(plugin.name, "strong"),), 20),
        span(" "),
        *fitted((span(plugin.version),), 13),
        span(" "),
        *fitted((span(reason, "dim"),), max(14, min(30, width - 62))),
        span("  "),
    ]
    if plugin.name in state.staged:
        parts += [state.mark(plugin.name), span("  ")]
    parts += [span(f"{_PROBLEM_WORDS[problem]}  ", "warn") for problem in plugin.problems]
    if plugin.has_update:
        arrow = direction(plugin.version, plugin.newest_in_range)
        parts.append(span(f"{arrow} update {plugin.newest_in_range}", "good"))
    elif plugin.newest and plugin.newest != plugin.version:
        parts.append(span(f"{plugin.newest} is out of range", "dim"))
    elif not plugin.problems:
        parts.append(span("✓ current", "good"))
    return fitted(parts, width)


def yours_line(name: str, width: int) -> Line:
    return fitted((span(" "), *fitted((span(name),), 20), span(" your own, never touched", "dim")), width)
