"""The programs of a JavaScript project: their versions, and the package manager it uses.

The one door to other processes: argument lists, never a shell, standard input closed.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct

from registry_server.contract.foreign import clean

LINE_MAX = 500
DRAIN_SECONDS = 1.0

Engine = Literal["bun", "node"]

_LOCK_FILES = (
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)


class Finished(Struct, frozen=True, kw_only=True):
    """How a program ended."""

    status: int
    """Its exit status; negative for a signal."""
    is_too_slow: bool = False


def package_manager(root: Path) -> str:
    """The one whose lock file the project has; bun, the framework's own, without any."""
    return next((tool for name, tool in _LOCK_FILES if (root / name).is_file()), "bun")


def find_tool(name: str, environment: Mapping[str, str]) -> str | None:
    """Its path, or None where it is not installed.

    Only absolute folders of the PATH count: others lead into the project, which may be a stranger's.
    """
    folders = environment.get("PATH", "").split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, folders)))


async def run(
    arguments: tuple[str, ...],
    folder: Path,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
    *,
    seconds: float,
) -> Finished:
    """Runs a program to its end; both of its streams come line by line, cleaned and cut.

    It is killed after `seconds`, and when the caller is cancelled, with all that it started. Raises
    `OSError` when it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=folder,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    finished: Finished | None = None
    try:
        async with asyncio.timeout(seconds):
            await _tell(process.stdout, on_line)
            finished = Finished(status=await process.wait())
            return finished
    except TimeoutError:
        return Finished(status=-9, is_too_slow=True)
    finally:
        if finished is None:
            # The program may have ended long ago; whoever keeps its output open is of its group.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await _drain(process.stdout)


async def _drain(stream: asyncio.StreamReader) -> None:
    """To its end, so that nothing of it stays open; a program that left the group is not waited for."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while await stream.read(65536):
                pass


async def _tell(stream: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    """Lines however long: what is beyond the limit of one is cut, and never kept."""
    line = bytearray()
    while chunk := await stream.read(65536):
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            on_line(_text(line + part))
            line.clear()
        line += rest
        del line[LINE_MAX * 4 :]
    if line:
        on_line(_text(line))


def _text(line: bytes | bytearray) -> str:
    return clean(bytes(line).decode("utf-8", "replace").rstrip("\r"), LINE_MAX)
