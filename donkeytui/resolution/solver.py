"""Find one release per plugin, or prove that none fits together.

`solve` is the door: it runs the search, lets young releases in where nothing older fits, and words
the answer. The answer depends on the order of the wishes, and else only on names, versions and what
releases say: never on the order of the catalogue or on hashing.
"""

from msgspec import Struct

from donkeytui.resolution.clauses import Clause, leaves
from donkeytui.resolution.notes import make_notes
from donkeytui.resolution.request import (
    PROJECT,
    Environment,
    GaveUp,
    KeepGoing,
    Mode,
    Note,
    Request,
    Resolved,
    Wish,
    always,
)
from donkeytui.resolution.rules import Rules
from donkeytui.resolution.search import PATIENCE, Search
from donkeytui.resolution.universe import Candidate, Plugin, Universe
from registry_server.contract.ranges import Range

__all__ = [
    "PROJECT",
    "Environment",
    "GaveUp",
    "KeepGoing",
    "Mode",
    "Note",
    "Request",
    "Resolved",
    "Unsolvable",
    "Wish",
    "always",
    "solve",
]

CONFLICTS_MAX = 5_000
POLISH_CONFLICTS_MAX = 500
TIGHTEST_MAX = 3


class Unsolvable(Struct, frozen=True, kw_only=True):
    """There is no answer, and why."""

    proof: Clause
    request: Request
    universe: Universe
    plugins: dict[str, Plugin]
    """Those that were looked at, in the order they were first met."""


def solve(
    request: Request,
    universe: Universe,
    *,
    keep_going: KeepGoing = always,
    conflicts_max: int = CONFLICTS_MAX,
    patience: int = PATIENCE,
) -> Resolved | Unsolvable | GaveUp:
    """One release for everything wished for and needed, or the proof that there is none.

    A cool-down that is not strict gives way where it must, and only there: when the proof names young
    releases, those plugins' are let in, after all others, and the search begins again.
    """
    may_be_young: frozenset[str] = frozenset()
    left = conflicts_max
    while True:
        search = Search(Rules(request, may_be_young=may_be_young), universe, patience=patience)
        found = search.run(conflicts_max=left, keep_going=keep_going)
        left -= search.conflicts
        if found is True:
            return _answer(_polished(search, keep_going) if search.has_lost_patience else search)
        if found is False:
            return GaveUp(tightest=_tightest(search), conflicts=conflicts_max - left)
        too_young = frozenset(leaf.target for leaf in leaves(found) if leaf.cause == "young")
        if request.is_cool_down_strict or not too_young:
            return Unsolvable(proof=found, request=request, universe=universe, plugins=search.plugins)
        may_be_young |= too_young


def _polished(search: Search, keep_going: KeepGoing) -> Search:
    """An answer in which nothing can be better without something else being worse.

    In order, and with nothing worse than it is, the search finds just that; only an answer that was
    found out of order needs it. When it would take long, the answer stays as it is.
    """
    rules = search.rules
    floors = {
        name: rules.at_least_as_welcome(search.plugins[name], search.trail.known[name])
        for name in search.order.chosen()
    }
    floored = Rules(rules.request, may_be_young=rules.may_be_young, floors=floors)
    better = Search(floored, search.universe, is_strong=True, patience=POLISH_CONFLICTS_MAX)
    found = better.run(conflicts_max=POLISH_CONFLICTS_MAX, keep_going=keep_going)
    return better if found is True else search


def _answer(search: Search) -> Resolved:
    pins: dict[str, Candidate] = {
        name: search.plugins[name].chosen(search.trail.known[name]) for name in search.order.chosen()
    }
    asked: dict[str, list[tuple[str, Range]]] = {name: [] for name in pins}
    for wish in search.rules.request.wishes:
        asked[wish.name].append((PROJECT, wish.range))
    for name, candidate in pins.items():
        for wanted, range_ in candidate.requires:
            asked[wanted].append((name, range_))
    return Resolved(
        pins=pins,
        why={name: tuple((asker, wanted.text) for asker, wanted in by) for name, by in asked.items()},
        notes=make_notes(
            search.rules,
            search.universe,
            pins=pins,
            asked={name: tuple(wanted for _, wanted in by) for name, by in asked.items()},
        ),
    )


def _tightest(search: Search) -> tuple[Wish, ...]:
    """The wishes nearest to the plugins that were most in the way; none if it never came to that."""
    wishes = {wish.name: wish for wish in search.rules.request.wishes}
    waiting = sorted(search.tension, key=lambda name: (-search.tension[name], name))[:TIGHTEST_MAX]
    seen = set(waiting)
    for name in waiting:
        askers = [asker for asker in search.askers(name) if asker not in seen]
        seen.update(askers)
        waiting += dict.fromkeys(askers)
    return tuple(wishes[name] for name in waiting if name in wishes)[:TIGHTEST_MAX]
