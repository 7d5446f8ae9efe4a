"""What a violated clause teaches: the first clause on the way back that allows choosing otherwise.

A clause is resolved with the reason of the narrowing that violated it last, and so on backwards. The
rule on version sets, union on the plugin in question and intersection on the others, covers PubGrub's
special case of partial satisfiers.
"""

from collections.abc import Callable, Mapping

from donkeytui.resolution.clauses import Clause
from donkeytui.resolution.trail import Reason, Trail


def analyse(
    conflict: Clause,
    trail: Trail,
    *,
    excluded: Mapping[str, list[Clause]],
    clause_of: Callable[[Reason], Clause],
    full_of: Callable[[str], int],
) -> tuple[Clause, dict[str, int]]:
    """The clause to keep, and where on the trail each of its terms began to hold.

    A clause without terms is a refutation. `excluded`: the facts that hold of a plugin before any
    narrowing. Each step replaces the latest term by earlier ones, so there are no more steps than
    narrowings.
    """
    terms = dict(conflict.terms)
    used = [conflict]
    places: dict[str, int] = {}
    changed = list(terms)
    while True:
        for name in changed:
            places[name] = trail.place(name, terms[name])
            if places[name] < 0:
                used += _why_excluded(excluded[name], name, terms.pop(name))
                del places[name]
        latest = _latest_to_resolve(places, trail)
        if latest is None:
            return Clause(terms=terms, cause="derived", parents=tuple(used)), places
        reason = clause_of(trail.reasons[places[latest]])
        used.append(reason)
        changed = _resolve(terms, reason, latest, full=full_of(latest))
        if latest not in terms:
            del places[latest]


def _latest_to_resolve(places: Mapping[str, int], trail: Trail) -> str | None:
    """The term that began to hold last, unless going back before its level already says something new."""
    if not places:
        return None
    latest = max(places, key=places.__getitem__)
    before = max((place for name, place in places.items() if name != latest), default=-1)
    level = trail.level_at(places[latest])
    return None if level and (before < 0 or trail.level_at(before) < level) else latest


def _resolve(terms: dict[str, int], reason: Clause, name: str, *, full: int) -> list[str]:
    """Resolves with `reason` on `name`, in place; returns the plugins whose terms changed."""
    for other, mask in reason.terms.items():
        if other == name:
            terms[name] |= mask
        else:
            terms[other] = terms[other] & mask if other in terms else mask
    if terms[name] == full:
        del terms[name]
    return [other for other in reason.terms if other in terms]


def _why_excluded(facts: list[Clause], name: str, mask: int) -> list[Clause]:
    """The facts that leave nothing but `mask` of a plugin."""
    used: list[Clause] = []
    for fact in facts:
        if fact.terms[name] & ~mask:
            mask |= fact.terms[name]
            used.append(fact)
    return used
