"""Other resolvers on the same graphs: resolvelib and nab-resolver, if they are installed.

Each returns the releases chosen, or None for "there is no answer". resolvelib is not complete, so
only its positive answers count; nab-resolver is.
"""

# ruff: noqa: ARG002 - the signatures are theirs

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tests.support.resolution_graphs import Graph, Interval

Answer = dict[str, int] | None
Peer = Callable[[Graph], Answer]


def installed_peers() -> dict[str, Peer]:
    peers = {"resolvelib": by_resolvelib, "nab_resolver": by_nab}
    return {name: solve for name, solve in peers.items() if importlib.util.find_spec(name)}


def by_nab(graph: Graph) -> Answer:
    from nab_resolver.errors import ResolutionError, ResolutionTerminatedError
    from nab_resolver.ranges import Range
    from nab_resolver.resolver import BaseProvider, Resolver

    def interval(wanted: Interval) -> Any:
        return Range.at_least(wanted[0]) & Range.at_most(wanted[1])

    class Provider(BaseProvider[str, int]):
        def choose_version(self, package: str, version_range: Any) -> int | None:
            return max((n for n in graph.plugins.get(package, ()) if n in version_range), default=None)

        def has_satisfying_version(self, package: str, version_range: Any) -> bool:
            return any(number in version_range for number in graph.plugins.get(package, ()))

        def get_dependencies(self, package: str, version: int) -> dict[str, Any]:
            return {name: interval(wanted) for name, wanted in graph.plugins[package][version].items()}

        def prioritize(
            self, package: str, version_range: Any, conflict_counts: Any, culprit_counts: Any = None
        ) -> Any:
            fitting = sum(number in version_range for number in graph.plugins.get(package, ()))
            return (-conflict_counts.get(package, 0), fitting, package)

        def widen_decision(self, package: str, version: int) -> Any:
            """The run of releases around it that need the very same."""
            releases = graph.plugins[package]
            first = last = version
            while releases.get(first - 1) == releases[version]:
                first -= 1
            while releases.get(last + 1) == releases[version]:
                last += 1
            return interval((first, last))

    try:
        requirements = {name: interval(wanted) for name, wanted in graph.wishes.items()}
        return dict(Resolver(Provider()).resolve(requirements))
    except ResolutionTerminatedError:
        raise
    except ResolutionError:
        return None


def by_resolvelib(graph: Graph) -> Answer:
    from resolvelib import AbstractProvider, BaseReporter, Resolver
    from resolvelib.resolvers import ResolutionImpossible

    Requirement = tuple[str, int, int]  # noqa: N806 - a type
    Candidate = tuple[str, int]  # noqa: N806 - a type

    class Provider(AbstractProvider):  # type: ignore[type-arg]
        def identify(self, requirement_or_candidate: Any) -> str:
            return str(requirement_or_candidate[0])

        def get_preference(
            self, identifier: str, resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any
        ) -> Any:
            return sum(1 for _ in information[identifier])

        def find_matches(
            self,
            identifier: str,
            requirements: Mapping[str, Iterator[Requirement]],
            incompatibilities: Mapping[str, Iterator[Candidate]],
        ) -> list[Candidate]:
            wanted = list(requirements[identifier])
            bad = {number for _, number in incompatibilities[identifier]}
            return [
                (identifier, number)
                for number in sorted(graph.plugins.get(identifier, ()), reverse=True)
                if number not in bad and all(first <= number <= last for _, first, last in wanted)
            ]

        def is_satisfied_by(self, requirement: Requirement, candidate: Candidate) -> bool:
            return requirement[1] <= candidate[1] <= requirement[2]

        def get_dependencies(self, candidate: Candidate) -> Iterable[Requirement]:
            return [(name, *wanted) for name, wanted in graph.plugins[candidate[0]][candidate[1]].items()]

    wishes = [(name, *wanted) for name, wanted in graph.wishes.items()]
    try:
        result = Resolver(Provider(), BaseReporter()).resolve(wishes, max_rounds=1_000_000)
    except ResolutionImpossible:
        return None
    return {name: candidate[1] for name, candidate in result.mapping.items()}
