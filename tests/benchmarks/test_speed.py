"""How fast the common things are. By hand: `python3 -m pytest tests/benchmarks --benchmark-enable`.

Without that flag each runs once, so that it cannot rot.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from donkeytui.operations.search import search
from donkeytui.operations.sync import sync
from donkeytui.resolution.solver import Request, Resolved, Wish, solve
from donkeytui.resolution.universe import Universe
from registry_server.contract.ranges import parse_range
from registry_server.operations import starter
from registry_server.registry import open_registry
from tests.support.builders import document, release

ROOT = Path(__file__).parents[2]


def test_first_start_publishes_the_starter_plugins(benchmark: Any, tmp_path: Path) -> None:
    number = iter(range(1000))

    def first_start() -> int:
        registry = open_registry(tmp_path / str(next(number)))
        try:
            starter.publish_starter(registry, lambda _name, _done, _total: None)
            return len(starter.read_starter_list().order)
        finally:
            registry.close()

    assert benchmark.pedantic(first_start, rounds=3) >= 20


def test_one_keystroke_of_search(
    benchmark: Any, in_session: Callable[..., Any], publish: Callable[..., Any]
) -> None:
    for name in ("auth-jwt", "auth-oauth", "stripe", "email", "users"):
        publish(name)

    async def measure(session: Any) -> Any:
        await sync(session)
        return benchmark(search, session, "auht")

    assert in_session(measure).total == 2


def test_resolution_of_twenty_plugins_with_twenty_releases(benchmark: Any) -> None:
    versions = [f"{major}.{minor}.0" for major in range(1, 5) for minor in range(5)]
    documents = {
        f"p{i}": document(
            f"p{i}",
            *(release(v, *([f"p{i + 1}@^{v.split('.')[0]}.0.0"] if i < 19 else [])) for v in versions),
        )
        for i in range(20)
    }
    universe = Universe(documents.get)
    request = Request(wishes=(Wish(name="p0", range=parse_range("*"), source="request"),))

    answer = benchmark(solve, request, universe)

    assert isinstance(answer, Resolved)
    assert {candidate.version.text for candidate in answer.pins.values()} == {"4.4.0"}


def test_help_beside_an_empty_interpreter(benchmark: Any) -> None:
    """The reference, `python -c pass`, is what the second figure of the table is to be compared with."""
    code = "import sys; from donkeytui.cli.run import run; sys.exit(run(['--version'], open_app=lambda s: 0))"

    def version() -> int:
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=False
        ).returncode

    assert benchmark.pedantic(version, rounds=5) == 0


def test_reference_an_empty_interpreter(benchmark: Any) -> None:
    def nothing() -> int:
        return subprocess.run([sys.executable, "-c", "pass"], capture_output=True, check=False).returncode

    assert benchmark.pedantic(nothing, rounds=5) == 0
