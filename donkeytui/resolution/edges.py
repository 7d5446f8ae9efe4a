"""What the releases of one plugin ask of another, grouped by what they ask, on version sets alone.

An edge answers two questions: what follows for the plugin asked for from what is known of the one
that asks (`forward`), and which releases of the asker are ruled out by what is known of the other
(`backward`). Both answers are remembered by the set they follow from, which is what makes the
strong propagation of a warm solver affordable.
"""

from typing import NamedTuple


class Need(NamedTuple):
    """Those releases of `asker` whose wish for `target` lies inside `allowed` need it to be there.

    Doubles as the reason for a narrowing, so that reasons cost nothing until somebody asks why.
    """

    asker: str
    target: str
    allowed: int


class Edge:
    __slots__ = ("_backward", "_forward", "asker", "groups", "silent", "target")

    def __init__(self, asker: str, target: str, *, allowed_by_release: dict[int, int], full: int) -> None:
        self.asker = asker
        self.target = target
        groups: dict[int, int] = {}
        asking = 0
        for release, allowed in allowed_by_release.items():
            groups[allowed] = groups.get(allowed, 0) | release
            asking |= release
        self.groups = tuple(groups.items())
        """(what is asked, by which releases)."""
        self.silent = full & ~asking
        """Releases that do not ask, "not installed" among them."""
        self._forward: dict[int, Need | None] = {}
        self._backward: dict[int, tuple[int, Need] | None] = {}

    def forward(self, known: int) -> Need | None:
        """What the target must be in, whichever of the `known` releases of the asker it will be."""
        if known & self.silent:
            return None
        try:
            return self._forward[known]
        except KeyError:
            allowed = 0
            for asked, releases in self.groups:
                if releases & known:
                    allowed |= asked
            need = self._forward[known] = Need(self.asker, self.target, allowed)
            return need

    def backward(self, known: int) -> tuple[int, Need] | None:
        """The releases of the asker that fit none of the `known` ones of the target, and why."""
        try:
            return self._backward[known]
        except KeyError:
            allowed = ruled_out = 0
            for asked, releases in self.groups:
                if not asked & known:
                    allowed |= asked
                    ruled_out |= releases
            found = (ruled_out, Need(self.asker, self.target, allowed)) if ruled_out else None
            self._backward[known] = found
            return found

    def releases_inside(self, allowed: int) -> int:
        """Releases of the asker that need the target, and in nothing but `allowed`."""
        inside = 0
        for asked, releases in self.groups:
            if not asked & ~allowed:
                inside |= releases
        return inside
