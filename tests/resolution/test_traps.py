"""The usual traps: each ends because no combination is tried twice for one reason.

What is counted is contradictions, never time: a machine may be slow, an exponential is not a matter of
machines.
"""

import pytest

from donkeytui.resolution.rules import Rules
from donkeytui.resolution.search import Search
from donkeytui.resolution.solver import GaveUp, Resolved, Unsolvable, solve
from registry_server.contract.ranges import parse_range
from registry_server.contract.versions import parse_version
from tests.support.resolution_graphs import (
    Graph,
    compatible,
    ecosystem_split,
    late_contradiction,
    layered,
    lockstep_ladder,
    pigeonhole,
    text,
)


def conflicts(graph: Graph) -> int:
    """How many contradictions the search meets until it knows."""
    search = Search(Rules(graph.request()), graph.universe())
    search.run(conflicts_max=5_000, keep_going=lambda: True)
    return search.conflicts


def chosen(graph: Graph) -> dict[str, int]:
    answer = solve(graph.request(), graph.universe())
    assert isinstance(answer, Resolved)
    return {name: one.version.major for name, one in answer.pins.items()}


def check(graph: Graph, answer: dict[str, int]) -> None:
    """Whether an answer keeps what the graph says."""
    asked = [*graph.wishes.items()]
    for name, number in answer.items():
        asked += graph.plugins[name][number].items()
    for name, wanted in asked:
        assert parse_range(text(wanted)).allows(parse_version(f"{answer[name]}.0.0"))
    assert set(answer) == {name for name, _ in asked}


@pytest.mark.parametrize("length", [20, 200])
def test_a_contradiction_at_the_end_of_a_chain_is_met_as_often_however_long_the_chain(length: int) -> None:
    assert conflicts(late_contradiction(length)) <= 3
    assert isinstance(
        solve(late_contradiction(length).request(), late_contradiction(length).universe()), Unsolvable
    )


@pytest.mark.parametrize(("pigeons", "bound"), [(4, 12), (5, 35), (6, 100)])
def test_pigeons_are_not_put_into_holes_in_every_order(pigeons: int, bound: int) -> None:
    assert conflicts(pigeonhole(pigeons, pigeons - 1)) <= bound


def test_as_many_pigeons_as_holes_fit() -> None:
    housed = chosen(pigeonhole(6, 6))

    assert len({housed[f"pigeon{bird}"] for bird in range(6)}) == 6


@pytest.mark.parametrize("releases", [10, 40])
def test_an_ecosystem_that_must_step_back_does_so_at_once(releases: int) -> None:
    graph = ecosystem_split(30, releases)

    assert conflicts(graph) <= 2
    assert set(chosen(graph).values()) == {releases // 2, 1}


@pytest.mark.parametrize("rungs", [20, 80])
def test_a_ladder_in_lockstep_is_not_climbed_rung_by_rung(rungs: int) -> None:
    graph = lockstep_ladder(rungs)

    assert conflicts(graph) <= 2
    assert set(chosen(graph).values()) == {1}


def test_a_large_graph_that_fits_is_solved_without_a_contradiction() -> None:
    graph = compatible(400)

    assert conflicts(graph) == 0
    check(graph, chosen(graph))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_layers_of_narrow_ranges_take_few_contradictions(seed: int) -> None:
    graph = layered(8, 30, slack=8, seed=seed)

    assert conflicts(graph) <= 250
    check(graph, chosen(graph))


def test_layers_so_narrow_that_patience_is_lost_still_have_an_answer() -> None:
    graph = layered(6, 30, 12, slack=2, seed=4)
    answer = solve(graph.request(), graph.universe(), patience=5)

    assert not isinstance(answer, GaveUp)
    assert isinstance(answer, Resolved)
    check(graph, {name: one.version.major for name, one in answer.pins.items()})
