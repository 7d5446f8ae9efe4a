"""One writer at a time in a project, across processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from donkeytui.install.project_lock import project_lock
from donkeytui.problems import ProjectBusy, ProjectNotWritable

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from donkeytui.install.project_lock import project_lock

with project_lock(Path(sys.argv[1]), task=sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
print("given up", flush=True)
sys.stdin.readline()
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def other_process(project: Path) -> Iterator[Start]:
    """Another process that holds the project's lock until it reads a line."""
    started: list[subprocess.Popen[str]] = []

    def start(task: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(project), task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def told(project: Path) -> str:
    with pytest.raises(ProjectBusy) as caught, project_lock(project, wait_seconds=0.05):
        raise AssertionError("the lock was given twice")
    return caught.value.problem.detail


def hold(project: Path) -> bool:
    with project_lock(project, task="mine", wait_seconds=5):
        return True


def test_a_second_process_is_told_which_process_does_what(project: Path, other_process: Start) -> None:
    holder = other_process("donkeytui install auth")

    detail = told(project)

    assert detail.startswith(f"process {holder.pid} (donkeytui install auth); it has held the lock")


def test_a_second_process_gets_the_lock_when_the_first_gives_it_up(
    project: Path, other_process: Start
) -> None:
    holder = other_process("donkeytui install auth")
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "given up\n"

    assert hold(project)
    assert holder.poll() is None


def test_the_lock_of_a_killed_process_is_given(project: Path, other_process: Start) -> None:
    holder = other_process("donkeytui install auth")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (project / ".donkeylabs" / "lock-holder.json").exists()

    assert hold(project)


def test_after_a_kill_the_next_holder_is_named_and_not_the_dead_one(
    project: Path, other_process: Start
) -> None:
    other_process("donkeytui install auth").kill()
    second = other_process("donkeytui update")

    assert told(project).startswith(f"process {second.pid} (donkeytui update);")


def test_a_holder_without_a_task_is_the_program(project: Path) -> None:
    with project_lock(project):
        assert told(project).startswith(f"process {os.getpid()} (donkeytui);")


def test_what_a_task_holds_is_shown_without_what_a_terminal_obeys(project: Path) -> None:
    with project_lock(project, task="install \x1b[2J\udcff" + "x" * 5000):
        detail = told(project)

    assert detail.startswith(f"process {os.getpid()} (install ␛[2J\ufffdxxx")
    assert len(detail) < 200


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"task": "no process"}',
        b'{"process": 1}',
        b'{"process": "1", "task": "x"}',
        b'{"process": 1e400, "task": "x"}',
        b'{"process": NaN, "task": "x"}',
        b'{"process": -1, "task": "x"}',
        b'{"process": ' + b"9" * 3000 + b', "task": "x"}',
        b'{"process": {}, "task": "x"}',
        b'{"process": 1, "task": {"a": "b"}}',
        b'{"a":' * 1600,
        b" " * 100_000 + b'{"process": 1, "task": "x"}',
    ],
    ids=lambda said: said[:30].hex(),
)
def test_a_holder_file_that_says_nothing_sensible_is_not_believed(project: Path, said: bytes) -> None:
    with project_lock(project):
        (project / ".donkeylabs" / "lock-holder.json").write_bytes(said)

        assert told(project).startswith("it did not say who it is; ")


def test_a_folder_in_the_place_of_the_holder_file_is_no_hindrance(project: Path) -> None:
    (project / ".donkeylabs" / "lock-holder.json").mkdir(parents=True)

    with project_lock(project):
        assert told(project).startswith("it did not say who it is; ")
    assert hold(project)


def test_a_pipe_in_the_place_of_the_holder_file_is_not_waited_for(project: Path) -> None:
    (project / ".donkeylabs").mkdir()
    os.mkfifo(project / ".donkeylabs" / "lock-holder.json")

    assert hold(project)


def test_a_link_in_the_place_of_the_holder_file_is_not_written_through(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    (project / ".donkeylabs").mkdir()
    (project / ".donkeylabs" / "lock-holder.json").symlink_to(outside)

    with pytest.raises(ProjectNotWritable, match="is a link"):
        hold(project)

    assert outside.read_text() == "precious"


def test_a_folder_in_the_place_of_the_lock_is_a_problem(project: Path) -> None:
    (project / ".donkeylabs" / "lock").mkdir(parents=True)

    with pytest.raises(ProjectNotWritable) as caught:
        hold(project)

    assert "None" not in caught.value.problem.detail
    assert caught.value.problem.detail.endswith("lock")


def test_who_holds_the_lock_is_forgotten_with_it(project: Path) -> None:
    with project_lock(project, task="x"):
        holder = project / ".donkeylabs" / "lock-holder.json"
        assert json.loads(holder.read_bytes()) == {"process": os.getpid(), "task": "x"}

    assert not holder.exists()


def test_an_error_inside_gives_the_lock_back(project: Path) -> None:
    with pytest.raises(KeyError), project_lock(project):
        raise KeyError("inside")

    assert hold(project)
