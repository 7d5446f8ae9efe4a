"""Archives that were made to harm: refused by name at publish and at install, and nothing is touched.

The kinds and their builders are in `tests.support.hostile_archives`. At an install the registry is
bad: it hands the archive out as `auth` 1.0.0, with the digest its own catalogue has. The severe kinds
are tried in a process of its own, which the kernel stops above 5 s of CPU time or 300 MiB.
"""

import functools
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_server.contract.copies import is_installed_path
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import Problem
from registry_server.examiner import Examiner
from registry_server.operations.publish import PublishForm
from registry_server.store import plugins
from tests.support.archive_trials import PLUGIN_FOLDER, Trial, Trials
from tests.support.honest_archives import ODDITIES, Honest
from tests.support.hostile_archives import FAMILIES, KINDS, SEVERE
from tests.support.hostile_contents import OTHERS, copying
from tests.support.plugin_archives import FILES, GOOD, with_files
from tests.support.write_watch import outside, watched_writes

REPOSITORY = Path(__file__).parents[2]
CPU_SECONDS = 5
MEMORY_BYTES = 300 * 1024 * 1024
DEADLINE_SECONDS = 600
"""For a machine that is busy with other things; what counts is the CPU time."""

PLAIN_KINDS = [(family, name) for family, kinds in FAMILIES.items() for name in kinds]


def shown_id(text: str) -> str:
    return ascii(text)[1:-1].replace("\\", "/")


by_kind = pytest.mark.parametrize(("family", "name"), PLAIN_KINDS, ids=shown_id)
by_oddity = pytest.mark.parametrize("name", ODDITIES, ids=shown_id)


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    """With the examiner of a server: it reads packages of strangers in a child process."""
    opened = Trials(tmp_path_factory.mktemp("trials"), GOOD, Examiner())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def installs(trials: Trials) -> Callable[[str], dict[str, Trial]]:
    """The installs of a family's kinds; all in one session, for opening one costs more than the rest."""

    @functools.cache
    def installs(family: str) -> dict[str, Trial]:
        kinds = FAMILIES[family]
        return dict(zip(kinds, trials.install(*(kind.build() for kind in kinds.values())), strict=True))

    return installs


@pytest.fixture(scope="module")
def honest_installs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Trial]]:
    opened = Trials(tmp_path_factory.mktemp("honest"), GOOD)
    archives = [oddity.build() for oddity in ODDITIES.values()]
    yield dict(zip(ODDITIES, opened.install(*archives), strict=True))
    opened.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[[bytes], Trials]]:
    """Trials of their own, whose registry has the given `auth` 1.0.0."""
    opened: list[Trials] = []

    def fresh(first: bytes) -> Trials:
        folder = tmp_path / f"trials-{len(opened)}"
        folder.mkdir()
        opened.append(Trials(folder, first))
        return opened[-1]

    yield fresh
    for each in opened:
        each.close()


def assert_refused(trial: Trial, code: str, word: str) -> None:
    """By this code, in words that name the thing and suit a terminal, and nothing is other than before."""
    problem = trial.problem
    assert problem is not None, "it was accepted"
    assert (problem.code, word in f"{problem.title} {problem.detail}") == (code, True), problem
    assert problem.title
    assert problem.detail
    assert problem.hint
    assert is_fit_for_a_terminal(problem)
    assert (trial.changed, trial.strays, trial.installed) == ((), (), {})


def is_fit_for_a_terminal(problem: Problem) -> bool:
    words = problem.title + problem.detail + problem.hint + "".join(each.text for each in problem.findings)
    return not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(character) for character in words}


# The table and its instruments.


def test_there_are_hundreds_of_kinds_and_each_is_another_archive() -> None:
    archives = {FAMILIES[family][name].build() for family, name in PLAIN_KINDS}

    assert len(archives) == len(PLAIN_KINDS)
    assert len(archives) + len(SEVERE) == len(KINDS) > 500


def test_without_what_is_wrong_with_them_all_of_them_would_be_accepted(trials: Trials) -> None:
    (installed,) = trials.install(GOOD)

    assert trials.publish(GOOD).problem is None
    assert installed.problem is None
    assert installed.installed == {path: data for path, data in FILES.items() if is_installed_path(path)}


def test_a_write_outside_would_be_noticed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    with watched_writes() as paths:
        (inside / "fine.txt").write_text("")
        (tmp_path / "astray.txt").write_text("")
        (inside / "link" / "through.txt").write_text("")
        (inside / "moved.txt").touch()
        (inside / "moved.txt").rename(tmp_path / "moved.txt")
        (tmp_path / "folder").mkdir()

    assert {Path(path).name for path in outside(paths, inside)} == {
        *("astray.txt", "through.txt", "moved.txt", "folder")
    }


# Refused.


@by_kind
def test_hostile_archive_is_refused_at_publish(trials: Trials, family: str, name: str) -> None:
    kind = FAMILIES[family][name]

    assert_refused(trials.publish(kind.build()), kind.code, kind.word)


@by_kind
def test_hostile_archive_is_refused_at_install(
    installs: Callable[[str], dict[str, Trial]], family: str, name: str
) -> None:
    kind, trial = FAMILIES[family][name], installs(family)[name]

    assert_refused(trial, kind.code_at_install, kind.word_at_install)
    assert trial.problem is not None
    assert "`auth` 1.0.0" in trial.problem.title


@pytest.mark.parametrize("name", OTHERS)
def test_package_of_something_else_is_refused_by_who_asked_for_it(trials: Trials, name: str) -> None:
    archive = OTHERS[name]()
    published = trials.publish(archive, PublishForm(name="auth", version="1.0.0"))
    (installed,) = trials.install(archive)

    assert_refused(published, "invalid-package", "the request says")
    assert_refused(installed, "archive-unsafe", "is not what it should be it contains")


# What it costs.


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """(gate, kind) -> figures. A kind over a limit ends the process, and has no figures."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.archive_costs", str(tmp_path_factory.mktemp("costs"))],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, f"after {len(lines)} trials: {ended.stderr[-2000:]}"
    return {(line["gate"], line["name"]): line for line in lines}


@pytest.mark.skipif(sys.platform != "linux", reason="the figures come from /proc")
@pytest.mark.parametrize("gate", ["publish", "install"])
@pytest.mark.parametrize("name", SEVERE)
def test_severe_archive_is_refused_within_five_seconds_and_300_mib(
    costs: dict[tuple[str, str], dict[str, Any]], name: str, gate: str
) -> None:
    kind, cost = SEVERE[name], costs[gate, name]
    expected = (kind.code, kind.word) if gate == "publish" else (kind.code_at_install, kind.word_at_install)

    assert (cost["code"], expected[1] in cost["words"]) == (expected[0], True), cost
    assert cost["cpu_seconds"] < CPU_SECONDS
    assert cost["memory_bytes"] < MEMORY_BYTES
    assert (cost["changed"], cost["strays"]) == ([], [])


# Places that only the project knows.


@pytest.mark.parametrize(
    ("target", "word"),
    [
        ("src/server/index.ts", "src/server/index.ts"),
        ("src/server/plugins/mail/index.ts", "plugins/mail"),
        ("src/server/plugins", "src/server/plugins"),
        ("src", "`src`"),
    ],
)
def test_copy_to_what_belongs_to_the_project_or_to_another_plugin_is_refused(
    fresh: Callable[[bytes], Trials], target: str, word: str
) -> None:
    trials = fresh(copying(("README.md", target)))

    trial = trials.install_as_published()

    assert trial.problem is not None
    assert (trial.problem.code, word in trial.problem.title) == ("invalid-package", True), trial.problem
    assert (trial.changed, trial.strays) == ((), ())


@pytest.mark.parametrize("target", ["public/x.txt", "public/deep/x.txt", "public"])
def test_copy_through_a_link_in_the_project_is_refused(fresh: Callable[[bytes], Trials], target: str) -> None:
    trials = fresh(copying(("README.md", target)))
    elsewhere = trials.folder / "elsewhere"
    elsewhere.mkdir()
    (trials.shop / "public").symlink_to(elsewhere)

    trial = trials.install_as_published()

    assert trial.problem is not None
    assert "public" in f"{trial.problem.title} {trial.problem.detail}"
    assert trial.problem.hint
    assert (trial.changed, trial.strays) == ((), ())
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("place", ["src/server/plugins", PLUGIN_FOLDER])
def test_plugin_is_not_written_through_a_link(fresh: Callable[[bytes], Trials], place: str) -> None:
    trials = fresh(GOOD)
    elsewhere = trials.folder / "elsewhere"
    elsewhere.mkdir()
    link = trials.shop / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)

    trial = trials.install_as_published()

    assert trial.problem is not None
    assert trial.problem.hint
    assert (trial.changed, trial.strays) == ((), ())
    assert list(elsewhere.iterdir()) == []


def test_package_that_copies_what_the_catalogue_does_not_tell_is_refused(trials: Trials) -> None:
    (trial,) = trials.install(copying(("README.md", "public/x.txt")))

    assert_refused(trial, "invalid-package", "public/x.txt")


# Accepted.


def contents_of(oddity: Honest) -> dict[str, bytes]:
    return {**FILES, **oddity.extra}


@by_oddity
def test_honest_oddity_is_published_byte_for_byte(fresh: Callable[[bytes], Trials], name: str) -> None:
    archive = ODDITIES[name].build()
    trials = fresh(archive)
    connection = trials.registry.database.read()
    release = plugins.find_release(connection, "auth", "1.0.0")

    assert (trials.receipt.created, trials.receipt.integrity) == (True, integrity_of(archive))
    assert trials.registry.packages.get(trials.receipt.integrity) == archive
    assert release is not None
    assert {entry.path: entry.digest for entry in plugins.files_of(connection, release)} == {
        path: integrity_of(data) for path, data in contents_of(ODDITIES[name]).items()
    }


@by_oddity
def test_honest_oddity_is_installed_byte_for_byte(honest_installs: dict[str, Trial], name: str) -> None:
    trial = honest_installs[name]

    assert (trial.problem, trial.strays) == (None, ())
    assert trial.installed == {
        path: data for path, data in contents_of(ODDITIES[name]).items() if is_installed_path(path)
    }


def test_what_the_trials_install_is_taken_away_again(trials: Trials) -> None:
    first, second = trials.install(GOOD, with_files(**{"more.ts": b""}))

    assert set(second.installed) - set(first.installed) == {"more.ts"}
