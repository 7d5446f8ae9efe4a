"""The top line: sections with their counts, and the registry with its age."""

from collections.abc import Mapping
from datetime import datetime

from donkeytui.operations.sync import CatalogueState
from donkeytui.tui.lines.numbers import age_text
from donkeytui.tui.text import Line, Span, span, width_of

SECTION_TITLES = {"browse": "Browse", "installed": "Installed", "updates": "Updates", "plan": "Plan"}
FULL_WIDTH = 80


def header_line(
    width: int,
    *,
    current: str,
    badges: Mapping[str, str],
    catalogue: CatalogueState,
    now: datetime,
    activity: str,
    is_unreachable: bool,
) -> Line:
    badge = registry_badge(catalogue, now, activity=activity, is_unreachable=is_unreachable)
    parts: list[Span] = (
        [span(" donkeytui ", "heading"), span(" ")] if width >= FULL_WIDTH + 16 else [span(" ")]
    )
    for number, (section, title) in enumerate(SECTION_TITLES.items(), start=1):
        is_current = section == current
        if width < FULL_WIDTH and not is_current:
            parts.append(span(f"{number} ", "dim"))
            continue
        text = f"{number} {title}"
        parts.append(span(text, "match" if is_current else ""))
        if count := badges.get(section, ""):
            parts.append(span(f" {count}", "accent"))
        parts.append(span("  "))
    room = width - width_of(parts) - width_of(badge) - 1
    if room < 1:
        badge = badge[:1]
        room = max(1, width - width_of(parts) - width_of(badge) - 1)
    return (*parts, span(" " * room), *badge)


def registry_badge(
    catalogue: CatalogueState, now: datetime, *, activity: str, is_unreachable: bool
) -> list[Span]:
    """Sign, name and word; colour only repeats what they say."""
    name = catalogue.registry
    if activity:
        return [span("⟳ ", "accent"), span(f"{name} · {activity}")]
    age = age_text(catalogue.synced_at, now) if catalogue.synced_at else "not synced"
    if catalogue.is_offline:
        return [span("○ ", "warn"), span(f"{name} · offline · {age}")]
    if is_unreachable:
        return [span("○ ", "warn"), span(f"{name} · unreachable · {age}")]
    if catalogue.synced_at is None:
        return [span("○ ", "warn"), span(f"{name} · {age}")]
    return [span("● ", "good"), span(f"{name} · {age}")]
