"""Find one release per plugin, or prove that none fits together.

Conflict-driven search of PubGrub's family over version sets as bit masks. What is known of a plugin
is a mask that only shrinks; a clause is a list of (plugin, mask) that must not all hold. When a
clause is violated it is resolved with the reasons of the assignments that violated it, until the
result allows going back and choosing otherwise (it is then kept), or nothing but the project itself
is left: then there is no answer and the chain of clauses is the proof. So the search is complete,
and no combination is tried twice for the same reason.

Source: N. Weizenbaum, "PubGrub: Next-Generation Version Solving" (2018), for the rules; the
resolution step on masks (union on the plugin in question, intersection on the others) covers its
special case of partial satisfiers.
"""

from typing import Literal

from msgspec import Struct

from donkeytui.resolution.universe import NOT_INSTALLED, Candidate, Plugin, Universe
from registry_server.contract.ranges import Range, exact_version
from registry_server.contract.versions import Version

PROJECT = ""
"""Name of the project itself among the plugins; no plugin can be called so."""

Cause = Literal[
    "asked",
    "requires",
    "unknown",
    "no-release",
    "yanked",
    "deprecated",
    "framework",
    "bun",
    "node",
    "derived",
]


class Wish(Struct, frozen=True, kw_only=True):
    """A requirement of the project."""

    name: str
    range: Range
    source: Literal["request", "lockfile"]


class Environment(Struct, frozen=True, kw_only=True):
    """What the plugins run on; None is unknown, and then no conflict."""

    framework: Version | None = None
    bun: Version | None = None
    node: Version | None = None


class Request(Struct, frozen=True, kw_only=True):
    wishes: tuple[Wish, ...]
    locked: dict[str, str] = {}
    """Releases the lockfile names: preferred, and allowed though yanked or deprecated."""
    free: frozenset[str] = frozenset()
    """Locked plugins that may move to their newest (the targets of an update)."""
    environment: Environment = Environment()


class Clause(Struct, frozen=True, kw_only=True, eq=False):
    """Terms that must not all hold, and why."""

    terms: dict[str, int]
    cause: Cause
    range_text: str = ""
    """The range asked for, in the words of who asks."""
    target: str = ""
    """The plugin asked for."""
    source: str = ""
    parents: tuple["Clause", ...] = ()
    """For a derived clause: the two it was resolved from."""


class Resolved(Struct, frozen=True, kw_only=True):
    pins: dict[str, Candidate]
    why: dict[str, tuple[tuple[str, str], ...]]
    """Plugin -> (who asks, range); the project is `PROJECT`."""


class Unsolvable(Struct, frozen=True, kw_only=True):
    proof: Clause
    wishes: tuple[Wish, ...]
    plugins: dict[str, Plugin]
    """Those that were looked at, in the order they were first asked for."""


def solve(request: Request, universe: Universe) -> Resolved | Unsolvable:
    """Deterministic: depends on the order of the wishes, and else only on names and versions."""
    return _Search(request, universe).run()


class _Entry(Struct, frozen=True, kw_only=True):
    """One narrowing of what is known about a plugin."""

    name: str
    before: int
    after: int
    reason: Clause | None
    """None for a choice, and for the project itself."""
    level: int
    """How many choices were made before or with it."""


class _Search:
    """The state of one search: what is known, how it came to be known, and the clauses."""

    def __init__(self, request: Request, universe: Universe) -> None:
        self.request = request
        self.universe = universe
        self.plugins: dict[str, Plugin] = {}
        self.known: dict[str, int] = {}
        self.trail: list[_Entry] = []
        self.places: dict[str, list[int]] = {}
        self.clauses: dict[str, list[Clause]] = {}
        self.pending: list[Clause] = []
        """Clauses not looked at since they were added."""
        self.certain: list[Clause] = []
        """Clauses of one term."""
        self.level = 0
        self.expanded: set[tuple[str, int]] = set()
        self.near: list[str] = []
        """What is needed, breadth first from the project; up to `walked` all have one release left."""
        self.met: set[str] = set()
        self.walked = 0
        self.exact = {
            wish.name: version.text
            for wish in request.wishes
            if (version := exact_version(wish.range)) is not None
        }
        self._adopt(Plugin(PROJECT, ()), full=3)
        self._assign(PROJECT, 2, None)

    def run(self) -> Resolved | Unsolvable:
        self._walk_anew()
        for wish in self.request.wishes:
            self._require(PROJECT, 2, wish.name, wish.range, source=wish.source)
        changed: list[str] = []
        while True:
            conflict = self._propagate(changed)
            if conflict is not None:
                learned, level = self._analyse(conflict)
                if level is None:
                    return Unsolvable(proof=learned, wishes=self.request.wishes, plugins=self.plugins)
                self._go_back(level)
                self._add(learned)
                changed = list(learned.terms)
            elif (name := self._next_plugin()) is not None:
                changed = [name]
                self._choose(name)
            else:
                return self._answer()

    # What is asked, as clauses.

    def _adopt(self, plugin: Plugin, *, full: int) -> None:
        self.plugins[plugin.name] = plugin
        self.known[plugin.name] = full
        self.clauses[plugin.name] = []
        self.places[plugin.name] = []

    def _load(self, name: str) -> Plugin | None:
        if name not in self.plugins:
            plugin = self.universe.plugin(name)
            if plugin is None:
                return None
            self._adopt(plugin, full=plugin.full)
            self._exclude(plugin)
        return self.plugins[name]

    def _exclude(self, plugin: Plugin) -> None:
        """Releases that may not be chosen, each set with its reason."""
        name = plugin.name
        allowed = plugin.bit(self.request.locked.get(name, ""))
        yanked = plugin.mask_where(lambda candidate: candidate.is_yanked) & ~allowed
        self._forbid(name, yanked, "yanked")
        allowed |= plugin.bit(self.exact.get(name, ""))
        deprecated = plugin.mask_where(lambda candidate: candidate.is_deprecated)
        self._forbid(name, deprecated & ~allowed & ~yanked, "deprecated")
        environment = self.request.environment
        self._check_environment(plugin, "framework", environment.framework)
        self._check_environment(plugin, "bun", environment.bun)
        self._check_environment(plugin, "node", environment.node)

    def _check_environment(
        self, plugin: Plugin, what: Literal["framework", "bun", "node"], present: Version | None
    ) -> None:
        if present is None:
            return
        by_range: dict[str, int] = {}
        for place, candidate in enumerate(plugin.candidates):
            wanted: Range | None = getattr(candidate, what)
            if wanted is not None and not wanted.allows(present, include_prerelease=True):
                by_range[wanted.text] = by_range.get(wanted.text, 0) | 2 << place
        for text, mask in by_range.items():
            self._forbid(plugin.name, mask, what, range_text=text, source=present.text)

    def _forbid(self, name: str, mask: int, cause: Cause, *, range_text: str = "", source: str = "") -> None:
        if mask:
            self._add(
                Clause(terms={name: mask}, cause=cause, range_text=range_text, target=name, source=source)
            )

    def _require(self, asker: str, versions: int, name: str, wanted: Range, *, source: str = "") -> None:
        """Whoever has `asker` in one of `versions` needs `name` in `wanted`."""
        cause: Cause = "asked" if asker == PROJECT else "requires"
        terms = {asker: versions}
        plugin = self._load(name)
        if plugin is None:
            cause = "unknown"
        else:
            missing = plugin.full & ~plugin.mask(wanted)
            if missing == plugin.full:
                cause = "no-release"
            elif name == asker:
                terms = {asker: versions & missing}
            else:
                terms[name] = missing
        if all(terms.values()):
            self._add(Clause(terms=terms, cause=cause, range_text=wanted.text, target=name, source=source))

    def _add(self, clause: Clause) -> None:
        for name in clause.terms:
            self.clauses[name].append(clause)
        if len(clause.terms) == 1:
            self.certain.append(clause)
        self.pending.append(clause)

    # What follows from what is known.

    def _propagate(self, changed: list[str]) -> Clause | None:
        """Narrows until nothing follows any more; returns a violated clause, if there is one."""
        queue = list(changed)
        while queue or self.pending:
            clauses, self.pending = self.pending or self.clauses[queue.pop()], []
            for clause in clauses:
                is_inert, name = self._inspect(clause)
                if is_inert:
                    continue
                if name is None:
                    return clause
                self._assign(name, self.known[name] & ~clause.terms[name], clause)
                queue.append(name)
        return None

    def _inspect(self, clause: Clause) -> tuple[bool, str | None]:
        """Inert, or the one term that is still open; None for it when all hold and the clause is violated."""
        open_name: str | None = None
        for name, mask in clause.terms.items():
            known = self.known[name]
            if not known & mask:
                return True, None
            if known & ~mask:
                if open_name is not None:
                    return True, None
                open_name = name
        return False, open_name

    def _assign(self, name: str, after: int, reason: Clause | None) -> None:
        self.places[name].append(len(self.trail))
        self.trail.append(
            _Entry(name=name, before=self.known[name], after=after, reason=reason, level=self.level)
        )
        self.known[name] = after

    # What a violated clause teaches.

    def _analyse(self, clause: Clause) -> tuple[Clause, int | None]:
        """The clause to keep and the level to go back to; None for it when there is no answer at all."""
        while clause.terms:
            places = {name: self._place(name, mask) for name, mask in clause.terms.items()}
            latest = max(places, key=lambda name: places[name])
            entry = self.trail[places[latest]]
            others = (self.trail[place].level for name, place in places.items() if name != latest)
            previous = max(others, default=0)
            if previous < entry.level:
                return clause, previous
            if entry.reason is None:
                return clause, None
            clause = self._resolve(clause, entry.reason, latest)
        return clause, None

    def _place(self, name: str, mask: int) -> int:
        """The first place of the trail after which the term holds. Masks of a plugin only shrink."""
        return next(place for place in self.places[name] if not self.trail[place].after & ~mask)

    def _resolve(self, clause: Clause, reason: Clause, name: str) -> Clause:
        """What follows from both without deciding `name` the way it was."""
        terms = dict(clause.terms)
        for other, mask in reason.terms.items():
            if other == name:
                terms[name] |= mask
            else:
                terms[other] = terms[other] & mask if other in terms else mask
        if terms[name] == self._full(name):
            del terms[name]
        return Clause(terms=terms, cause="derived", parents=(clause, reason))

    def _full(self, name: str) -> int:
        return 3 if name == PROJECT else self.plugins[name].full

    def _go_back(self, level: int) -> None:
        while self.trail[-1].level > level:
            entry = self.trail.pop()
            self.places[entry.name].pop()
            self.known[entry.name] = entry.before
        self.level = level
        self._walk_anew()
        # What single-term clauses say holds always, but was taken back with the level it was found at.
        self.pending.extend(self.certain)

    # What to choose.

    def _next_plugin(self) -> str | None:
        """A needed plugin without a choice: one with a single release left, then the nearest to the project.

        Near is told along the chosen releases alone. Branches that were given up leave no trace in
        the order, so a release nobody chose can be withdrawn without changing the answer.
        """
        for name, known in self.known.items():
            is_single = not known & NOT_INSTALLED and known & (known - 1) == 0
            if is_single and name != PROJECT and (name, known) not in self.expanded:
                return name
        while self.walked < len(self.near):
            name = self.near[self.walked]
            known = self.known[name]
            if known & (known - 1):
                return name
            self.walked += 1
            for wanted, _ in self.plugins[name].chosen(known).requires:
                if wanted not in self.met:
                    self.met.add(wanted)
                    self.near.append(wanted)
        return None

    def _walk_anew(self) -> None:
        self.near = list(dict.fromkeys(wish.name for wish in self.request.wishes))
        self.met = set(self.near)
        self.walked = 0

    def _choose(self, name: str) -> None:
        known = self.known[name]
        if known & (known - 1):
            self.level += 1
            self._assign(name, self._preferred(name, known), None)
        self._expand(name)

    def _preferred(self, name: str, known: int) -> int:
        plugin = self.plugins[name]
        if name not in self.request.free:
            locked = plugin.bit(self.request.locked.get(name, "")) & known
            if locked:
                return locked
        dubious = plugin.mask_where(lambda candidate: candidate.is_deprecated or candidate.is_yanked)
        return 1 << ((known & ~dubious or known).bit_length() - 1)

    def _expand(self, name: str) -> None:
        """Adds what the chosen release requires, for all releases that require the very same."""
        chosen_mask = self.known[name]
        plugin = self.plugins[name]
        self.expanded.add((name, chosen_mask))
        for requirement in plugin.chosen(chosen_mask).requires:
            wanted, text = requirement[0], requirement[1].text
            self._require(name, plugin.mask_requiring(wanted, text), wanted, requirement[1])

    def _answer(self) -> Resolved:
        pins = {
            name: self.plugins[name].chosen(known)
            for name, known in self.known.items()
            if name != PROJECT and not known & NOT_INSTALLED
        }
        why: dict[str, list[tuple[str, str]]] = {name: [] for name in pins}
        for wish in self.request.wishes:
            why[wish.name].append((PROJECT, wish.range.text))
        for name, candidate in pins.items():
            for wanted, range_ in candidate.requires:
                why[wanted].append((name, range_.text))
        return Resolved(pins=pins, why={name: tuple(askers) for name, askers in why.items()})
