"""Random small universes for the solver, and brute force to judge its answers by.

Brute force knows what the rules say and nothing the solver has.
"""

import random
from collections.abc import Iterable, Iterator, Mapping

from donkeytui.resolution.explain import explain
from donkeytui.resolution.search import PATIENCE
from donkeytui.resolution.solver import Environment, GaveUp, Request, Resolved, Unsolvable, Wish, solve
from donkeytui.resolution.universe import Universe
from registry_server.contract.ranges import parse_range
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import PluginDocument, Release
from tests.support.builders import document, release

FRAMEWORK = parse_version("2.4.0")
VERSIONS = ("1.0.0", "1.1.0", "2.0.0-beta.1", "2.0.0", "2.1.0")
RANGES = (
    "*",
    "^1.0.0",
    "^2.0.0",
    "1.0.0",
    ">=1.1.0",
    "<2.0.0",
    "^3.0.0",
    "2.x",
    "1.1.0 || 2.0.0",
    "^2.0.0-beta.1",
)

REASONS = ("it sends keys away", "its author asked for it")

Documents = dict[str, PluginDocument]
Wishes = list[tuple[str, str]]


class Case:
    """A random universe with a request."""

    def __init__(self, seed: int, *, size: int = 5, is_plain: bool = False) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable, and no secret
        self._operator = random.Random(f"operator {seed}")  # noqa: S311 - apart, so that the rest is as without quarantine
        names = [f"p{number}" for number in range(self.random.randint(1, size))]
        self.documents: Documents = {name: self._document(name, names, is_plain) for name in names}
        asked = self.random.sample(names, self.random.randint(1, min(3, len(names))))
        self.wishes: Wishes = [(name, self.random.choice(RANGES)) for name in asked]
        locked = [name for name in names if not is_plain and self.random.random() < 0.3]
        self.locked = {name: self.random.choice(self.documents[name].versions).version for name in locked}

    def _document(self, name: str, names: list[str], is_plain: bool) -> PluginDocument:
        chance = 0.0 if is_plain else 0.12
        versions = sorted(
            self.random.sample(VERSIONS, self.random.randint(1, 4)), key=lambda v: parse_version(v).key
        )
        return document(
            name,
            *(
                release(
                    version,
                    *self._needs(names),
                    yanked=self.random.random() < chance,
                    deprecated=self.random.random() < chance,
                    quarantine=self._operator.choice(REASONS) if self._operator.random() < chance else "",
                    framework=">=3.0.0" if self.random.random() < chance else "*",
                )
                for version in versions
            ),
        )

    def _needs(self, names: list[str]) -> Iterable[str]:
        wanted: dict[str, str] = {}
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            name = "nowhere" if self.random.random() < 0.03 else self.random.choice(names)
            wanted[name] = self.random.choice(RANGES)
        return [f"{name}@{text}" for name, text in wanted.items()]

    def solve(self, **options: object) -> Resolved | Unsolvable:
        environment = Environment(framework=FRAMEWORK)
        return ask(self.documents, self.wishes, locked=self.locked, environment=environment, **options)


def ask(
    documents: Mapping[str, PluginDocument] | Iterable[PluginDocument],
    wishes: Wishes,
    patience: int = PATIENCE,
    **options: object,
) -> Resolved | Unsolvable:
    if not isinstance(documents, Mapping):
        documents = {doc.name: doc for doc in documents}
    request = Request(
        wishes=tuple(Wish(name=name, range=parse_range(text), source="request") for name, text in wishes),
        **options,  # type: ignore[arg-type]
    )
    answer = solve(request, Universe(dict(documents).get), patience=patience)
    assert not isinstance(answer, GaveUp)
    return answer


def pins(answer: Resolved | Unsolvable) -> dict[str, str]:
    assert isinstance(answer, Resolved), explain(answer).facts
    return {name: candidate.version.text for name, candidate in answer.pins.items()}


def pinned(documents: Iterable[PluginDocument], *wishes: str, **options: object) -> dict[str, str]:
    """The answer to wishes written as `auth@^1.0.0`."""
    return pins(ask(documents, [tuple(wish.split("@")) for wish in wishes], **options))  # type: ignore[misc]


def refused(documents: Iterable[PluginDocument], *wishes: str, **options: object) -> Unsolvable:
    answer = ask(documents, [tuple(wish.split("@")) for wish in wishes], **options)  # type: ignore[misc]
    assert isinstance(answer, Unsolvable), pins(answer)
    return answer


# Brute force: every combination, judged by what the rules say and by nothing the solver has.


def is_usable(case: Case, name: str, one: Release) -> bool:
    is_locked = case.locked.get(name) == one.version
    is_exact = (name, one.version) in case.wishes
    return (
        (not one.yanked or is_locked)
        and (not one.quarantine or is_locked)
        and (not one.deprecated or is_locked or is_exact)
        and parse_range(one.framework).allows(FRAMEWORK, include_prerelease=True)
    )


def fits(installed: Mapping[str, Release], name: str, text: str) -> bool:
    return name in installed and parse_range(text).allows(parse_version(installed[name].version))


def is_valid(case: Case, installed: Mapping[str, Release]) -> bool:
    needs = [need.split("@") for one in installed.values() for need in one.dependencies.plugins]
    return (
        all(is_usable(case, name, one) for name, one in installed.items())
        and all(fits(installed, name, text) for name, text in case.wishes)
        and all(fits(installed, name, text) for name, text in needs)
    )


def installations(case: Case) -> Iterator[dict[str, Release]]:
    """All that would do, with nothing in it that is not needed."""
    waiting: list[dict[str, Release]] = [{}]
    while waiting:
        installed = waiting.pop()
        missing = next((name for name in needed(case, installed) if name not in installed), None)
        if missing is None:
            if is_valid(case, installed):
                yield installed
        elif missing in case.documents:
            waiting += [
                {**installed, missing: one}
                for one in case.documents[missing].versions
                if is_usable(case, missing, one)
            ]


def needed(case: Case, installed: Mapping[str, Release]) -> list[str]:
    needs = [need.split("@")[0] for one in installed.values() for need in one.dependencies.plugins]
    return [*(name for name, _ in case.wishes), *needs]


def has_answer(case: Case) -> bool:
    return next(installations(case), None) is not None


def reachable(case: Case, installed: Mapping[str, Release]) -> set[str]:
    found: set[str] = set()
    waiting = [name for name, _ in case.wishes]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [need.split("@")[0] for need in installed[name].dependencies.plugins]
    return found


def installed_by(case: Case, answer: Resolved) -> dict[str, Release]:
    return {
        name: next(one for one in case.documents[name].versions if one.version == version)
        for name, version in pins(answer).items()
    }


def welcome(case: Case, name: str, one: Release) -> tuple[bool, bool, bool, object]:
    """The higher the better: locked, then in good standing, then stable, then new."""
    version = parse_version(one.version)
    return (
        case.locked.get(name) == one.version,
        not (one.yanked or one.deprecated or one.quarantine),
        not version.is_prerelease,
        version.key,
    )
