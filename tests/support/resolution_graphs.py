"""Dependency graphs for the solver: ordinary ones, large ones and the usual traps.

A graph is plain data, so that the same one can be given to other resolvers. Releases are whole
majors, `7.0.0`, and ranges are intervals of them, written `>=3.0.0 <=7.0.0`.
"""

import random
from dataclasses import dataclass, field

from donkeytui.resolution.request import Request, Wish
from donkeytui.resolution.universe import Universe
from registry_server.contract.ranges import parse_range
from tests.support.builders import document, release

Interval = tuple[int, int]
"""First and last release that will do."""


@dataclass
class Graph:
    """What each release of each plugin needs, and what a project asks for."""

    plugins: dict[str, dict[int, dict[str, Interval]]] = field(default_factory=dict)
    wishes: dict[str, Interval] = field(default_factory=dict)

    def add(self, name: str, releases: dict[int, dict[str, Interval]]) -> None:
        self.plugins[name] = releases

    def universe(self) -> Universe:
        documents = {
            name: document(
                name,
                *(
                    release(
                        f"{number}.0.0", *(f"{target}@{text(wanted)}" for target, wanted in needs.items())
                    )
                    for number, needs in releases.items()
                ),
            )
            for name, releases in self.plugins.items()
        }
        return Universe(documents.get)

    def request(self) -> Request:
        return Request(
            wishes=tuple(
                Wish(name=name, range=parse_range(text(wanted)), source="request")
                for name, wanted in self.wishes.items()
            )
        )


def text(wanted: Interval) -> str:
    first, last = wanted
    return f"{first}.0.0" if first == last else f">={first}.0.0 <={last}.0.0"


def typical(size: int = 20, releases: int = 20, seed: int = 1) -> Graph:
    """A project as they are: a few direct plugins, neighbours that keep up with each other."""
    return compatible(size, releases, wished=4, seed=seed)


def compatible(size: int = 2_000, releases: int = 20, *, wished: int = 40, seed: int = 1) -> Graph:
    """Every release needs up to three later plugins, in a range that reaches to their newest."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, and no secret
    graph = Graph()
    for at in range(size):
        later = range(at + 1, min(size, at + 60))
        targets = sorted(dice.sample(later, min(len(later), 3)))
        graph.add(
            f"p{at}",
            {
                number: {f"p{target}": (max(1, number - dice.randint(0, 9)), releases) for target in targets}
                for number in range(1, releases + 1)
            },
        )
    for at in range(wished):
        graph.wishes[f"p{at}"] = (1, releases)
    return graph


def layered(
    layers: int = 20, width: int = 100, releases: int = 20, *, slack: int = 5, seed: int = 1
) -> Graph:
    """Each release needs three plugins of the next layer in a narrow range; the newest mostly disagree.

    One answer is planted: nothing but search finds it.
    """
    dice = random.Random(seed)  # noqa: S311 - repeatable, and no secret
    planted = {(layer, at): dice.randint(1, releases) for layer in range(layers) for at in range(width)}
    graph = Graph()
    for (layer, at), own in planted.items():
        targets = dice.sample(range(width), 3) if layer + 1 < layers else []
        every: dict[int, dict[str, Interval]] = {}
        for number in range(1, releases + 1):
            every[number] = {}
            for target in targets:
                good = planted[layer + 1, target]
                middle = good if number == own else dice.randint(1, releases)
                first = max(1, middle - dice.randint(0, slack))
                every[number][f"l{layer + 1}-{target}"] = (first, min(releases, first + slack))
        graph.add(f"l{layer}-{at}", every)
    for at in range(width):
        graph.wishes[f"l0-{at}"] = (1, releases)
    return graph


def late_contradiction(length: int = 60, releases: int = 5) -> Graph:
    """A chain of free choices at whose end no release fits what the project asks for."""
    graph = Graph()
    for at in range(length):
        target = {f"c{at + 1}": (1, releases)} if at + 1 < length else {"end": (2, 2)}
        graph.add(f"c{at}", {number: dict(target) for number in range(1, releases + 1)})
    graph.add("end", {1: {}, 2: {}})
    graph.wishes = {"c0": (1, releases), "end": (1, 1)}
    return graph


def pigeonhole(pigeons: int = 6, holes: int = 5) -> Graph:
    graph = Graph()
    for bird in range(pigeons):
        graph.add(f"pigeon{bird}", {hole + 1: {f"hole{hole}": (bird + 1, bird + 1)} for hole in range(holes)})
        graph.wishes[f"pigeon{bird}"] = (1, holes)
    for hole in range(holes):
        graph.add(f"hole{hole}", {bird + 1: {} for bird in range(pigeons)})
    return graph


def ecosystem_split(parts: int = 40, releases: int = 20) -> Graph:
    """All parts move with one base, newest first; one plugin that comes last is still on the old base."""
    graph = Graph()
    for at in range(parts):
        graph.add(f"part{at}", {number: {"base": (number, number)} for number in range(1, releases + 1)})
        graph.wishes[f"part{at}"] = (1, releases)
    graph.add("base", {number: {} for number in range(1, releases + 1)})
    graph.add("laggard", {1: {"base": (1, releases // 2)}})
    graph.wishes["laggard"] = (1, 1)
    return graph


def lockstep_ladder(rungs: int = 40, releases: int = 20) -> Graph:
    """Each rung needs the next at its own number, and only one number reaches the floor."""
    graph = Graph()
    for at in range(rungs):
        below = f"rung{at + 1}" if at + 1 < rungs else "floor"
        graph.add(f"rung{at}", {number: {below: (number, number)} for number in range(1, releases + 1)})
    graph.add("floor", {1: {}})
    graph.wishes = {"rung0": (1, releases)}
    return graph
