"""How long fifty plugins of 20 KB take from a loopback registry, and `npm install` of the same files.

    python3 tests/benchmarks/installation/against_npm.py --with-npm

Whole processes, wall time, medians; both registries run on loopback ports of this machine, in turn.
`--with-npm` puts Verdaccio into a temporary folder, from the npm registry this machine is set up for;
where that cannot be had, the script says what is missing and prints our figures alone.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[3]))

from donkeytui.remote import RegistryClient, make_http_client
from tests.support.builders import write_project
from tests.support.npm_registry import NpmMissing, install_verdaccio, npm_environment, running_verdaccio
from tests.support.sample_plugins import LINES, SamplePlugin, sample_plugin
from tests.support.server import Server, running_server

ROOT = Path(__file__).parents[3]
GOAL = 1 / 3


class Figures(NamedTuple):
    """Median seconds."""

    cold: float
    """Nothing in any cache."""
    warm: float
    """Into another project, with what the first one left in the cache."""
    again: float
    """Into a project that has everything."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Time installing many plugins at once.")
    parser.add_argument("--plugins", type=int, default=50)
    parser.add_argument("--lines", type=int, default=LINES, help="of each of a plugin's twelve source files")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--with-npm", action="store_true", help="measure npm and Verdaccio beside ours")
    chosen = parser.parse_args(arguments)
    plugins = [sample_plugin(number, lines=chosen.lines) for number in range(1, chosen.plugins + 1)]
    say(f"{len(plugins)} plugins of {statistics.mean(len(p.package) for p in plugins) / 1000:.1f} KB, ")
    say(f"{chosen.runs} runs, {os.cpu_count()} cores, Python {sys.version.split()[0]}\n")
    with tempfile.TemporaryDirectory(prefix="installation-") as folder:
        ours = measure_ours(Path(folder) / "ours", plugins, chosen.runs)
        try:
            theirs = measure_npm(Path(folder) / "npm", plugins, chosen.runs) if chosen.with_npm else None
        except NpmMissing as missing:
            say(f"npm is not measured: {missing}\n")
            theirs = None
    say(table(ours, theirs))


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def table(ours: Figures, theirs: Figures | None) -> str:
    rows = [f"{'':24}{'donkeytui':>12}" + (f"{'npm':>12}{'ratio':>8}" if theirs else "")]
    for title, field in (("cold cache", "cold"), ("warm cache", "warm"), ("nothing to do", "again")):
        mine = getattr(ours, field)
        row = f"{title:24}{mine * 1000:>9.0f} ms"
        if theirs:
            other = getattr(theirs, field)
            row += f"{other * 1000:>9.0f} ms{mine / other:>8.2f}"
        rows.append(row)
    if theirs:
        verdict = "reached" if ours.cold <= GOAL * theirs.cold else "not reached"
        rows.append(f"goal, cold cache: at most {GOAL:.2f} of npm: {verdict}")
    return "\n".join(rows) + "\n"


def measure_ours(folder: Path, plugins: Sequence[SamplePlugin], runs: int) -> Figures:
    folder.mkdir()
    names = [plugin.name for plugin in plugins]
    with running_server(folder, REGISTRY_SERVER_LIMITS="false") as server:
        asyncio.run(publish(server, plugins))

        def run(project: Path, cache: Path, *wanted: str) -> float:
            command = [sys.executable, "-m", "donkeytui", "install", *wanted, "--yes"]
            return timed(command, project, our_environment(server, folder, cache))

        def check(project: Path) -> None:
            missing = [name for name in names if not (project / "src/server/plugins" / name).is_dir()]
            assert not missing, missing

        return measure(folder, names, runs, run=run, make_project=write_project, check=check)


async def publish(server: Server, plugins: Sequence[SamplePlugin]) -> None:
    async with make_http_client(server.url, server.token) as http:
        client = RegistryClient(http, "benchmark")
        for plugin in plugins:
            await client.publish(plugin.package, plugin.name, plugin.version)


def our_environment(server: Server, folder: Path, cache: Path) -> dict[str, str]:
    """As installed: Python may keep what it compiled, which the first run then does for the others."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": str(ROOT),
        "DONKEYTUI_REGISTRY": server.url,
        "DONKEYTUI_CONFIG": str(folder / "config.toml"),
        "DONKEYTUI_DATA_DIR": str(folder / "data"),
        "DONKEYTUI_CACHE_DIR": str(cache),
    }


def measure_npm(folder: Path, plugins: Sequence[SamplePlugin], runs: int) -> Figures:
    """Raises `NpmMissing`."""
    say(install_verdaccio(folder / "verdaccio") + "\n")
    names = [plugin.name for plugin in plugins]
    with running_verdaccio(folder / "verdaccio", plugins) as verdaccio:

        def run(project: Path, cache: Path, *wanted: str) -> float:
            return timed(["npm", "install", *wanted], project, npm_environment(cache, verdaccio.url))

        def check(project: Path) -> None:
            missing = [name for name in names if not (project / "node_modules" / name).is_dir()]
            assert not missing, missing

        return measure(folder, names, runs, run=run, make_project=write_npm_project, check=check)


def write_npm_project(root: Path) -> Path:
    root.mkdir()
    (root / "package.json").write_text(json.dumps({"name": "shop", "private": True}))
    return root


def measure(
    folder: Path,
    names: Sequence[str],
    runs: int,
    *,
    run: Callable[..., float],
    make_project: Callable[[Path], Path],
    check: Callable[[Path], None],
) -> Figures:
    """`run(project, cache, *names)` in new projects, and then once more in the same."""
    cold, warm, again = [], [], []
    for number in range(runs):
        cache = folder / f"cache-{number}"
        first = make_project(folder / f"first-{number}")
        second = make_project(folder / f"second-{number}")
        cold.append(run(first, cache, *names))
        check(first)
        warm.append(run(second, cache, *names))
        check(second)
        again.append(run(second, cache))
    return Figures(*(statistics.median(seconds) for seconds in (cold, warm, again)))


def timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Wall seconds of the whole process."""
    begun = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - begun
    assert done.returncode == 0, done.stdout + done.stderr
    return seconds


if __name__ == "__main__":
    main(sys.argv[1:])
