"""Conflict -> sentences: who asked for what, and where the chain breaks.

A proof is a tree of clauses resolved from others; its leaves are facts of the catalogue and the
project. They are told from the project outwards, each once, in the words of who asks.
"""

from collections.abc import Mapping

from msgspec import Struct

from donkeytui.resolution.solver import PROJECT, Clause, Unsolvable
from donkeytui.resolution.universe import Plugin

FACTS_MAX = 30


class Conflict(Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    title: str
    facts: tuple[str, ...]
    """Sentences, from the project outwards."""
    plugins: tuple[str, ...]
    """The plugins the project asks for that take part, in the order asked."""


def explain(unsolvable: Unsolvable) -> Conflict:
    leaves = _in_order(_leaves(unsolvable.proof), unsolvable)
    told = [_sentence(leaf, unsolvable.plugins) for leaf in leaves]
    facts = tuple(dict.fromkeys(told))
    asked = [leaf for leaf in leaves if PROJECT in leaf.terms]
    return Conflict(
        title=_title(asked),
        facts=facts
        if len(facts) <= FACTS_MAX
        else (*facts[:FACTS_MAX], f"and {len(facts) - FACTS_MAX} more"),
        plugins=tuple(dict.fromkeys(leaf.target for leaf in asked)),
    )


def _leaves(proof: Clause) -> list[Clause]:
    found: list[Clause] = []
    seen: set[int] = set()
    waiting = [proof]
    while waiting:
        clause = waiting.pop()
        if id(clause) in seen:
            continue
        seen.add(id(clause))
        if clause.parents:
            waiting.extend(reversed(clause.parents))
        else:
            found.append(clause)
    return found


def _in_order(leaves: list[Clause], unsolvable: Unsolvable) -> list[Clause]:
    """Breadth first from the project: a sentence comes after the one that brings its plugin in.

    Among equals, what was asked first comes first.
    """
    wishes = {(wish.name, wish.range.text): place for place, wish in enumerate(unsolvable.wishes)}
    met = {name: place for place, name in enumerate(unsolvable.plugins)}

    def place(leaf: Clause) -> int:
        if PROJECT in leaf.terms:
            return wishes[leaf.target, leaf.range_text]
        return met.get(leaf.target, len(met))

    by_asker: dict[str, list[Clause]] = {}
    for leaf in sorted(leaves, key=place):
        by_asker.setdefault(next(iter(leaf.terms)), []).append(leaf)
    ordered: list[Clause] = []
    waiting, seen = [PROJECT], {PROJECT}
    for asker in waiting:
        for leaf in by_asker.pop(asker, ()):
            ordered.append(leaf)
            if leaf.target not in seen:
                seen.add(leaf.target)
                waiting.append(leaf.target)
    return ordered + [leaf for rest in by_asker.values() for leaf in rest]


def _title(asked: list[Clause]) -> str:
    wanted = list(dict.fromkeys(f"`{_wanted(leaf)}`" for leaf in asked))
    if len(wanted) == 1:
        return f"{wanted[0]} cannot be installed here"
    return f"{', '.join(wanted[:-1])} and {wanted[-1]} do not fit together"


def _wanted(clause: Clause) -> str:
    is_any = clause.range_text in ("", "*")
    return clause.target if is_any else f"{clause.target} {clause.range_text}"


def _sentence(clause: Clause, plugins: Mapping[str, Plugin]) -> str:
    asker, mask = next(iter(clause.terms.items()))
    if clause.cause in ("yanked", "deprecated", "framework", "bun", "node"):
        return _about_releases(clause, _span(plugins[asker], mask))
    who = _asker(clause) if asker == PROJECT else f"`{asker}` {_span(plugins[asker], mask)} needs"
    fact = f"{who} `{_wanted(clause)}`"
    if clause.cause == "unknown":
        return f"{fact}, which the registry does not have"
    if clause.cause == "no-release":
        newest = plugins[clause.target].candidates[-1:]
        there_is = f"the newest is {newest[0].version.text}" if newest else "it has none"
        return f"{fact}, but no release is in that range ({there_is})"
    return fact


def _asker(clause: Clause) -> str:
    return "the lockfile has" if clause.source == "lockfile" else "you asked for"


def _about_releases(clause: Clause, span: str) -> str:
    name = f"`{clause.target}` {span}"
    if clause.cause == "yanked":
        return f"{name} was withdrawn by its author (yanked)"
    if clause.cause == "deprecated":
        return f"{name} is deprecated, and only taken when named exactly"
    what = {"framework": "@donkeylabs/server", "bun": "Bun", "node": "Node"}[clause.cause]
    return f"{name} needs {what} {clause.range_text}, and this project has {clause.source}"


def _span(plugin: Plugin, mask: int) -> str:
    """`2.0.0 to 2.4.1`, runs collapsed; at most three pieces."""
    pieces: list[str] = []
    run: list[str] = []
    for place, candidate in enumerate(plugin.candidates):
        if mask >> (place + 1) & 1:
            run.append(candidate.version.text)
        elif run:
            pieces.append(_run(run))
            run = []
    if run:
        pieces.append(_run(run))
    if len(pieces) > 3:
        versions = plugin.versions(mask)
        return f"{versions[0]} to {versions[-1]} (not all)"
    return ", ".join(pieces)


def _run(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"
