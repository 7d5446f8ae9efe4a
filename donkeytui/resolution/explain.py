"""Conflict -> sentences: who asked for what, and where the chain breaks.

Told are the facts of a smallest contradiction, from the project outwards, each once, in the words
of who asks. Of several proofs the one with the fewest facts is told.
"""

from msgspec import Struct, structs

from donkeytui.resolution.facts import (
    Fact,
    facts_of,
    necessary_facts,
    refute,
    smallest_wishes,
    wishes_of,
)
from donkeytui.resolution.request import KeepGoing, Wish, always
from donkeytui.resolution.sentences import Teller
from donkeytui.resolution.solver import Unsolvable
from donkeytui.resolution.wording import requirement

FACTS_MAX = 12
FACTS_AT_END = 4
"""Of a longer story the end is told too: that is where it breaks."""
GOOD_ENOUGH = 6
"""With so few facts no shorter proof is looked for."""


class Conflict(Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    title: str
    facts: tuple[str, ...]
    """Sentences, from the project outwards."""
    plugins: tuple[str, ...]
    """The plugins the project asks for that take part, in the order asked."""
    core: tuple[Wish, ...] = ()
    """The smallest set of wishes that conflict: without any one of them there is an answer."""
    involved: tuple[str, ...] = ()
    """All plugins the facts are about, those of the project first."""


def explain(unsolvable: Unsolvable, *, keep_going: KeepGoing = always) -> Conflict:
    """Solves small parts of the request again, so on large graphs it costs more than a proof."""
    request, universe = unsolvable.request, unsolvable.universe
    taking_part = wishes_of(unsolvable.proof, request.wishes)
    core = smallest_wishes(taking_part, request, universe, keep_going=keep_going)
    facts = _fewest_facts(unsolvable, core, keep_going)
    plugins = tuple(dict.fromkeys(wish.name for wish in core))
    named = (name for fact in facts for name in (fact.asker, fact.target) if name)
    told = Teller(facts, request, universe).sentences(list(unsolvable.plugins))
    return Conflict(
        title=_title(core),
        facts=told if len(told) <= FACTS_MAX else _shortened(told),
        plugins=plugins,
        core=tuple(core),
        involved=tuple(dict.fromkeys((*plugins, *named))),
    )


def _fewest_facts(unsolvable: Unsolvable, core: list[Wish], keep_going: KeepGoing) -> list[Fact]:
    universe = unsolvable.universe
    request = structs.replace(unsolvable.request, wishes=tuple(core))
    backwards = structs.replace(request, wishes=tuple(reversed(core)))
    best: list[Fact] | None = None
    for asked, is_strong in ((request, False), (request, True), (backwards, True)):
        proof = refute(asked, universe, is_strong=is_strong, keep_going=keep_going)
        if proof is None:
            continue
        facts = necessary_facts(facts_of(proof, universe), request, universe, keep_going=keep_going)
        if best is None or len(facts) < len(best):
            best = facts
        if len(best) <= GOOD_ENOUGH:
            break
    return facts_of(unsolvable.proof, universe) if best is None else best


def _title(core: list[Wish]) -> str:
    texts = ("*" if wish.range.is_any else wish.range.text for wish in core)
    named = (f"`{requirement(wish.name, text)}`" for wish, text in zip(core, texts, strict=True))
    wanted = list(dict.fromkeys(named))
    if len(wanted) == 1:
        return f"{wanted[0]} cannot be installed here"
    return f"{', '.join(wanted[:-1])} and {wanted[-1]} do not fit together"


def _shortened(told: tuple[str, ...]) -> tuple[str, ...]:
    left_out = len(told) - (FACTS_MAX - 1)
    begin = FACTS_MAX - 1 - FACTS_AT_END
    return (*told[:begin], f"and so on, through {left_out} more", *told[-FACTS_AT_END:])
