"""The solver beside resolvelib and nab-resolver, on the same graphs and in the same run.

By hand: `python3 -m tests.benchmarks.resolution.compare [seconds a resolver gets, 10]`. Ours is told
cold (documents read, sets worked out) and warm (the best of three more), the others at their best of two.
"""

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from donkeytui.resolution.solver import GaveUp, Resolved, solve
from tests.support import resolution_graphs as graphs
from tests.support.resolution_peers import installed_peers

Case = tuple[str, Callable[[], graphs.Graph]]

CASES: tuple[Case, ...] = (
    ("typical, 20 x 20", graphs.typical),
    ("2,000 x 20 that fit", graphs.compatible),
    ("2,000 x 20 in layers, wide", lambda: graphs.layered(slack=8)),
    ("2,000 x 20 in layers, narrow", lambda: graphs.layered(slack=3)),
    ("chain with a late contradiction", graphs.late_contradiction),
    ("ecosystem split", graphs.ecosystem_split),
    ("lockstep ladder", graphs.lockstep_ladder),
    ("pigeonhole 6 in 5", graphs.pigeonhole),
)


class TookTooLongError(Exception):
    pass


def compare(cases: tuple[Case, ...], *, seconds: float, write: Callable[[str], object]) -> None:
    peers = installed_peers()
    missing = sorted({"resolvelib", "nab_resolver"} - peers.keys())
    if missing:
        write(f"left out, not installed: {', '.join(missing)}\n")
    write(f"{'':34}{'ours, cold':>16}{'ours, warm':>16}{''.join(f'{name:>16}' for name in peers)}   ms\n")
    for name, make in cases:
        graph = make()
        universe, request = graph.universe(), graph.request()

        def ours() -> str:
            answer = solve(request, universe)  # noqa: B023 - used within the round
            return (
                "gave up" if isinstance(answer, GaveUp) else "yes" if isinstance(answer, Resolved) else "no"
            )

        told = [measured(ours, rounds=1, seconds=seconds), measured(ours, rounds=3, seconds=seconds)]
        for peer in peers.values():

            def theirs() -> str:
                return "no" if peer(graph) is None else "yes"  # noqa: B023 - used within the round

            told += [measured(theirs, rounds=2, seconds=seconds)]
        write(f"{name:34}{''.join(f'{cell:>16}' for cell in told)}\n")


def measured(work: Callable[[], str], *, rounds: int, seconds: float) -> str:
    """The best time and the verdict; each round is cut off after `seconds`."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TookTooLongError

    best, verdict = float("inf"), ""
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for _ in range(rounds):
            signal.setitimer(signal.ITIMER_REAL, seconds)
            began = time.perf_counter()
            verdict = work()
            best = min(best, time.perf_counter() - began)
    except TookTooLongError:
        return f"> {seconds * 1000:.0f}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return f"{verdict} {best * 1000:.2f}"


if __name__ == "__main__":
    compare(CASES, seconds=float((sys.argv[1:] or ["10"])[0]), write=sys.stdout.write)
