"""The versions of Bun and Node on this machine, remembered for as long as the programs stay the same."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from donkeytui.install.tools import Engine, find_tool, run

VERSION_SECONDS = 5.0
FILE_MAX_BYTES = 10_000


class Engines(Struct, frozen=True, kw_only=True):
    """As the programs say them, without a leading `v`; "" where there is no such program."""

    bun: str
    node: str


async def read_engines(environment: Mapping[str, str], cache: Path) -> Engines:
    """Asks each program once, and again when its file has changed; `cache` is the file that remembers."""
    bun, node = await asyncio.gather(
        _version("bun", environment, cache.with_suffix(".bun")),
        _version("node", environment, cache.with_suffix(".node")),
    )
    return Engines(bun=bun, node=node)


async def _version(engine: Engine, environment: Mapping[str, str], cache: Path) -> str:
    path = find_tool(engine, environment)
    if path is None:
        return ""
    sign, known = _sign(path), _remembered(cache)
    if known[:-1] == sign and isinstance(known[-1], str):
        return known[-1]
    version = await _ask(path, environment)
    if version:
        _remember(cache, [*sign, version])
    return version


async def _ask(path: str, environment: Mapping[str, str]) -> str:
    lines: list[str] = []
    try:
        finished = await run(
            (path, "--version"), Path("/"), environment, lines.append, seconds=VERSION_SECONDS
        )
    except OSError:
        return ""
    return lines[0].strip().removeprefix("v")[:64] if finished.status == 0 and lines else ""


def _sign(path: str) -> list[object]:
    """What changes when the program does."""
    try:
        status = Path(path).stat()
    except OSError:
        return [path]
    return [path, status.st_mtime_ns, status.st_size]


def _remember(cache: Path, content: list[object]) -> None:
    with suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(content), "utf-8")


def _remembered(cache: Path) -> list[object]:
    try:
        with cache.open("rb") as file:
            known = json.loads(file.read(FILE_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return [None]
    return known if isinstance(known, list) and known else [None]
