"""What could be asked for instead when nothing fits.

Each way changes one thing about the request and is solved before it is proposed, in the words in
which it would be asked for; a way that does not solve, or changes nothing, is not told. When no
single change is enough, the ranges of the lockfile that are in the way are widened together.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct, structs

from donkeytui.resolution.explain import Conflict, explain
from donkeytui.resolution.request import GaveUp, KeepGoing, Request, Resolved, Wish, always
from donkeytui.resolution.rules import ENGINE_NAMES, Rules
from donkeytui.resolution.solver import solve
from donkeytui.resolution.universe import NOT_INSTALLED, Plugin, Universe
from registry_server.contract.ranges import Range, parse_range
from registry_server.contract.versions import Version, key_text, parse_version

WAYS_MAX = 5
TRIES_MAX = 40
CONFLICTS_MAX = 200
"""A way that is hard to find is no way out."""
BROUGHT_MAX = 4
"""So many plugins are named that a way brings."""

ROUNDS_MAX = 8
"""So often a widened request may fail for another range of the lockfile."""

WayKind = Literal["other-range", "drop", "prerelease", "younger", "unpin", "deprecated-exact", "framework"]


class WayOut(Struct, frozen=True, kw_only=True):
    kind: WayKind
    name: str
    requirement: str = ""
    """What to ask for, `billing@^2.0.0`; empty where the name says it all."""
    also: tuple[str, ...] = ()
    """What has to be asked for with it."""
    text: str
    changes: int
    """How many locked plugins would move or go."""


class _Attempt(Struct, frozen=True, kw_only=True):
    kind: WayKind
    name: str
    request: Request
    requirement: str = ""


def ways_out(
    request: Request, universe: Universe, conflict: Conflict, *, keep_going: KeepGoing = always
) -> tuple[WayOut, ...]:
    """Up to five, fewest changes first; fewer when there is no time to find more."""
    found: dict[tuple[WayKind, str, str], WayOut] = {}
    for tried, attempt in enumerate(_attempts(request, universe, conflict, keep_going=keep_going)):
        if tried == TRIES_MAX or not keep_going():
            break
        way = _way(attempt, request, universe, keep_going=keep_going)
        if way is not None:
            found.setdefault((way.kind, way.name, way.requirement), way)
    if not found and (way := _together(request, universe, conflict, keep_going=keep_going)) is not None:
        return (way,)
    return tuple(sorted(found.values(), key=lambda way: way.changes)[:WAYS_MAX])


def _way(attempt: _Attempt, request: Request, universe: Universe, *, keep_going: KeepGoing) -> WayOut | None:
    def solved(asked: Request) -> Resolved | None:
        answer = solve(asked, universe, keep_going=keep_going, conflicts_max=CONFLICTS_MAX)
        return answer if isinstance(answer, Resolved) else None

    answer = solved(attempt.request)
    if answer is not None and attempt.kind in ("other-range", "prerelease") and attempt.name in answer.pins:
        wish = next((wish for wish in request.wishes if wish.name == attempt.name), None)
        if wish is not None:
            requirement = f"^{answer.pins[attempt.name].version.text}"
            attempt = structs.replace(
                attempt,
                request=_with_wish(request, wish, requirement),
                requirement=f"{attempt.name}@{requirement}",
            )
            answer = solved(attempt.request)
    if answer is None or not _is_what_it_says(attempt, answer, request):
        return None
    return WayOut(
        kind=attempt.kind,
        name=attempt.name,
        requirement=attempt.requirement,
        text=f"{_beginning(attempt, answer)} {_brought(answer, request, attempt.name)}",
        changes=_moved(answer, request),
    )


def _together(
    request: Request, universe: Universe, conflict: Conflict, *, keep_going: KeepGoing
) -> WayOut | None:
    """Ranges of the lockfile widened together: as few as do, each as narrow as the answer allows."""
    widened: dict[str, Wish] = {}
    in_the_way = conflict.core
    answer: Resolved | None = None
    for _ in range(ROUNDS_MAX):
        new = {wish.name: wish for wish in in_the_way if wish.source == "lockfile"}
        if not new.keys() - widened.keys() or not keep_going():
            return None
        widened |= new
        outcome = solve(_wide(request, widened), universe, keep_going=keep_going, conflicts_max=CONFLICTS_MAX)
        if isinstance(outcome, Resolved):
            answer = outcome
            break
        if isinstance(outcome, GaveUp):
            return None
        in_the_way = explain(outcome, keep_going=keep_going).core
    if answer is None:
        return None
    asked = {
        name: f"{name}@^{answer.pins[name].version.text}"
        for name, wish in widened.items()
        if not wish.range.allows(answer.pins[name].version)
    }
    narrow = request
    for name, requirement in asked.items():
        narrow = _with_wish(narrow, widened[name], requirement.partition("@")[2])
    again = solve(narrow, universe, keep_going=keep_going, conflicts_max=CONFLICTS_MAX)
    if not asked or not isinstance(again, Resolved):
        return None
    first, *rest = asked
    told = " and ".join(f"`{text.replace('@', '` ', 1)}" for text in asked.values())
    return WayOut(
        kind="other-range",
        name=first,
        requirement=asked[first],
        also=tuple(asked[name] for name in rest),
        text=f"{told} {'together bring' if rest else 'brings'} {_brought(again, request, first)}",
        changes=_moved(again, request),
    )


def _wide(request: Request, widened: Mapping[str, Wish]) -> Request:
    for wish in widened.values():
        request = _with_wish(request, wish, "*")
    return request


def _moved(answer: Resolved, request: Request) -> int:
    """How many locked plugins are elsewhere, or gone."""
    return sum(
        name not in answer.pins or answer.pins[name].version.text != version
        for name, version in request.locked.items()
    )


def _is_what_it_says(attempt: _Attempt, answer: Resolved, request: Request) -> bool:
    """Whether the change made the difference, and there is any."""
    pin = answer.pins.get(attempt.name)
    match attempt.kind:
        case "drop":
            return pin is None
        case "prerelease":
            return pin is not None and pin.version.is_prerelease
        case "deprecated-exact":
            return pin is not None and pin.is_deprecated
        case _:
            return {name: one.version.text for name, one in answer.pins.items()} != request.locked


# What is tried, the more likely first.


def _attempts(
    request: Request, universe: Universe, conflict: Conflict, *, keep_going: KeepGoing
) -> Iterator[_Attempt]:
    for name in conflict.involved:
        if name in request.held:
            held = {other: version for other, version in request.held.items() if other != name}
            freed = structs.replace(request, held=held, free=request.free | {name})
            yield _Attempt(kind="unpin", name=name, request=freed)
    for wish in conflict.core:
        plugin = universe.plugin(wish.name)
        if plugin is not None:
            yield from _other_ranges(request, wish, plugin)
    for wish in conflict.core:
        if wish.source == "lockfile":
            left = tuple(other for other in request.wishes if other.name != wish.name)
            yield _Attempt(kind="drop", name=wish.name, request=structs.replace(request, wishes=left))
    for name in conflict.involved:
        plugin = universe.plugin(name)
        if plugin is not None:
            yield from _special_releases(request, plugin, conflict)
    yield from _other_framework(request, universe, keep_going)


def _other_ranges(request: Request, wish: Wish, plugin: Plugin) -> Iterator[_Attempt]:
    """The wish for another major of its plugin: its own, the newest, and the one before."""
    covered = plugin.mask(wish.range)
    rules = Rules(request)
    usable = plugin.full & ~NOT_INSTALLED & ~plugin.prereleases
    for clause in rules.exclusions(plugin):
        usable &= ~clause.terms[plugin.name]
    majors = sorted({one.version.major for at, one in enumerate(plugin.candidates) if usable >> (at + 1) & 1})
    own = [one.version.major for at, one in enumerate(plugin.candidates) if covered >> (at + 1) & 1]
    lowest = own[0] if own else _lowest_major(wish.range)
    before = [major for major in majors if major < lowest]
    for major in dict.fromkeys((*own[-1:], *majors[-1:], *before[-1:])):
        wanted = parse_range(f"{major}.x")
        if plugin.mask(wanted) & usable & ~covered:
            yield _Attempt(kind="other-range", name=wish.name, request=_with_wish(request, wish, wanted.text))


def _special_releases(request: Request, plugin: Plugin, conflict: Conflict) -> Iterator[_Attempt]:
    """Releases of a plugin that are only taken when somebody says so."""
    name = plugin.name
    if request.is_cool_down_strict and Rules(request).young(plugin):
        exempt = structs.replace(request, cool_down_exempt=request.cool_down_exempt | {name})
        yield _Attempt(kind="younger", name=name, request=exempt)
    wish = next((wish for wish in conflict.core if wish.name == name), None)
    early = plugin.prereleases if wish is None else plugin.prereleases_of(wish.range)
    early &= ~plugin.quarantined
    if early:
        version = plugin.chosen(early).version.text
        loose = structs.replace(
            request,
            with_prereleases=request.with_prereleases | {name},
            free=request.free | {name},
        )
        asked = loose if wish is None else _with_wish(request, wish, f"^{version}")
        yield _Attempt(kind="prerelease", name=name, request=asked)
    within = plugin.full if wish is None else plugin.mask(wish.range)
    deprecated = plugin.deprecated & ~plugin.yanked & ~plugin.quarantined & within
    if deprecated:
        version = plugin.chosen(deprecated).version.text
        yield _Attempt(
            kind="deprecated-exact",
            name=name,
            request=_with_wish(request, wish or _new_wish(name), version),
            requirement=f"{name}@{version}",
        )


def _other_framework(request: Request, universe: Universe, keep_going: KeepGoing) -> Iterator[_Attempt]:
    """The oldest framework beyond the present one with which the request has an answer."""
    present = request.environment.framework
    if present is None:
        return
    anywhere = structs.replace(request, environment=structs.replace(request.environment, framework=None))
    answer = solve(anywhere, universe, keep_going=keep_going, conflicts_max=CONFLICTS_MAX)
    if not isinstance(answer, Resolved):
        return
    wanted = [
        one.framework
        for one in answer.pins.values()
        if one.framework is not None and not one.framework.allows(present, include_prerelease=True)
    ]
    beginnings = [version for one in wanted if (version := _beginning_of(one)) is not None]
    for version in sorted(beginnings, reverse=True)[:1]:
        environment = structs.replace(request.environment, framework=version)
        yield _Attempt(
            kind="framework",
            name=ENGINE_NAMES["framework"],
            request=structs.replace(request, environment=environment),
            requirement=f"{ENGINE_NAMES['framework']}@^{version.text}",
        )


def _with_wish(request: Request, old: Wish, text: str) -> Request:
    """The request with another range in place of what was wished for; a wish not there before comes first."""
    new = structs.replace(old, range=parse_range(text))
    others = [wish for wish in request.wishes if wish.name != old.name]
    place = next((at for at, wish in enumerate(request.wishes) if wish.name == old.name), 0)
    wishes = (*others[:place], new, *others[place:])
    return structs.replace(request, wishes=wishes, free=request.free | {old.name})


def _new_wish(name: str) -> Wish:
    return Wish(name=name, range=parse_range("*"), source="request")


def _lowest_major(wanted: Range) -> int:
    lows = [one.low[0] for one in wanted.alternatives if one.low is not None]
    return min(lows, default=0)


def _beginning_of(wanted: Range) -> Version | None:
    lows = [one.low for one in wanted.alternatives if one.low is not None]
    return parse_version(key_text(min(lows))) if lows else None


# What is said of it.


def _beginning(attempt: _Attempt, answer: Resolved) -> str:
    name = attempt.name
    wanted = attempt.requirement.removeprefix(f"{name}@")
    match attempt.kind:
        case "other-range":
            return f"`{name}` {wanted} brings"
        case "drop":
            return f"uninstalling `{name}` leaves room for"
        case "prerelease":
            return f"taking prereleases of `{name}` brings"
        case "younger":
            return f"taking `{name}` {answer.pins[name].version.text} before its cool-down is over brings"
        case "unpin":
            return f"unpinning `{name}` brings"
        case "deprecated-exact":
            return f"naming the deprecated `{name}` {wanted} exactly brings"
        case "framework":
            return f"`{name}` {wanted} brings"


def _brought(answer: Resolved, request: Request, name: str) -> str:
    """What would be new or moved, the plugin the way is about first."""
    moved = [
        f"{other} {one.version.text}"
        for other, one in sorted(answer.pins.items(), key=lambda item: item[0] != name)
        if request.locked.get(other) != one.version.text
    ]
    more = len(moved) - BROUGHT_MAX
    shown = ", ".join(moved[:BROUGHT_MAX])
    return f"{shown} and {more} more" if more > 0 else shown or "nothing else"
