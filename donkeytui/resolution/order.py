"""What to choose next.

First the project's own requests, each at its best; then every pin of the lockfile, as "this release
or none"; then, breadth first from the project along the chosen releases, whatever is still open. As
each choice is the best that what was chosen before allows, an answer is optimal in the first thing
in which it differs from another. Branches that were given up leave no trace in the order, so a
release nobody chose can be withdrawn without changing the answer.

A search that has met too many contradictions that way turns to the plugins they were about first.
That finds answers, not the best ones: see `solver`.
"""

from collections.abc import Callable, Mapping

from donkeytui.resolution.rules import Rules
from donkeytui.resolution.trail import Trail
from donkeytui.resolution.universe import NOT_INSTALLED, Plugin, Universe

TENSE_FROM = 3.0
"""Plugins that were in the way less than this keep their turn."""


class Order:
    def __init__(
        self, rules: Rules, universe: Universe, *, trail: Trail, adopt: Callable[[str], Plugin]
    ) -> None:
        self._rules = rules
        self._universe = universe
        self._trail = trail
        self._adopt = adopt
        wished = list(dict.fromkeys(wish.name for wish in rules.request.wishes))
        asked = {wish.name for wish in rules.request.wishes if wish.source == "request"} | rules.request.free
        pinned = [name for name in wished if name in rules.pins]
        pinned += sorted(rules.pins.keys() - set(wished))
        first = [name for name in wished if name in asked] if pinned else []
        self._queue = [*first, *pinned, *wished]
        self._first = len(first)
        self._near = len(first) + len(pinned)
        """From here on the queue is the breadth-first walk."""
        self._met = set(wished)
        self._walked = 0
        self._marks: list[tuple[int, int]] = []
        """(walked, length of the queue) when each level began."""
        self.tense: Mapping[str, float] | None = None
        """How much each plugin is in the way; None as long as that does not matter."""

    def next(self) -> tuple[str, int] | None:
        """A plugin that is still open and what to narrow it to; None when nothing is."""
        name = self._most_tense() if self.tense else None
        if name is not None:
            return name, self._rules.best(self._adopt(name), self._trail.known[name])
        while self._walked < len(self._queue):
            name = self._queue[self._walked]
            choice = self._choice(name)
            if choice is not None:
                return name, choice
            if self._walked >= self._near:
                self._meet_needs_of(name)
            self._walked += 1
        return None

    def begin_level(self) -> None:
        self._marks.append((self._walked, len(self._queue)))

    def go_back(self, level: int) -> None:
        self._walked, length = self._marks[level]
        del self._marks[level:]
        self._met.difference_update(self._queue[length:])
        del self._queue[length:]

    def chosen(self) -> list[str]:
        """What is needed, from the project outwards; to be asked when nothing is open."""
        return self._queue[self._near :]

    def _most_tense(self) -> str | None:
        found, tension = None, TENSE_FROM
        for name, its in (self.tense or {}).items():
            known = self._trail.known[name]
            if its > tension and not known & NOT_INSTALLED and known & (known - 1):
                found, tension = name, its
        return found

    def _choice(self, name: str) -> int | None:
        plugin = self._adopt(name)
        known = self._trail.known[name]
        if self._first <= self._walked < self._near:
            wanted = known & plugin.bit(self._rules.pins[name])
            return known & (wanted | NOT_INSTALLED) if wanted and known & ~(wanted | NOT_INSTALLED) else None
        return self._rules.best(plugin, known) if known & (known - 1) else None

    def _meet_needs_of(self, name: str) -> None:
        for need in self._universe.needs(name, self._trail.known[name]):
            if need.target not in self._met:
                self._met.add(need.target)
                self._queue.append(need.target)
