"""Several calls at the same moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from registry_server.contract.problems import ProblemError

T = TypeVar("T")


def together(calls: Sequence[Callable[[], T]]) -> list[T | ProblemError]:
    """What each call returned, or the problem it raised; each in a thread of its own, begun together."""
    start = threading.Barrier(len(calls), timeout=30)

    def run(call: Callable[[], T]) -> T | ProblemError:
        start.wait()
        try:
            return call()
        except ProblemError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
