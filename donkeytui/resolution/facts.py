"""A refutation as facts a person can check, none of them dispensable.

A proof may take detours. Its leaves are turned into facts, each one thing somebody wrote down: a
wish, a requirement of a plugin's releases, a release that may not be taken. Then each fact is left
out in turn, and if what is left still contradicts itself, it stays out. What remains is a smallest
set: were any of it otherwise, there would be an answer.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec import Struct, structs

from donkeytui.resolution.clauses import Cause, Clause, leaves
from donkeytui.resolution.request import KeepGoing, Request, Wish
from donkeytui.resolution.rules import Engine, Rules
from donkeytui.resolution.search import Search
from donkeytui.resolution.universe import Candidate, Plugin, Universe
from registry_server.contract.ranges import Range

REDUCED_MAX = 80
"""Longer proofs are told as they are; trying each fact of a thousand takes too long."""
CONFLICTS_MAX = 300

_T = TypeVar("_T")


class Fact(Struct, frozen=True, kw_only=True):
    cause: Cause
    asker: str = ""
    """The plugin whose releases require something; empty for the project."""
    target: str
    range_text: str = ""
    source: str = ""


def refute(request: Request, universe: Universe, *, is_strong: bool, keep_going: KeepGoing) -> Clause | None:
    """The proof that a request has no answer, if there is one to be had cheaply."""
    if not keep_going():
        return None
    if not request.is_cool_down_strict:
        request = structs.replace(request, mature_before=None)
    search = Search(Rules(request), universe, is_strong=is_strong)
    found = search.run(conflicts_max=CONFLICTS_MAX, keep_going=keep_going)
    return found if isinstance(found, Clause) else None


def facts_of(proof: Clause, universe: Universe) -> list[Fact]:
    facts: dict[Fact, None] = {}
    for leaf in leaves(proof):
        texts = _texts(leaf, universe) if leaf.cause == "requires" else [leaf.range_text]
        for text in texts:
            fact = Fact(
                cause=leaf.cause, asker=leaf.asker, target=leaf.target, range_text=text, source=leaf.source
            )
            facts[fact] = None
    return list(facts)


def _texts(leaf: Clause, universe: Universe) -> list[str]:
    """The ranges of the target that those releases ask for which the leaf is about."""
    asker = universe.plugin_or_stand_in(leaf.asker)
    releases = leaf.terms[leaf.asker]
    return list(
        dict.fromkeys(
            wanted.text
            for place, candidate in enumerate(asker.candidates)
            if releases >> (place + 1) & 1
            for target, wanted in candidate.requires
            if target == leaf.target
        )
    )


def necessary_facts(
    facts: list[Fact], request: Request, universe: Universe, *, keep_going: KeepGoing
) -> list[Fact]:
    """A smallest part of `facts` that still contradicts itself, in the same order."""
    if len(facts) > REDUCED_MAX:
        return facts

    def contradiction(tried: list[Fact]) -> list[Fact] | None:
        world = _world(tried, universe)
        proof = refute(_question(tried, request), world, is_strong=True, keep_going=keep_going)
        return None if proof is None else facts_of(proof, world)

    return _smallest(facts, contradiction)


def smallest_wishes(
    wishes: Iterable[Wish], request: Request, universe: Universe, *, keep_going: KeepGoing
) -> list[Wish]:
    """A smallest part of `wishes` that has no answer."""

    def contradiction(tried: list[Wish]) -> list[Wish] | None:
        asked = structs.replace(request, wishes=tuple(tried))
        proof = refute(asked, universe, is_strong=False, keep_going=keep_going)
        return None if proof is None else wishes_of(proof, tried)

    return _smallest(list(wishes), contradiction)


def wishes_of(proof: Clause, wishes: Iterable[Wish]) -> list[Wish]:
    named = {(leaf.target, leaf.range_text) for leaf in leaves(proof) if leaf.cause == "asked"}
    return [wish for wish in wishes if (wish.name, wish.range.text) in named]


def _smallest(items: list[_T], contradiction: Callable[[list[_T]], list[_T] | None]) -> list[_T]:
    """Leaves out one item after the other, later ones first, as long as a contradiction remains.

    `contradiction` returns which of the items tried took part in it, and None when there is none.
    """
    waiting, kept = list(items), list[_T]()
    while waiting:
        item = waiting.pop()
        found = contradiction([*waiting, *kept])
        if found is None:
            kept.insert(0, item)
        else:
            waiting = [one for one in waiting if one in found]
    return kept


def _question(facts: list[Fact], request: Request) -> Request:
    """The request as far as the facts say it."""
    told = {(fact.cause, fact.target) for fact in facts}
    asked = {(fact.target, fact.range_text) for fact in facts if fact.cause == "asked"}
    others = {name for name in _names(facts) if ("young", name) not in told}
    return structs.replace(
        request,
        wishes=tuple(wish for wish in request.wishes if (wish.name, wish.range.text) in asked),
        held={name: version for name, version in request.held.items() if ("held", name) in told},
        cool_down_exempt=request.cool_down_exempt | others,
    )


def _world(facts: list[Fact], universe: Universe) -> Universe:
    """The plugins as far as the facts say it."""
    told = {(fact.cause, fact.asker or fact.target, fact.target, _distinction(fact)) for fact in facts}
    return Universe.of(_told_part(universe.plugin_or_stand_in(name), told) for name in _names(facts))


def _distinction(fact: Fact) -> str:
    """What tells facts of one cause about one plugin apart."""
    return fact.source if fact.cause == "quarantined" else fact.range_text


def _names(facts: list[Fact]) -> list[str]:
    return list(dict.fromkeys(name for fact in facts for name in (fact.asker, fact.target) if name))


def _told_part(plugin: Plugin, told: set[tuple[Cause, str, str, str]]) -> Plugin:
    name = plugin.name

    def range_if_told(engine: Engine, wanted: Range | None) -> Range | None:
        return wanted if wanted is not None and (engine, name, name, wanted.text) in told else None

    def part(one: Candidate) -> Candidate:
        return structs.replace(
            one,
            requires=tuple(
                (target, wanted)
                for target, wanted in one.requires
                if ("requires", name, target, wanted.text) in told
            ),
            framework=range_if_told("framework", one.framework),
            bun=range_if_told("bun", one.bun),
            node=range_if_told("node", one.node),
            is_yanked=one.is_yanked and ("yanked", name, name, "") in told,
            is_deprecated=one.is_deprecated and ("deprecated", name, name, "") in told,
            quarantine=one.quarantine if ("quarantined", name, name, one.quarantine) in told else "",
        )

    return Plugin(name, tuple(part(one) for one in plugin.candidates), is_known=plugin.is_known)
