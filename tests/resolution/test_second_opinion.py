"""What other resolvers say about the same graphs, where they are installed."""

import random

import pytest

from donkeytui.resolution.solver import Resolved, solve
from tests.support.resolution_graphs import Graph, ecosystem_split, late_contradiction, layered, pigeonhole
from tests.support.resolution_peers import by_nab, by_resolvelib


def some_graph(seed: int) -> Graph:
    dice = random.Random(seed)  # noqa: S311 - repeatable, and no secret
    names = [f"p{at}" for at in range(dice.randint(3, 12))]
    graph = Graph()
    for name in names:
        graph.add(
            name,
            {
                number: {
                    target: (first := dice.randint(1, 5), first + dice.randint(0, 2))
                    for target in dice.sample(names, dice.choice((0, 1, 2, 3)))
                    if target != name
                }
                for number in range(1, dice.randint(2, 6))
            },
        )
    graph.wishes = {name: (1, dice.randint(2, 6)) for name in dice.sample(names, 3)}
    return graph


def is_solvable(graph: Graph) -> bool:
    return isinstance(solve(graph.request(), graph.universe()), Resolved)


def test_nab_resolver_comes_to_the_same_verdicts() -> None:
    pytest.importorskip("nab_resolver", reason="nab-resolver is not installed: no second opinion")
    graphs = [some_graph(seed) for seed in range(250)]
    verdicts = [is_solvable(graph) for graph in graphs]

    assert verdicts == [by_nab(graph) is not None for graph in graphs]
    assert 30 < sum(verdicts) < 220


def test_nab_resolver_agrees_about_the_traps() -> None:
    pytest.importorskip("nab_resolver", reason="nab-resolver is not installed: no second opinion")
    traps = [ecosystem_split(8, 8), late_contradiction(20), pigeonhole(5, 4), pigeonhole(4, 4), layered(4, 8)]

    assert [is_solvable(graph) for graph in traps] == [by_nab(graph) is not None for graph in traps]


def test_whatever_resolvelib_finds_an_answer_to_has_one() -> None:
    """Only this way round: it gives up on some that have."""
    pytest.importorskip("resolvelib", reason="resolvelib is not installed: no second opinion")
    solved = [graph for graph in map(some_graph, range(150)) if by_resolvelib(graph) is not None]

    assert solved
    assert all(is_solvable(graph) for graph in solved)
