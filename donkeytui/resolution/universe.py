"""What the solver may ask: plugins with their releases, sorted, and version sets as bit masks.

A version set of a plugin is one int: bit 0 stands for "not installed", bit i+1 for its i-th release
in ascending precedence. npm's prerelease rule makes sets that are no intervals; as masks that costs
nothing, and subset, union and complement are single int operations.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct

from donkeytui.resolution.edges import Edge, Need
from registry_server.contract.problems import ProblemError
from registry_server.contract.ranges import (
    Alternative,
    Range,
    parse_range,
    parse_requirement,
)
from registry_server.contract.versions import Version, parse_version
from registry_server.contract.wire import PluginDocument, Release

NOT_INSTALLED = 1
REASON_SHOWN_MAX = 240


class Candidate(Struct, frozen=True, kw_only=True):
    """One release the solver may choose."""

    version: Version
    requires: tuple[tuple[str, Range], ...]
    framework: Range | None
    bun: Range | None
    node: Range | None
    is_yanked: bool
    is_deprecated: bool
    quarantine: str
    """Why the registry's operator took it out of circulation, on one line; empty for most."""
    published: datetime
    """When the registry took it in."""


class Plugin:
    """Releases of one plugin, ascending, and the masks asked of it so far."""

    def __init__(self, name: str, candidates: tuple[Candidate, ...], *, is_known: bool = True) -> None:
        self.name = name
        self.candidates = candidates
        self.is_known = is_known
        """False for a stand-in: the catalogue has no such plugin."""
        self.full = (2 << len(candidates)) - 1
        self.bits = {candidate.version.text: 2 << i for i, candidate in enumerate(candidates)}
        self.yanked = self.mask_where(lambda candidate: candidate.is_yanked)
        self.deprecated = self.mask_where(lambda candidate: candidate.is_deprecated)
        self.quarantined = self.mask_where(lambda candidate: bool(candidate.quarantine))
        self.prereleases = self.mask_where(lambda candidate: candidate.version.is_prerelease)
        self.published_last = max((candidate.published for candidate in candidates), default=None)
        self.is_bound = any(one.framework or one.bun or one.node for one in candidates)
        """Whether any release asks for a framework or an engine."""
        self._keys = [candidate.version.key for candidate in candidates]
        self._masks: dict[tuple[str, bool], int] = {}

    def mask(self, wanted: Range, *, with_prereleases: bool = False) -> int:
        """Releases in `wanted`; never bit 0."""
        mask = self._masks.get((wanted.text, with_prereleases))
        if mask is None:
            mask = self._compute_mask(wanted, with_prereleases=with_prereleases)
            self._masks[wanted.text, with_prereleases] = mask
        return mask

    def prereleases_of(self, wanted: Range) -> int:
        """Prereleases that somebody who writes `wanted` may have had in mind: of what is in it."""
        return self.prereleases & self.mask_where(
            lambda one: (
                wanted.allows(one.version, include_prerelease=True)
                or wanted.allows(parse_version("{}.{}.{}".format(*one.version.key[:3])))
            )
        )

    def mask_where(self, is_meant: Callable[[Candidate], bool]) -> int:
        return sum(2 << i for i, candidate in enumerate(self.candidates) if is_meant(candidate))

    def bit(self, version: str) -> int:
        """The mask of exactly this version; 0 when there is no such release."""
        return self.bits.get(version, 0)

    def chosen(self, mask: int) -> Candidate:
        """The candidate of a mask with one bit."""
        return self.candidates[mask.bit_length() - 2]

    def versions(self, mask: int) -> tuple[str, ...]:
        return tuple(c.version.text for i, c in enumerate(self.candidates) if mask >> (i + 1) & 1)

    def _compute_mask(self, wanted: Range, *, with_prereleases: bool) -> int:
        """The same as `Range.allows` on each release, by bisection."""
        if with_prereleases:
            mask = 0
            for alternative in wanted.with_prereleases:
                mask |= self._between(alternative)
            return mask
        mask = 0
        for alternative in wanted.alternatives:
            between = self._between(alternative)
            mask |= between & ~self.prereleases
            if alternative.prerelease_of and between & self.prereleases:
                mask |= between & self.mask_where(
                    lambda one, of=alternative.prerelease_of: one.version.key[:3] in of  # type: ignore[misc]
                )
        return mask

    def _between(self, one: Alternative) -> int:
        low, high = 0, len(self._keys)
        if one.low is not None:
            low = (bisect_right if one.low_open else bisect_left)(self._keys, one.low)
        if one.high is not None:
            high = (bisect_left if one.high_open else bisect_right)(self._keys, one.high)
        return (2 << high) - (2 << low) if low < high else 0


class Universe:
    """Plugins by name, loaded when first asked for.

    Kept between solves it is warm: what was worked out about a plugin holds for every request.
    """

    def __init__(self, load: Callable[[str], PluginDocument | None]) -> None:
        self._load = load
        self._plugins: dict[str, Plugin] = {}
        self._loose: frozenset[str] = frozenset()
        self._needs: dict[tuple[str, int], tuple[Need, ...]] = {}
        self._edges: dict[str, dict[str, Edge]] = {}

    @classmethod
    def of(cls, plugins: Iterable[Plugin]) -> "Universe":
        """Of these plugins and no others."""
        universe = cls(lambda _: None)
        universe._plugins = {plugin.name: plugin for plugin in plugins}
        return universe

    def plugin(self, name: str) -> Plugin | None:
        """None for a name the catalogue does not have."""
        plugin = self.plugin_or_stand_in(name)
        return plugin if plugin.is_known else None

    def plugin_or_stand_in(self, name: str) -> Plugin:
        plugin = self._plugins.get(name)
        if plugin is None:
            document = self._load(name)
            plugin = make_plugin(document) if document else Plugin(name, (), is_known=False)
            self._plugins[name] = plugin
        return plugin

    def with_prereleases(self, names: frozenset[str]) -> "Universe":
        """The same plugins, where prereleases of `names` count like any version."""
        if names == self._loose:
            return self
        other = Universe(self._load)
        other._plugins = self._plugins
        other._loose = names
        return other

    def mask(self, name: str, wanted: Range) -> int:
        return self.plugin_or_stand_in(name).mask(wanted, with_prereleases=name in self._loose)

    def needs(self, name: str, chosen: int) -> tuple[Need, ...]:
        """What the one release in `chosen` needs, in the order it says so."""
        needs = self._needs.get((name, chosen))
        if needs is None:
            allowed = self._allowed(name, chosen.bit_length() - 2)
            needs = tuple(Need(name, target, mask) for target, mask in allowed.items())
            self._needs[name, chosen] = needs
        return needs

    def edges(self, name: str) -> dict[str, Edge]:
        """What all releases of a plugin need, by the plugin asked for."""
        edges = self._edges.get(name)
        if edges is None:
            plugin = self.plugin_or_stand_in(name)
            asked: dict[str, dict[int, int]] = {}
            for place in range(len(plugin.candidates)):
                for target, allowed in self._allowed(name, place).items():
                    asked.setdefault(target, {})[2 << place] = allowed
            edges = {
                target: Edge(name, target, allowed_by_release=by_release, full=plugin.full)
                for target, by_release in asked.items()
            }
            self._edges[name] = edges
        return edges

    def _allowed(self, name: str, place: int) -> dict[str, int]:
        allowed: dict[str, int] = {}
        for target, wanted in self._plugins[name].candidates[place].requires:
            mask = self.mask(target, wanted)
            if target == name:
                # A release that needs itself is either no news or impossible.
                if mask & (2 << place):
                    continue
                mask = 0
            allowed[target] = allowed.get(target, mask) & mask
        return allowed


def make_plugin(document: PluginDocument) -> Plugin:
    """Releases whose metadata cannot be read are left out: nobody could have resolved to them."""
    candidates: dict[str, Candidate] = {}
    read: _Read = {}
    for release in document.versions:
        candidate = _candidate(release, read)
        if candidate is not None:
            candidates[candidate.version.text] = candidate
    return Plugin(document.name, tuple(sorted(candidates.values(), key=lambda c: c.version.key)))


_Read = dict[tuple[str, ...], tuple[tuple[str, Range], ...]]
"""Lists of requirements read so far: neighbouring releases repeat them."""


def _candidate(release: Release, read: _Read) -> Candidate | None:
    texts = release.dependencies.plugins
    try:
        requires = read.get(texts)
        if requires is None:
            requirements = map(parse_requirement, texts)
            requires = read[texts] = tuple((one.name, one.range) for one in requirements)
        return Candidate(
            version=parse_version(release.version),
            requires=requires,
            framework=_range(release.framework),
            bun=_range(release.engine.bun),
            node=_range(release.engine.node),
            is_yanked=release.yanked,
            is_deprecated=release.deprecated,
            quarantine=_on_one_line(release.quarantine),
            published=release.created_at,
        )
    except ProblemError:
        return None


def _on_one_line(reason: str) -> str:
    """Never empty for a reason that is there, were it only spaces."""
    text = " ".join(reason.split()) or (reason and "no reason is given")
    return text if len(text) <= REASON_SHOWN_MAX else f"{text[: REASON_SHOWN_MAX - 1]}…"


def _range(text: str | None) -> Range | None:
    """None where any version will do."""
    wanted = parse_range(text) if text and text != "*" else None
    return None if wanted is None or wanted.is_any else wanted
