"""What a request says about the releases of a plugin: which may not be chosen and why, which first.

A release in quarantine is chosen by nobody, whoever names it: not the user, not the lockfile. What the
lockfile has and nobody asked to move is not chosen but there, though: it may stay where it is, as a
yanked one may. Otherwise a quarantine would stop everything else in a project, the way out of it
included. An update of everything leaves it for whatever else fits, and one that names it must; that
its files are put anywhere anew is what plans refuse.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from donkeytui.resolution.clauses import Cause, Clause
from donkeytui.resolution.request import Environment, Request
from donkeytui.resolution.universe import NOT_INSTALLED, Plugin
from registry_server.contract.ranges import Range, exact_version
from registry_server.contract.versions import Version

Engine = Literal["framework", "bun", "node"]
ENGINES: tuple[Engine, ...] = ("framework", "bun", "node")
ENGINE_NAMES = {"framework": "@donkeylabs/server", "bun": "Bun", "node": "Node"}


class Rules:
    def __init__(
        self,
        request: Request,
        *,
        may_be_young: frozenset[str] = frozenset(),
        floors: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """`may_be_young`: plugins whose young releases are let in, after all others. `floors`: the
        releases of a plugin that are good enough."""
        self.request = request
        self.may_be_young = may_be_young
        self.floors = floors
        self.is_lowest = request.mode == "lowest"
        self.locked = {} if request.mode == "lowest" else request.locked
        """Releases that may be chosen though yanked, deprecated or young."""
        self.pins = (
            {name: version for name, version in request.locked.items() if name not in request.free}
            if request.mode == "keep"
            else {}
        )
        """Releases to stay at where that is possible."""
        self.named = {
            wish.name: version.text
            for wish in request.wishes
            if (version := exact_version(wish.range)) is not None
        }
        """Releases the project names exactly, which lets deprecated ones in."""

    def exclusions(self, plugin: Plugin) -> list[Clause]:
        """Releases that may not be chosen, each set with its reason. Sets may overlap."""
        return list(self._exclusions(plugin))

    def _exclusions(self, plugin: Plugin) -> Iterator[Clause]:
        name = plugin.name
        request = self.request
        locked = plugin.bit(self.locked.get(name, ""))
        held = request.held.get(name)
        if held is not None:
            mask = plugin.full & ~NOT_INSTALLED & ~plugin.bit(held)
            yield from _forbid(name, mask, "held", source=held)
        if plugin.quarantined:
            yield from _quarantined(plugin, plugin.quarantined & ~self._staying(plugin))
        if plugin.yanked:
            yield from _forbid(name, plugin.yanked & ~locked, "yanked")
        if plugin.deprecated:
            named = plugin.bit(self.named.get(name, "")) | plugin.bit(held or "")
            yield from _forbid(name, plugin.deprecated & ~locked & ~named, "deprecated")
        if plugin.is_bound:
            yield from _misfits(plugin, request.environment)
        if request.mature_before is not None and name not in self.may_be_young:
            yield from _forbid(name, self.young(plugin), "young")
        if name in self.floors:
            yield from _forbid(name, plugin.full & ~NOT_INSTALLED & ~self.floors[name], "derived")

    def _staying(self, plugin: Plugin) -> int:
        """The locked release, unless the request is that just this plugin moves."""
        is_to_move = self.request.mode == "keep" and plugin.name in self.request.free
        return 0 if is_to_move else plugin.bit(self.locked.get(plugin.name, ""))

    def young(self, plugin: Plugin) -> int:
        """Releases the cool-down is about."""
        before = self.request.mature_before
        if before is None or plugin.published_last is None or plugin.published_last <= before:
            return 0
        if plugin.name in self.request.cool_down_exempt:
            return 0
        settled = plugin.bit(self.locked.get(plugin.name, "")) | plugin.bit(
            self.request.held.get(plugin.name, "")
        )
        return plugin.mask_where(lambda candidate: candidate.published > before) & ~settled

    def preferences(self, plugin: Plugin) -> tuple[int, ...]:
        """Releases by how welcome they are: all of a set before any of the next."""
        pinned = plugin.bit(self.pins.get(plugin.name, ""))
        mature = plugin.full & ~self.young(plugin)
        good = plugin.full & ~NOT_INSTALLED & ~plugin.yanked & ~plugin.deprecated & ~plugin.quarantined
        is_loose = plugin.name in self.request.with_prereleases
        stable = good if is_loose else good & ~plugin.prereleases
        return (pinned, stable & mature, good & mature, stable, good, plugin.full & ~NOT_INSTALLED)

    def best(self, plugin: Plugin, known: int) -> int:
        """The release to try first among the `known` ones; there must be one."""
        mask = next(mask for welcome in self.preferences(plugin) if (mask := known & welcome))
        return mask & -mask if self.is_lowest else 1 << (mask.bit_length() - 1)

    def at_least_as_welcome(self, plugin: Plugin, chosen: int) -> int:
        """The releases that would be no worse than the chosen one."""
        beyond = (chosen << 1) - 1 if self.is_lowest else ~(chosen - 1)
        found = 0
        for welcome in self.preferences(plugin):
            if chosen & welcome:
                break
            found |= welcome
        return found | welcome & beyond


def _misfits(plugin: Plugin, environment: Environment) -> Iterator[Clause]:
    for engine in ENGINES:
        present: Version | None = getattr(environment, engine)
        if present is None:
            continue
        by_range: dict[str, int] = {}
        for place, candidate in enumerate(plugin.candidates):
            wanted: Range | None = getattr(candidate, engine)
            if wanted is not None and not wanted.allows(present, include_prerelease=True):
                by_range[wanted.text] = by_range.get(wanted.text, 0) | 2 << place
        for text, mask in by_range.items():
            yield from _forbid(plugin.name, mask, engine, range_text=text, source=present.text)


def _quarantined(plugin: Plugin, mask: int) -> Iterator[Clause]:
    """One clause for each of the operator's reasons."""
    reasons = dict.fromkeys(
        one.quarantine for at, one in enumerate(plugin.candidates) if mask >> (at + 1) & 1
    )
    for reason in reasons:
        meant = plugin.mask_where(lambda one, reason=reason: one.quarantine == reason)  # type: ignore[misc]
        yield from _forbid(plugin.name, mask & meant, "quarantined", source=reason)


def _forbid(
    name: str, mask: int, cause: Cause, *, range_text: str = "", source: str = ""
) -> Iterator[Clause]:
    if mask:
        yield Clause(terms={name: mask}, cause=cause, target=name, range_text=range_text, source=source)
