"""Facts -> sentences, in an order in which each is understood from those before it."""

from datetime import UTC, timedelta

from donkeytui.resolution.facts import Fact
from donkeytui.resolution.request import Request
from donkeytui.resolution.rules import ENGINE_NAMES, Rules
from donkeytui.resolution.universe import Plugin, Universe
from donkeytui.resolution.wording import requirement, shown_range, span
from registry_server.contract.ranges import parse_range

RANGES_MAX = 3
"""A plugin whose releases ask for another in more ranges than these is told in one sentence."""


class Teller:
    """Turns facts into sentences; knows all of them, since one may say part of another."""

    def __init__(self, facts: list[Fact], request: Request, universe: Universe) -> None:
        self._request = request
        self._universe = universe.with_prereleases(request.with_prereleases)
        self._facts = facts
        self._yanked = {fact.target for fact in facts if fact.cause == "yanked"}
        self._accepted = self._what_is_accepted()

    def sentences(self, met: list[str]) -> tuple[str, ...]:
        """Breadth first from the project: a sentence comes after the one that brings its plugin in.

        Among equals what was asked first comes first, then what the search met first.
        """
        return tuple(dict.fromkeys(self._sentence(group) for group in self._groups(met)))

    def _what_is_accepted(self) -> dict[str, int]:
        """The releases of each plugin that its askers leave: all wishes hold, and some requirement."""
        wished: dict[str, int] = {}
        required: dict[str, int] = {}
        for fact in self._facts:
            name = fact.target
            if fact.cause == "asked":
                mask = self._mask(fact)
                wished[name] = wished.get(name, mask) & mask
            elif fact.cause == "requires":
                required[name] = required.get(name, 0) | self._mask(fact)
        return required | wished

    def _groups(self, met: list[str]) -> list[list[Fact]]:
        """Facts in the order of telling; what one plugin's releases ask of another is one group when it
        is many ranges."""
        wishes = {(wish.name, wish.range.text): at for at, wish in enumerate(self._request.wishes)}
        places = {name: at for at, name in enumerate(met)}

        def place(fact: Fact) -> int:
            if fact.cause == "asked":
                return wishes[fact.target, fact.range_text]
            return places.get(fact.target, len(places))

        by_asker: dict[str, list[Fact]] = {}
        for fact in sorted(self._facts, key=place):
            if fact.cause != "yanked" or not self._is_said_elsewhere(fact.target):
                asker = "" if fact.cause == "asked" else fact.asker or fact.target
                by_asker.setdefault(asker, []).append(fact)
        ordered: list[Fact] = []
        waiting = [""]
        for asker in waiting:
            told = by_asker.pop(asker, [])
            ordered += told
            waiting += dict.fromkeys(fact.target for fact in told if fact.target in by_asker)
        return _gathered(ordered + [fact for rest in by_asker.values() for fact in rest])

    def _is_said_elsewhere(self, name: str) -> bool:
        """Whether whoever asks for the plugin asks for withdrawn releases alone, and is told so."""
        asking = [fact for fact in self._facts if fact.target == name and fact.cause in ("asked", "requires")]
        return bool(asking) and all(self._is_all_withdrawn(fact) for fact in asking)

    def _is_all_withdrawn(self, fact: Fact) -> bool:
        mask = self._mask(fact)
        return fact.target in self._yanked and mask != 0 and not mask & ~self._plugin(fact.target).yanked

    def _sentence(self, group: list[Fact]) -> str:
        fact = group[0]
        match fact.cause:
            case "asked":
                who = "the lockfile has" if fact.source == "lockfile" else "you asked for"
                return f"{who} `{requirement(fact.target, fact.range_text)}`{self._what_became_of(fact)}"
            case "requires":
                return self._requirement(group)
            case "held":
                return f"`{fact.target}` is pinned at {fact.source} by you"
            case _:
                return self._about_releases(fact)

    def _requirement(self, group: list[Fact]) -> str:
        fact = group[0]
        asker = self._plugin(fact.asker)
        texts = {one.range_text for one in group}
        mask = asker.mask_where(
            lambda one: any(name == fact.target and wanted.text in texts for name, wanted in one.requires)
        )
        who = f"`{fact.asker}` {self._span(asker, mask)}"
        if len(group) == 1:
            return f"{who} needs `{requirement(fact.target, fact.range_text)}`{self._what_became_of(fact)}"
        shown = ", ".join(f"`{shown_range(one.range_text)}`" for one in group[:RANGES_MAX])
        more = len(group) - RANGES_MAX
        return f"{who} needs `{fact.target}` in one of {len(group)} ranges: {shown} and {more} more"

    def _what_became_of(self, fact: Fact) -> str:
        """What is wrong with the range asked for by itself; mostly nothing is."""
        plugin = self._plugin(fact.target)
        if not plugin.is_known:
            return ", which the registry does not have"
        if self._is_all_withdrawn(fact):
            withdrawn = span(plugin, self._mask(fact))
            return f", but every release in that range was withdrawn by its author ({withdrawn})"
        if self._mask(fact):
            return ""
        early = plugin.prereleases_of(parse_range(fact.range_text))
        if early:
            return f", which exists only as a prerelease: {span(plugin, early)}"
        usable = plugin.full & ~1 & ~plugin.yanked & ~plugin.quarantined
        stable = usable & ~plugin.prereleases or usable
        newest = f"the newest is {plugin.chosen(stable).version.text}" if stable else "it has none"
        return f", but no release is in that range ({newest})"

    def _about_releases(self, fact: Fact) -> str:
        plugin = self._plugin(fact.target)
        mask = 0
        for clause in Rules(self._request).exclusions(plugin):
            if (clause.cause, clause.range_text, clause.source) == (fact.cause, fact.range_text, fact.source):
                mask |= clause.terms[fact.target]
        name = f"`{fact.target}` {self._span(plugin, mask)}"
        is_one = self._mattering(plugin, mask).bit_count() == 1
        match fact.cause:
            case "quarantined":
                return f"{name} {'is' if is_one else 'are'} in quarantine: {fact.source}"
            case "yanked":
                return f"{name} {'was' if is_one else 'were'} withdrawn by the author (yanked)"
            case "deprecated":
                return f"{name} {'is' if is_one else 'are'} deprecated, and only taken when named exactly"
            case "young":
                return f"{name} {self._cool_down(plugin, mask)}"
            case _:
                what = ENGINE_NAMES[fact.cause]
                return (
                    f"{name} needs {what} {shown_range(fact.range_text)}, and this project has {fact.source}"
                )

    def _cool_down(self, plugin: Plugin, mask: int) -> str:
        wait = timedelta(hours=self._request.cool_down_hours)
        left = self._mattering(plugin, mask)
        moments = [one.published for at, one in enumerate(plugin.candidates) if left >> (at + 1) & 1]
        first = (min(moments) + wait).astimezone(UTC)
        whose = "is in its" if left.bit_count() == 1 else "are in their"
        hours = f"{self._request.cool_down_hours:g} h"
        return f"{whose} cool-down of {hours}, until {first:%Y-%m-%d %H:%M} UTC"

    def _mask(self, fact: Fact) -> int:
        return self._universe.mask(fact.target, parse_range(fact.range_text))

    def _plugin(self, name: str) -> Plugin:
        return self._universe.plugin_or_stand_in(name)

    def _span(self, plugin: Plugin, mask: int) -> str:
        return span(plugin, self._mattering(plugin, mask))

    def _mattering(self, plugin: Plugin, mask: int) -> int:
        """Of `mask`, the releases that those who ask would accept."""
        return mask & self._accepted.get(plugin.name, mask) or mask


def _gathered(facts: list[Fact]) -> list[list[Fact]]:
    by_edge: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        if fact.cause == "requires":
            by_edge.setdefault((fact.asker, fact.target), []).append(fact)
    many = {edge: group for edge, group in by_edge.items() if len(group) > RANGES_MAX}
    groups = []
    for fact in facts:
        edge = (fact.asker, fact.target)
        if fact.cause != "requires" or edge not in many:
            groups.append([fact])
        elif many[edge][0] is fact:
            groups.append(many[edge])
    return groups
