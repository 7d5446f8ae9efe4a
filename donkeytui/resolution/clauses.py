"""Clauses: terms that must not all hold, and where they come from."""

from typing import Literal

from msgspec import Struct

Cause = Literal[
    "asked",
    "requires",
    "quarantined",
    "yanked",
    "deprecated",
    "held",
    "young",
    "framework",
    "bun",
    "node",
    "derived",
]


class Clause(Struct, frozen=True, kw_only=True, eq=False):
    """Terms (plugin -> version set) that must not all hold, and why."""

    terms: dict[str, int]
    cause: Cause
    asker: str = ""
    """The plugin that requires something."""
    target: str = ""
    """The plugin asked for, or whose releases are ruled out."""
    range_text: str = ""
    """The range asked for, in the words of who asks."""
    source: str = ""
    """Where the wish stands, what the project has that does not fit, or the operator's reason."""
    parents: tuple["Clause", ...] = ()
    """For a derived clause: those it was resolved from."""


def leaves(proof: Clause) -> list[Clause]:
    """The facts a clause was derived from, each once."""
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
