"""Newer releases that were passed over for another reason than ranges, and young ones that were taken.

So that a plan can say "2.1.1 is 3 h old, using 2.1.0" instead of leaving a person to wonder. Told is
the newest release for each reason, and only of plugins that are new, moved, or were free to move.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import get_args

from donkeytui.resolution.clauses import Clause
from donkeytui.resolution.request import Note, NoteKind, Request
from donkeytui.resolution.rules import ENGINE_NAMES, Rules
from donkeytui.resolution.universe import Candidate, Plugin, Universe
from donkeytui.resolution.wording import shown_range
from registry_server.contract.ranges import Range

HOURS_TOLD_MAX = 48
"""Older releases have their age told in days."""


def make_notes(
    rules: Rules,
    universe: Universe,
    *,
    pins: Mapping[str, Candidate],
    asked: Mapping[str, tuple[Range, ...]],
) -> tuple[Note, ...]:
    """`asked`: all ranges that a plugin of `pins` must be in."""
    notes: list[Note] = []
    for name, chosen in pins.items():
        request = rules.request
        is_free = name in request.free or request.mode != "keep"
        if is_free or request.locked.get(name) != chosen.version.text:
            notes += _notes(rules, universe, chosen=chosen, name=name, asked=asked[name])
    return tuple(notes)


def _notes(
    rules: Rules, universe: Universe, *, chosen: Candidate, name: str, asked: tuple[Range, ...]
) -> Iterator[Note]:
    plugin = universe.plugin_or_stand_in(name)
    taken = chosen.version.text
    if plugin.bit(taken) & rules.young(plugin):
        age = _age(chosen.published, rules.request)
        yield Note(
            name=name,
            kind="young-taken",
            version=taken,
            taken=taken,
            detail=f"is {age} old, and nothing older fits",
        )
    if rules.is_lowest:
        return
    newer = plugin.full & ~((plugin.bit(taken) << 1) - 1)
    if not newer:
        return
    within = loose = newer
    for wanted in asked:
        within &= universe.mask(name, wanted)
        loose &= plugin.mask(wanted, with_prereleases=True)
    yield from _skipped(rules, plugin, within=within, taken=taken)
    usable = loose & plugin.prereleases & ~within & ~_excluded(rules, plugin)
    if usable:
        version = plugin.chosen(usable).version.text
        yield Note(
            name=name, kind="prerelease-skipped", version=version, taken=taken, detail="is a prerelease"
        )


def _skipped(rules: Rules, plugin: Plugin, *, within: int, taken: str) -> Iterator[Note]:
    for clause in rules.exclusions(plugin):
        kind = _kind(clause)
        mask = clause.terms[plugin.name] & within
        # A release is passed over for the first reason that is enough.
        within &= ~clause.terms[plugin.name]
        if mask and kind is not None:
            release = plugin.chosen(mask)
            yield Note(
                name=plugin.name,
                kind=kind,
                version=release.version.text,
                taken=taken,
                detail=_detail(clause, release, rules.request),
            )


def _excluded(rules: Rules, plugin: Plugin) -> int:
    mask = 0
    for clause in rules.exclusions(plugin):
        mask |= clause.terms[plugin.name]
    return mask


def _kind(clause: Clause) -> NoteKind | None:
    """None for what the user knows: the pin."""
    cause = "engine" if clause.cause in ("bun", "node") else clause.cause
    kinds: tuple[NoteKind, ...] = get_args(NoteKind)
    return next((kind for kind in kinds if kind == f"{cause}-skipped"), None)


def _detail(clause: Clause, release: Candidate, request: Request) -> str:
    match clause.cause:
        case "quarantined":
            return f"is in quarantine ({clause.source})"
        case "yanked":
            return "was withdrawn by its author"
        case "deprecated":
            return "is deprecated"
        case "young":
            return f"is {_age(release.published, request)} old"
        case _:
            what = ENGINE_NAMES[clause.cause]
            return f"needs {what} {shown_range(clause.range_text)}, and this project has {clause.source}"


def _age(published: datetime, request: Request) -> str:
    assert request.mature_before is not None, "without a cool-down nothing is young"
    now = request.mature_before + timedelta(hours=request.cool_down_hours)
    minutes = max(0, int((now - published).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < HOURS_TOLD_MAX else f"{hours // 24} days"
