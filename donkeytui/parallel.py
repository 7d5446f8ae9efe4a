"""Several jobs at once; the first problem comes out bare and stops the others."""

import asyncio
from collections.abc import Coroutine, Iterable


async def run_all(jobs: Iterable[Coroutine[None, None, None]]) -> None:
    """Returns when all have; a failure is raised as it is, never in a group, once the others have stopped."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
