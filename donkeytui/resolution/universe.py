"""What the solver may ask: plugins with their releases, sorted, and version sets as bit masks.

A version set of a plugin is one int: bit 0 stands for "not installed", bit i+1 for its i-th release
in ascending precedence. npm's prerelease rule makes sets that are no intervals; as masks that costs
nothing, and subset, union and complement are single int operations.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from registry_server.contract.problems import ProblemError
from registry_server.contract.ranges import Range, parse_range, parse_requirement
from registry_server.contract.versions import Version, parse_version
from registry_server.contract.wire import PluginDocument, Release

NOT_INSTALLED = 1


class Candidate(Struct, frozen=True, kw_only=True):
    """One release the solver may choose."""

    version: Version
    requires: tuple[tuple[str, Range], ...]
    framework: Range | None
    bun: Range | None
    node: Range | None
    is_yanked: bool
    is_deprecated: bool


class Plugin:
    """Releases of one plugin, ascending, and the masks asked of it so far."""

    def __init__(self, name: str, candidates: tuple[Candidate, ...]) -> None:
        self.name = name
        self.candidates = candidates
        self.full = (1 << (len(candidates) + 1)) - 1
        self._masks: dict[str, int] = {}

    def mask(self, wanted: Range) -> int:
        """Releases in `wanted`; never bit 0."""
        mask = self._masks.get(wanted.text)
        if mask is None:
            mask = sum(2 << i for i, c in enumerate(self.candidates) if wanted.allows(c.version))
            self._masks[wanted.text] = mask
        return mask

    def mask_where(self, is_meant: Callable[[Candidate], bool]) -> int:
        return sum(2 << i for i, candidate in enumerate(self.candidates) if is_meant(candidate))

    def mask_requiring(self, name: str, range_text: str) -> int:
        """Releases that ask for `name` in exactly these words."""
        return self.mask_where(
            lambda candidate: any(n == name and r.text == range_text for n, r in candidate.requires)
        )

    def bit(self, version: str) -> int:
        """The mask of exactly this version; 0 when there is no such release."""
        return self.mask_where(lambda candidate: candidate.version.text == version)

    def chosen(self, mask: int) -> Candidate:
        """The candidate of a mask with one bit."""
        return self.candidates[mask.bit_length() - 2]

    def versions(self, mask: int) -> tuple[str, ...]:
        return tuple(c.version.text for i, c in enumerate(self.candidates) if mask >> (i + 1) & 1)


class Universe:
    """Plugins by name, loaded when first asked for."""

    def __init__(self, load: Callable[[str], PluginDocument | None]) -> None:
        self._load = load
        self._plugins: dict[str, Plugin | None] = {}

    def plugin(self, name: str) -> Plugin | None:
        """None for a name the catalogue does not have."""
        if name not in self._plugins:
            document = self._load(name)
            self._plugins[name] = make_plugin(document) if document else None
        return self._plugins[name]


def universe_of(documents: Mapping[str, PluginDocument]) -> Universe:
    return Universe(documents.get)


def make_plugin(document: PluginDocument) -> Plugin:
    """Releases whose metadata cannot be read are left out: nobody could have resolved to them."""
    candidates: dict[str, Candidate] = {}
    for release in document.versions:
        candidate = _candidate(release)
        if candidate is not None:
            candidates[candidate.version.text] = candidate
    return Plugin(document.name, tuple(sorted(candidates.values(), key=lambda c: c.version.key)))


def _candidate(release: Release) -> Candidate | None:
    try:
        requirements = [parse_requirement(text) for text in release.dependencies.plugins]
        return Candidate(
            version=parse_version(release.version),
            requires=tuple((requirement.name, requirement.range) for requirement in requirements),
            framework=_range(release.framework),
            bun=_range(release.engine.bun),
            node=_range(release.engine.node),
            is_yanked=release.yanked,
            is_deprecated=release.deprecated,
        )
    except ProblemError:
        return None


def _range(text: str | None) -> Range | None:
    wanted = parse_range(text) if text else None
    return None if wanted is None or wanted.is_any else wanted
