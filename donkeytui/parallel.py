"""Jobs and cancellation: several at once, one to its end.

The first problem of several comes out bare and stops the others.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def run_all(jobs: Iterable[Coroutine[None, None, None]]) -> None:
    """Returns when all have; a failure is raised as it is, never in a group, once the others have stopped."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def to_its_end(job: Coroutine[Any, Any, T]) -> T:
    """The result of what is not cut in two: whoever cancels waits for it. `is_cancelled` tells afterwards."""
    task = asyncio.ensure_future(job)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()


def is_cancelled() -> bool:
    """Whether somebody asked the present task to stop, also when it went on all the same."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
