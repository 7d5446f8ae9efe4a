"""A plugin's detail: header, releases, dependencies."""

from donkeytui.tui.lines.listing import ProjectState
from donkeytui.tui.lines.numbers import short_number, size_text
from donkeytui.tui.text import EMPTY, Line, Span, StyleName, span, wrapped
from registry_server.contract.problems import ProblemError
from registry_server.contract.ranges import parse_range, parse_requirement
from registry_server.contract.versions import Version, parse_version
from registry_server.contract.wire import PluginDocument, Release

TABS = ("Readme", "Releases", "Depends")


def header_lines(plugin: PluginDocument, release: Release, state: ProjectState, width: int) -> list[Line]:
    """Name, description, facts, state; and what is wrong with the release, and with the installed one."""
    lines: list[Line] = [
        (
            span(plugin.display_name, "heading"),
            span("  "),
            span(plugin.name),
            span(f" {release.version}", "dim"),
        )
    ]
    lines += wrapped((span(plugin.description),), width)
    facts = [plugin.author.name, plugin.license]
    if plugin.downloads:
        facts.append(f"{short_number(plugin.downloads)} downloads")
    if plugin.rating_count:
        facts.append(f"{plugin.rating:.1f} of 5 ({plugin.rating_count})")
    facts += [f"updated {plugin.updated_at:%Y-%m-%d}", ", ".join(plugin.categories)]
    lines += wrapped((span(" · ".join(fact for fact in facts if fact), "dim"),), width)
    if plugin.verified:
        lines.append((span("✓ verified", "good"),))
    mark = state.mark(plugin.name)
    if mark.text:
        version = state.installed.get(plugin.name, "")
        lines.append((mark, span(f"  {version} in this project" if version else "", "dim")))
    for text, style in _warnings(plugin, release, state.installed.get(plugin.name)):
        lines += wrapped((span(text, style),), width)
    return lines


def _warnings(plugin: PluginDocument, release: Release, installed: str | None) -> list[tuple[str, StyleName]]:
    found: list[tuple[str, StyleName]] = []
    if release.quarantine:
        found.append((f"✗ quarantined: {release.quarantine}", "bad"))
    here = next((each for each in plugin.versions if each.version == installed), None)
    if here is not None and here.quarantine and here.version != release.version:
        found.append((f"✗ {here.version} in this project is quarantined: {here.quarantine}", "bad"))
    if release.yanked:
        found.append((f"✗ yanked: {release.yank_reason or 'withdrawn by its author'}", "bad"))
    if release.deprecated:
        found.append((f"! deprecated: {release.deprecation}", "warn"))
    return found


def tabs_line(current: int) -> Line:
    parts: list[Span] = []
    for number, name in enumerate(TABS):
        parts += [span(name, "match" if number == current else "dim"), span("   ")]
    return tuple(parts)


def release_lines(plugin: PluginDocument, state: ProjectState, width: int) -> list[Line]:
    installed = state.installed.get(plugin.name)
    lines: list[Line] = []
    for release in plugin.versions:
        is_here = release.version == installed
        mark, reason = _standing(release)
        lines.append(
            (
                span(f"{release.version:<16}", "strong" if release.version == plugin.latest_version else ""),
                span(f"{release.created_at:%Y-%m-%d}  {size_text(release.size):>9}  ", "dim"),
                span("✓ installed  " if is_here else "", "good"),
                mark,
            )
        )
        if reason:
            lines += [(span("    "), *part) for part in wrapped((span(reason, "dim"),), width - 4)]
        for text in release.description.splitlines()[:8]:
            if text.strip():
                lines += [(span("    "), *part) for part in wrapped((span(text, "dim"),), width - 4)]
    return lines


def _standing(release: Release) -> tuple[Span, str]:
    """What is worst about a release, and why."""
    if release.quarantine:
        return span("✗ quarantined", "bad"), release.quarantine
    if release.yanked:
        return span("✗ yanked", "bad"), release.yank_reason
    return span("! deprecated" if release.deprecated else "", "warn"), release.deprecation


def dependency_lines(
    plugin: PluginDocument,
    release: Release,
    state: ProjectState,
    documents: dict[str, PluginDocument],
    framework: Version | None,
) -> list[Line]:
    """What a release needs, level by level, with what this project has of it."""
    lines: list[Line] = [(span("Plugins", "heading"),)]
    below = _tree(plugin.name, release, state, documents)
    lines += below or [(span("  needs no other plugin", "dim"),)]
    lines += [EMPTY, (span("npm packages", "heading"),)]
    packages = release.dependencies.packages
    lines += [(span(f"  {name} "), span(wanted, "dim")) for name, wanted in packages.items()] or [
        (span("  none", "dim"),)
    ]
    lines += [EMPTY, (span("Runs on", "heading"),), _framework_line(release, framework)]
    for name, wanted in (("Bun", release.engine.bun), ("Node", release.engine.node)):
        if wanted:
            lines.append((span(f"  {name} "), span(wanted, "dim")))
    return lines


def _tree(
    name: str, release: Release, state: ProjectState, documents: dict[str, PluginDocument]
) -> list[Line]:
    """Depth first; a plugin that stands above itself is not followed again."""
    lines: list[Line] = []
    above_all: tuple[str, ...] = (name,)
    waiting = [(requirement, 1, above_all) for requirement in reversed(release.dependencies.plugins)]
    while waiting and len(lines) < 200:
        requirement, depth, above = waiting.pop()
        wanted, _, range_text = requirement.partition("@")
        here = state.installed.get(wanted)
        mark = _here_mark(here, range_text)
        known = documents.get(wanted)
        if known is None:
            mark = span("  ✗ not in this registry", "bad")
        elif here is None and known.quarantine:
            mark = span("  ✗ quarantined", "bad")
        lines.append((span("  " * depth), span(wanted, "strong"), span(f" {range_text}", "dim"), mark))
        if known is not None and wanted not in above:
            latest = next(r for r in known.versions if r.version == known.latest_version)
            waiting += [(text, depth + 1, (*above, wanted)) for text in reversed(latest.dependencies.plugins)]
    return lines


def _here_mark(here: str | None, range_text: str) -> Span:
    if here is None:
        return span("  + would be installed", "accent")
    try:
        is_fit = parse_range(range_text).allows(parse_version(here))
    except ProblemError:
        is_fit = False
    return span(f"  ✓ {here} here", "good") if is_fit else span(f"  ! {here} here, does not fit", "warn")


def _framework_line(release: Release, framework: Version | None) -> Line:
    base = (span("  @donkeylabs/server "), span(release.framework, "dim"))
    if framework is None:
        return base
    try:
        parse_range(release.framework)
    except ProblemError:
        return (*base, span("  ! not a version range", "warn"))
    if parse_range(release.framework).allows(framework, include_prerelease=True):
        return (*base, span(f"  ✓ this project has {framework.text}", "good"))
    return (*base, span(f"  ✗ this project has {framework.text}", "bad"))


def needed_names(release: Release) -> list[str]:
    """Names the dependency tree begins with."""
    names: list[str] = []
    for text in release.dependencies.plugins:
        try:
            names.append(parse_requirement(text).name)
        except ProblemError:
            continue
    return names
