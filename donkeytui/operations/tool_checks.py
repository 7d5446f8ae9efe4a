"""The author's own tools on a plugin: `tsc` and `bun test`, where they are installed; never blocking.

Nothing is downloaded. `tsc` is the project's own, else the one on the PATH, and runs with the
tsconfig that is nearest above the plugin: what it says of files elsewhere is nobody's business here.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from donkeytui.install.tools import find_tool, run
from donkeytui.problems import NotAProject
from donkeytui.project.snapshot import find_project
from registry_server.contract.problems import Finding

SECONDS = 120.0
LINES_KEPT = 20
LINES_READ = 1000
FINDINGS_MAX = 10

_ERROR = re.compile(r"(?P<path>[^(]+)\((?P<line>[0-9]+),[0-9]+\): error (?P<text>TS[0-9]+: .*)\Z")
_QUIET = ("--noEmit", "--pretty", "false", "--skipLibCheck", "--incremental", "false", "--composite", "false")
"""So that nothing is written, and only what is said of sources comes."""


class ToolRun(Struct, frozen=True, kw_only=True):
    """One tool, run or not."""

    tool: Literal["tsc", "bun test"]
    state: Literal["passed", "failed", "not-run"]
    why: str = ""
    """Why it failed or was not run, as a clause."""
    lines: tuple[str, ...] = ()
    """The first lines it wrote, when it failed."""


class ToolChecks(Struct, frozen=True, kw_only=True):
    runs: tuple[ToolRun, ...]
    findings: tuple[Finding, ...]


def left_out_tools() -> ToolChecks:
    """When the author asked for none."""
    names: tuple[Literal["tsc", "bun test"], ...] = ("tsc", "bun test")
    return ToolChecks(
        runs=tuple(ToolRun(tool=name, state="not-run", why="--no-tools was given") for name in names),
        findings=(),
    )


def nobody_listens(_: str) -> None:
    """For who does not say which tool is running."""


async def run_tools(
    folder: Path,
    environment: Mapping[str, str],
    *,
    seconds: float = SECONDS,
    on_tool: Callable[[str], None] = nobody_listens,
) -> ToolChecks:
    """Each for `seconds` at most, `on_tool` called before. Never raises for what a tool does."""
    runner = _Runner(folder, environment, seconds=seconds, on_tool=on_tool)
    types, findings = await _check_types(runner, _root(folder))
    tests, more = await _run_tests(runner)
    return ToolChecks(runs=(types, tests), findings=(*findings, *more))


def _root(folder: Path) -> Path:
    """Of the project the plugin is in; the plugin's own folder when it is in none."""
    try:
        return find_project(folder)
    except NotAProject:
        return folder


def _above(folder: Path, root: Path) -> list[Path]:
    """`folder` and what is above it, up to `root`."""
    parents = [folder, *folder.parents]
    return parents[: parents.index(root) + 1]


async def _check_types(runner: "_Runner", root: Path) -> tuple[ToolRun, tuple[Finding, ...]]:
    folder = runner.folder
    places = _above(folder, root)
    config = next((place / "tsconfig.json" for place in places if (place / "tsconfig.json").is_file()), None)
    if config is None:
        return ToolRun(tool="tsc", state="not-run", why="there is no tsconfig.json"), ()
    own = (place / "node_modules" / ".bin" / "tsc" for place in places)
    program = next((str(path) for path in own if path.is_file()), None) or find_tool(
        "tsc", runner.environment
    )
    if program is None:
        return ToolRun(tool="tsc", state="not-run", why="tsc is not installed here"), ()
    lines: list[str] = []
    arguments = (program, "-p", str(config), *_QUIET)
    why = await runner.run("tsc", arguments, config.parent, lines=lines)
    errors = [error for line in lines if (error := _type_error(line, config.parent, folder))]
    if why and not errors and any(_ERROR.match(line) for line in lines):
        why = ""
    findings = tuple(errors[:FINDINGS_MAX])
    if why and not errors:
        findings = (_warning("tsc-failed", f"`tsc` could not check the types: {why}", hint="tsc --noEmit"),)
    elif len(errors) > FINDINGS_MAX:
        more = f"and {len(errors) - FINDINGS_MAX} more type errors"
        findings += (_warning("type-error", more, hint="tsc --noEmit shows them all"),)
    if not findings:
        return ToolRun(tool="tsc", state="passed"), ()
    why = f"{len(errors)} type error{'s' if len(errors) != 1 else ''}" if errors else why
    return ToolRun(
        tool="tsc", state="failed", why=why, lines=() if errors else tuple(lines[:LINES_KEPT])
    ), findings


def _type_error(line: str, base: Path, folder: Path) -> Finding | None:
    """A line of `tsc` about a file of the plugin."""
    match = _ERROR.match(line)
    place = (base / match["path"]).resolve() if match else None
    if match is None or place is None or not place.is_relative_to(folder.resolve()):
        return None
    path = place.relative_to(folder.resolve()).as_posix()
    return _warning("type-error", match["text"], path=path, line=int(match["line"]))


async def _run_tests(runner: "_Runner") -> tuple[ToolRun, tuple[Finding, ...]]:
    folder = runner.folder
    if not (folder / "tests").is_dir():
        return ToolRun(tool="bun test", state="not-run", why="there is no tests/"), ()
    program = find_tool("bun", runner.environment)
    if program is None:
        return ToolRun(tool="bun test", state="not-run", why="bun is not installed here"), ()
    lines: list[str] = []
    why = await runner.run("bun test", (program, "test"), folder, lines=lines)
    if not why:
        return ToolRun(tool="bun test", state="passed"), ()
    failed = [line.strip() for line in lines if line.lstrip().startswith(("(fail)", "error:"))]
    text = f"`bun test` failed: {'; '.join(failed[:3]) or why}"
    finding = _warning("tests-fail", text, path="tests", hint=f"bun test, in {folder}")
    return ToolRun(tool="bun test", state="failed", why=why, lines=tuple(lines[:LINES_KEPT])), (finding,)


class _Runner:
    """What the tools of one plugin run with."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        seconds: float,
        on_tool: Callable[[str], None],
    ) -> None:
        self.folder = folder
        self.environment = environment
        self._seconds = seconds
        self._on_tool = on_tool

    async def run(self, tool: str, arguments: tuple[str, ...], folder: Path, *, lines: list[str]) -> str:
        """Why it failed, as a clause; empty when it did not. `lines` gets what it writes, blank ones not."""

        def heard(line: str) -> None:
            if line.strip() and len(lines) < LINES_READ:
                lines.append(line)

        self._on_tool(tool)
        try:
            finished = await run(arguments, folder, self.environment, heard, seconds=self._seconds)
        except OSError as error:
            return f"it cannot be started: {error.strerror}"
        if finished.is_too_slow:
            return f"it had not ended after {self._seconds:.0f} seconds"
        return "" if finished.status == 0 else f"it ended with status {finished.status}"


def _warning(code: str, text: str, *, path: str = "", line: int = 0, hint: str = "") -> Finding:
    return Finding(severity="warning", code=code, text=text, path=path, line=line, hint=hint)
