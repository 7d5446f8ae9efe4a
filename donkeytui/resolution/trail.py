"""What is known of each plugin, and how it came to be known: the narrowings in the order they were made.

A plugin's set only shrinks along the trail, so the moment from which a term holds is well defined.
Choices begin levels; level 0 is what holds without any.
"""

from bisect import bisect_right

from donkeytui.resolution.clauses import Clause
from donkeytui.resolution.edges import Need

Reason = Need | Clause | None
"""Why a set was narrowed; None for a choice."""


class Trail:
    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.first: dict[str, int] = {}
        """What was known of a plugin before any narrowing."""
        self.names: list[str] = []
        self.befores: list[int] = []
        self.afters: list[int] = []
        self.reasons: list[Reason] = []
        self.starts: list[int] = []
        """The length of the trail when each level began, from level 1 on."""
        self._places: dict[str, list[int]] = {}

    def adopt(self, name: str, known: int) -> None:
        self.known[name] = self.first[name] = known
        self._places[name] = []

    def narrow(self, name: str, after: int, reason: Reason) -> None:
        self._places[name].append(len(self.names))
        self.names.append(name)
        self.befores.append(self.known[name])
        self.afters.append(after)
        self.reasons.append(reason)
        self.known[name] = after

    @property
    def level(self) -> int:
        return len(self.starts)

    def level_at(self, place: int) -> int:
        return bisect_right(self.starts, place)

    def begin_level(self) -> None:
        self.starts.append(len(self.names))

    def go_back(self, level: int) -> None:
        """Forgets every narrowing made above `level`."""
        start = self.starts[level]
        del self.starts[level:]
        for name, before in zip(reversed(self.names[start:]), reversed(self.befores[start:]), strict=True):
            self.known[name] = before
            self._places[name].pop()
        for column in (self.names, self.befores, self.afters, self.reasons):
            del column[start:]

    def place(self, name: str, mask: int) -> int:
        """Where on the trail the term began to hold, which it must do now; -1 if it always did."""
        if not self.first[name] & ~mask:
            return -1
        found = -1
        for place in reversed(self._places[name]):
            if self.afters[place] & ~mask:
                break
            found = place
        return found
