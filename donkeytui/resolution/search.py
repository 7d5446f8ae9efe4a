"""The search: narrow until nothing follows, choose, and learn from what contradicts itself.

Conflict-driven, of PubGrub's family, over version sets as bit masks. A clause is a list of terms
that must not all hold. When one is violated it is resolved with the reasons of the narrowings that
violated it until it allows going back and choosing otherwise (it is then kept), or nothing is left
of it: then there is no answer, and the clauses it was resolved from are the proof. So the search is
complete, and no combination is tried twice for the same reason.

There are two gears. Until the first contradiction only what a chosen release needs is followed,
which is all that graphs that fit need. From then on whole plugins are: what all their remaining
releases need, and which of these fit nothing that is left (arc consistency).

Source: N. Weizenbaum, "PubGrub: Next-Generation Version Solving" (2018), for the rules.
"""

from donkeytui.resolution.analysis import analyse
from donkeytui.resolution.clauses import Clause
from donkeytui.resolution.edges import Edge, Need
from donkeytui.resolution.order import Order
from donkeytui.resolution.request import KeepGoing, Wish
from donkeytui.resolution.rules import Rules
from donkeytui.resolution.trail import Reason, Trail
from donkeytui.resolution.universe import NOT_INSTALLED, Plugin, Universe

STEPS_BETWEEN_LOOKS = 1024
CONFLICTS_BETWEEN_LOOKS = 64
PATIENCE = 250
TENSION_GROWTH = 1.05
"""Later contradictions count more than earlier ones."""


class Watch:
    """A clause and two of its terms that do not hold, as long as there are two."""

    __slots__ = ("clause", "one", "other")

    def __init__(self, clause: Clause, one: str, other: str) -> None:
        self.clause = clause
        self.one = one
        self.other = other


class Search:
    """One search from a request to an answer."""

    def __init__(
        self, rules: Rules, universe: Universe, *, is_strong: bool = False, patience: int = PATIENCE
    ) -> None:
        """`is_strong`: in the second gear from the start. `patience`: after so many contradictions what is
        in the way is chosen first, and the answer is not the best any more."""
        self.rules = rules
        self.universe = universe.with_prereleases(rules.request.with_prereleases)
        self.trail = Trail()
        self.order = Order(rules, self.universe, trail=self.trail, adopt=self._adopt)
        self.plugins: dict[str, Plugin] = {}
        """Those that were looked at, in the order they were met."""
        self.conflicts = 0
        self.tension: dict[str, float] = {}
        """How often, and how lately, the clauses learned name a plugin."""
        self._weight = 1.0
        self._patience = patience
        self.is_strong = is_strong
        self._excluded: dict[str, list[Clause]] = {}
        self._queue: list[str] = []
        self._watching: dict[str, list[Watch]] = {}
        self._outgoing: dict[str, list[Edge]] = {}
        self._incoming: dict[str, list[Edge]] = {}
        self._opened: list[tuple[int, str]] = []
        """(level, plugin) for each plugin whose edges are followed, levels ascending."""
        self._leaves: dict[Need, Clause] = {}

    # The loop.

    def run(self, *, conflicts_max: int, keep_going: KeepGoing) -> Clause | bool:
        """True: an answer was found; a clause without terms: there is none, and its parents are the
        proof; False: neither was found within the bounds."""
        conflict = self._ask_wishes()
        steps = 0
        while True:
            conflict = conflict or self._propagate()
            if conflict is not None:
                if self.conflicts >= conflicts_max or self._is_stopped(keep_going):
                    return False
                self.conflicts += 1
                learned = self._learn(conflict)
                if not learned.terms:
                    return learned
                conflict = None
                continue
            choice = self.order.next()
            if choice is None:
                return True
            steps += 1
            if not steps % STEPS_BETWEEN_LOOKS and not keep_going():
                return False
            self.trail.begin_level()
            self.order.begin_level()
            self._narrow(*choice, None)

    @property
    def has_lost_patience(self) -> bool:
        return self.conflicts > self._patience

    def askers(self, name: str) -> list[str]:
        """The plugins whose needs for this one were looked at."""
        return [edge.asker for edge in self._incoming.get(name, ())]

    def _is_stopped(self, keep_going: KeepGoing) -> bool:
        return self.conflicts % CONFLICTS_BETWEEN_LOOKS == CONFLICTS_BETWEEN_LOOKS - 1 and not keep_going()

    def _ask_wishes(self) -> Clause | None:
        for wish in self.rules.request.wishes:
            clause = self._wish_clause(wish)
            conflict = (
                clause if not clause.terms else self._narrow(wish.name, ~clause.terms[wish.name], clause)
            )
            if conflict is not None:
                return conflict
        return None

    # What follows from what is known.

    def _propagate(self) -> Clause | None:
        """Narrows until nothing follows any more; returns a violated clause, if there is one."""
        follow = self._follow_edges if self.is_strong else self._follow_choice
        while self._queue:
            name = self._queue.pop()
            conflict = follow(name)
            if conflict is None and name in self._watching:
                conflict = self._check_clauses(name)
            if conflict is not None:
                self._queue.clear()
                return conflict
        return None

    def _follow_choice(self, name: str) -> Clause | None:
        known = self.trail.known[name]
        if known & (known - 1) or known == NOT_INSTALLED:
            return None
        for need in self.universe.needs(name, known):
            conflict = self._narrow(need.target, need.allowed, need)
            if conflict is not None:
                return conflict
        return None

    def _follow_edges(self, name: str) -> Clause | None:
        known = self.trail.known[name]
        if not known & NOT_INSTALLED and name not in self._outgoing:
            conflict = self._open(name)
            if conflict is not None:
                return conflict
        for edge in self._outgoing.get(name, ()):
            need = edge.forward(known)
            if need is not None:
                conflict = self._narrow(need.target, need.allowed, need)
                if conflict is not None:
                    return conflict
        for edge in self._incoming.get(name, ()):
            conflict = self._rule_out(edge)
            if conflict is not None:
                return conflict
        return None

    def _open(self, name: str) -> Clause | None:
        """From now on follows the edges of a plugin that turned out to be needed."""
        edges = self.universe.edges(name)
        self._outgoing[name] = list(edges.values())
        self._opened.append((self.trail.level, name))
        for edge in edges.values():
            self._adopt(edge.target)
            self._incoming.setdefault(edge.target, []).append(edge)
        for edge in edges.values():
            conflict = self._rule_out(edge)
            if conflict is not None:
                return conflict
        return None

    def _rule_out(self, edge: Edge) -> Clause | None:
        found = edge.backward(self.trail.known[edge.target])
        return None if found is None else self._narrow(edge.asker, ~found[0], found[1])

    def _narrow(self, name: str, allowed: int, reason: Reason) -> Clause | None:
        """Returns the violated clause when nothing would be left."""
        known = self.trail.known.get(name)
        if known is None:
            self._adopt(name)
            known = self.trail.known[name]
        after = known & allowed
        if after == known:
            return None
        if not after:
            return self._clause(reason)
        self.trail.narrow(name, after, reason)
        self._queue.append(name)
        return None

    def _check_clauses(self, name: str) -> Clause | None:
        """Looks at the clauses that watch a term of `name`; those whose term holds now look elsewhere."""
        watches = self._watching[name]
        kept: list[Watch] = []
        self._watching[name] = kept
        for at, watch in enumerate(watches):
            if self._moves(watch, name):
                continue
            kept.append(watch)
            terms = watch.clause.terms
            if self.trail.known[name] & ~terms[name]:
                continue
            other = watch.other if watch.one == name else watch.one
            conflict = self._narrow(other, ~terms[other], watch.clause)
            if conflict is not None:
                kept.extend(watches[at + 1 :])
                return conflict
        return None

    def _moves(self, watch: Watch, name: str) -> bool:
        """Whether the clause found another term that does not hold, to watch instead."""
        known = self.trail.known
        terms = watch.clause.terms
        if known[name] & ~terms[name]:
            return False
        other = watch.other if watch.one == name else watch.one
        if not known[other] & terms[other]:
            return False
        for third, mask in terms.items():
            if third not in (name, other) and known[third] & ~mask:
                watch.one, watch.other = third, other
                self._watching.setdefault(third, []).append(watch)
                return True
        return False

    # What a violated clause teaches.

    def _learn(self, conflict: Clause) -> Clause:
        """Goes back to where the clause learned says something new, and says it."""
        self.is_strong = True
        learned, places = analyse(
            conflict, self.trail, excluded=self._excluded, clause_of=self._clause, full_of=self._full
        )
        if not learned.terms:
            return learned
        self._weight *= TENSION_GROWTH
        for name in learned.terms:
            self.tension[name] = self.tension.get(name, 0.0) + self._weight
        if self.has_lost_patience:
            self.order.tense = self.tension
        names = sorted(places, key=places.__getitem__, reverse=True)
        self._go_back(self.trail.level_at(places[names[1]]) if len(names) > 1 else 0)
        if len(names) > 1:
            watch = Watch(learned, names[0], names[1])
            for name in names[:2]:
                self._watching.setdefault(name, []).append(watch)
        self._narrow(names[0], ~learned.terms[names[0]], learned)
        return learned

    def _go_back(self, level: int) -> None:
        self.trail.go_back(level)
        self.order.go_back(level)
        # What the edges opened above that level say holds below it too.
        while self._opened and self._opened[-1][0] > level:
            self._queue.append(self._opened.pop()[1])
        self._opened.extend((level, name) for name in self._queue)
        if self.conflicts == 1:
            self._queue.extend(name for name, known in self.trail.known.items() if not known & NOT_INSTALLED)

    # What is asked, as clauses.

    def _adopt(self, name: str) -> Plugin:
        plugin = self.plugins.get(name)
        if plugin is None:
            plugin = self.plugins[name] = self.universe.plugin_or_stand_in(name)
            known = plugin.full
            excluded = self.rules.exclusions(plugin)
            for clause in excluded:
                known &= ~clause.terms[name]
            self._excluded[name] = excluded
            self.trail.adopt(name, known)
        return plugin

    def _clause(self, reason: Reason) -> Clause:
        """The clause behind a narrowing."""
        if isinstance(reason, Clause):
            return reason
        assert reason is not None, "a choice never leaves nothing, and is never resolved"
        leaf = self._leaves.get(reason)
        if leaf is None:
            releases = self.universe.edges(reason.asker)[reason.target].releases_inside(reason.allowed)
            leaf = self._leaves[reason] = Clause(
                terms={reason.asker: releases} | self._outside(reason.target, reason.allowed),
                cause="requires",
                asker=reason.asker,
                target=reason.target,
            )
        return leaf

    def _wish_clause(self, wish: Wish) -> Clause:
        self._adopt(wish.name)
        return Clause(
            terms=self._outside(wish.name, self.universe.mask(wish.name, wish.range)),
            cause="asked",
            target=wish.name,
            range_text=wish.range.text,
            source=wish.source,
        )

    def _full(self, name: str) -> int:
        return self.plugins[name].full

    def _outside(self, name: str, allowed: int) -> dict[str, int]:
        """The term that says a plugin is not in `allowed`; none where it always holds."""
        full = self._adopt(name).full
        return {name: full & ~allowed} if allowed else {}
