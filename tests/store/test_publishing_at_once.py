"""Sixteen publishers of one version, sixty-four of different ones, in one process and in several."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import ProblemError, VersionExists
from registry_server.contract.wire import PublishReceipt
from registry_server.operations.accounts import Caller
from registry_server.operations.check import check
from registry_server.operations.publish import publish as publish_operation
from registry_server.registry import Registry, open_registry
from registry_server.store import inspection
from tests.support.builders import FixedClock, package
from tests.support.threads import together

ROOT = Path(__file__).parents[2]
ONE, MANY = 16, 64
RIVALS = [package("auth", description=f"Number {number}.") for number in range(ONE)]
DIFFERENT = [package(f"plugin{number % 8}", f"1.{number}.0") for number in range(MANY)]


@pytest.fixture
def pair(registry: Registry) -> Iterator[list[Registry]]:
    """Two registries on one folder, as two processes have it open."""
    neighbour = open_registry(registry.database.path.parent, FixedClock())
    yield [registry, neighbour]
    neighbour.close()


def in_turn(
    pair: list[Registry], owner: Caller, archives: list[bytes]
) -> list[PublishReceipt | ProblemError]:
    return together(
        [
            partial(publish_operation, pair[number % len(pair)], owner, archive)
            for number, archive in enumerate(archives)
        ]
    )


PUBLISHER = """
import sys
from functools import partial
from pathlib import Path
from registry_server.contract.problems import ProblemError
from registry_server.operations.accounts import local_caller
from registry_server.operations.publish import publish
from registry_server.registry import open_registry
from tests.support.threads import together

registry = open_registry(Path(sys.argv[1]))
owner = local_caller(registry)
archives = [Path(name).read_bytes() for name in sys.argv[2:]]
print("ready", flush=True)
sys.stdin.readline()
for outcome in together([partial(publish, registry, owner, archive) for archive in archives]):
    print(outcome.problem.code if isinstance(outcome, ProblemError) else outcome.integrity)
registry.close()
"""


def from_two_processes(data: Path, archives: list[bytes], folder: Path) -> list[str]:
    """Every second archive from each of two processes, all at once: integrity or code of the problem."""
    names = [folder / f"{number}.tar.gz" for number in range(len(archives))]
    for name, archive in zip(names, archives, strict=True):
        name.write_bytes(archive)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(data), *map(str, names[half::2])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for half in (0, 1)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].split() for process in processes]
    return [outcome for outcomes in said for outcome in outcomes]


def assert_whole(data: Path, releases: int) -> None:
    """As many releases and feed entries as were acknowledged, and nothing that does not fit."""
    report = check(data, is_stopped=True)
    assert {finding.code for finding in report.findings} <= {"blob-unnamed"}
    assert report.packages == releases


def test_of_sixteen_who_publish_one_version_one_wins(pair: list[Registry], owner: Caller) -> None:
    outcomes = in_turn(pair, owner, RIVALS)

    [winner] = [outcome for outcome in outcomes if isinstance(outcome, PublishReceipt)]
    assert [type(outcome) for outcome in outcomes].count(VersionExists) == ONE - 1
    archive = RIVALS[outcomes.index(winner)]
    for either in pair:
        [blob] = inspection.needed_blobs(either.database.read())
        assert blob.integrity == winner.integrity == integrity_of(archive)
        assert either.packages.get(blob.integrity) == archive
    assert_whole(pair[0].database.path.parent, 1)


def test_of_sixty_four_releases_published_at_once_none_is_lost(pair: list[Registry], owner: Caller) -> None:
    outcomes = in_turn(pair, owner, DIFFERENT)

    receipts = [outcome for outcome in outcomes if isinstance(outcome, PublishReceipt)]
    assert len(receipts) == MANY
    named = {blob.integrity for blob in inspection.needed_blobs(pair[1].database.read())}
    assert named == {integrity_of(archive) for archive in DIFFERENT}
    assert inspection.read_counts(pair[1].database.read()).serial == MANY
    assert_whole(pair[0].database.path.parent, MANY)


def test_two_processes_agree_on_sixteen_rivals(registry: Registry, owner: Caller, tmp_path: Path) -> None:
    outcomes = from_two_processes(registry.database.path.parent, RIVALS, tmp_path)

    [blob] = inspection.needed_blobs(registry.database.read())
    assert sorted(outcomes) == sorted([blob.integrity] + ["version-exists"] * (ONE - 1))
    assert registry.packages.get(blob.integrity) in RIVALS
    assert_whole(registry.database.path.parent, 1)


def test_two_processes_lose_none_of_sixty_four(registry: Registry, owner: Caller, tmp_path: Path) -> None:
    outcomes = from_two_processes(registry.database.path.parent, DIFFERENT, tmp_path)

    assert sorted(outcomes) == sorted(integrity_of(archive) for archive in DIFFERENT)
    named = {blob.integrity for blob in inspection.needed_blobs(registry.database.read())}
    assert named == set(outcomes)
    assert inspection.read_counts(registry.database.read()).serial == MANY
    assert_whole(registry.database.path.parent, MANY)
