"""Running programs: which one, with what, how its output comes, and how it is ended."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from donkeytui.install.tools import LINE_MAX, Finished, find_tool, package_manager, run
from tests.support.tools import Tools


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "bin")


def call(
    *arguments: str, folder: Path = Path("/"), environment: dict[str, str] | None = None, seconds: float = 20
) -> tuple[Finished, list[str]]:
    lines: list[str] = []
    finished = asyncio.run(run(arguments, folder, environment or {}, lines.append, seconds=seconds))
    return finished, lines


def python(code: str, *, seconds: float = 20) -> tuple[Finished, list[str]]:
    return call(sys.executable, "-ISc", code, seconds=seconds)


# Which program.


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), "bun"),
        (("bun.lock",), "bun"),
        (("bun.lockb",), "bun"),
        (("package-lock.json",), "npm"),
        (("npm-shrinkwrap.json",), "npm"),
        (("pnpm-lock.yaml",), "pnpm"),
        (("yarn.lock",), "yarn"),
        (("package-lock.json", "bun.lock"), "bun"),
    ],
)
def test_the_lock_file_of_a_project_names_its_package_manager(
    tmp_path: Path, files: tuple[str, ...], expected: str
) -> None:
    for name in files:
        (tmp_path / name).touch()

    assert package_manager(tmp_path) == expected


def test_a_folder_called_like_a_lock_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "yarn.lock").mkdir()

    assert package_manager(tmp_path) == "bun"


def test_a_tool_is_found_on_the_given_path_alone(tools: Tools) -> None:
    tools.add("bun")

    assert find_tool("bun", tools.path) == str(tools.folder / "bun")
    assert find_tool("bun", {"PATH": ""}) is None
    assert find_tool("bun", {}) is None
    assert find_tool("sh", tools.path) is None


def test_a_file_that_may_not_be_run_is_no_tool(tools: Tools) -> None:
    (tools.folder / "bun").write_text("")

    assert find_tool("bun", tools.path) is None


@pytest.mark.parametrize("entry", [".", "", "./bin", "bin"])
def test_a_relative_folder_of_the_path_never_leads_into_a_project(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    """A cloned project may hold a program called `bun`."""
    tools.add("bun")
    monkeypatch.chdir(tools.folder if entry in (".", "") else tools.folder.parent)

    assert find_tool("bun", {"PATH": f"{entry}:/nowhere"}) is None


# With what.


def test_arguments_go_through_no_shell(tools: Tools, tmp_path: Path) -> None:
    program = tools.add("tool")
    odd = ("a b", ";", "$(touch gone)", "&&", "*", "'", "\n", "ü", "-")

    finished, _ = call(str(program), *odd, folder=tmp_path)

    (record,) = tools.calls("tool")
    assert finished == Finished(status=0)
    assert record["arguments"] == list(odd)
    assert record["folder"] == str(tmp_path)
    assert not (tmp_path / "gone").exists()


def test_a_program_gets_the_given_environment_and_no_input(tools: Tools) -> None:
    program = tools.add("tool")

    call(str(program), environment={"ONLY": "this"})

    (record,) = tools.calls("tool")
    assert record["environment"].get("ONLY") == "this"
    assert "HOME" not in record["environment"]
    assert record["input"] == ""


# What it says.


def test_both_streams_come_line_by_line_cleaned(tools: Tools) -> None:
    code = (
        "import os; os.write(1, b'one\\r\\n'); os.write(2, b'two\\x1b[31m\\n');"
        "os.write(1, b'\\xff\\n\\n'); os.write(1, b'last')"
    )

    finished, lines = python(code)

    assert finished.status == 0
    assert lines == ["one", "two␛[31m", "\ufffd", "", "last"]


def test_a_line_without_end_is_cut_and_not_kept() -> None:
    finished, lines = python(
        "import os\nfor _ in range(40): os.write(1, b'x' * 65536)\nos.write(1, b'\\nend')"
    )

    assert finished.status == 0
    assert [len(line) for line in lines] == [LINE_MAX, 3]


@pytest.mark.parametrize(
    ("code", "status"), [("import sys; sys.exit(3)", 3), ("import os; os.kill(os.getpid(), 15)", -15)]
)
def test_its_status_is_told(code: str, status: int) -> None:
    assert python(code)[0] == Finished(status=status)


# How it ends.


def test_a_program_that_cannot_be_started_raises_what_the_system_says(tools: Tools) -> None:
    broken = tools.write("tool", "no program at all")

    with pytest.raises(OSError, match="Exec format"):
        call(str(broken))
    with pytest.raises(FileNotFoundError):
        call("/nowhere/at/all")


def is_running(pid: int) -> bool:
    """Not gone, nor dead and waiting for its parent."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


def ends(pid: int) -> bool:
    """Whether a process that was killed goes; a signal takes a moment to arrive."""
    return any(not is_running(pid) for _ in range(200_000))


SLEEPER = "import time; time.sleep(60)"
CHILD = (
    f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-ISc', {SLEEPER!r}]);"
    "print(child.pid, flush=True)"
)


def test_a_program_that_takes_too_long_is_killed_with_what_it_started() -> None:
    finished, lines = python(f"{CHILD}; child.wait()", seconds=1)

    assert finished == Finished(status=-9, is_too_slow=True)
    assert ends(int(lines[0]))


def test_what_a_program_leaves_behind_with_its_output_open_is_killed_too() -> None:
    finished, lines = python(CHILD, seconds=1)

    assert finished.is_too_slow
    assert ends(int(lines[0]))


def test_cancelling_kills_the_program() -> None:
    async def cancelled() -> int:
        started = asyncio.get_running_loop().create_future()
        code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
        task = asyncio.create_task(
            run((sys.executable, "-ISc", code), Path("/"), {}, started.set_result, seconds=50)
        )
        pid = int(await started)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert ends(asyncio.run(cancelled()))


def test_a_listener_that_fails_leaves_no_program_behind() -> None:
    pids: list[int] = []

    def fails(line: str) -> None:
        pids.append(int(line))
        raise ValueError(line)

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(ValueError, match=r"\d+"):
        asyncio.run(run((sys.executable, "-ISc", code), Path("/"), {}, fails, seconds=50))

    assert ends(pids[0])
    assert os.getpid() != pids[0]
