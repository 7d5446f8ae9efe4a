"""The examiner: what a hostile package or a broken child costs, and who pays."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry_server.contract.examination import Examination, examine
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import (
    ArchiveUnsafe,
    InvalidPackage,
    PackageTooLarge,
    ProblemError,
    RegistryBusy,
    ServerError,
)
from registry_server.examiner import PACKAGES_PER_CHILD, Examiner, ExaminerLimits, LocalExaminer
from tests.support.builders import package

DEADLINE_SECONDS = 20
MIB = 1024 * 1024

CHILD = """
import hashlib, os, signal, sys, msgspec

def send(value):
    write(msgspec.msgpack.encode(value))

def write(body):
    body = len(body).to_bytes(4, "big") + body
    while body:
        body = body[os.write(1, body):]

def take(size):
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data

def receive():
    return take(int.from_bytes(take(4), "big"))

def answer(archive, text="", space=0):
    # The title of a problem is what the tests see of a child.
    integrity = "sha256:" + hashlib.sha256(archive).hexdigest()
    problem = {"code": "archive-unsafe", "title": text or str(os.getpid())}
    send([integrity, None, problem, "", "", space])
"""

READY = "send([1 << 50])\n"
"""With the most memory it had so far, which Linux counts from the size of the parent."""
SERVE = f"{READY}while True: answer(receive())\n"

needs_limits = pytest.mark.skipif(sys.platform == "win32", reason="the system has no such limits")
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no /proc")


@pytest.fixture
def examiner() -> Iterator[Examiner]:
    opened = Examiner()
    yield opened
    opened.close()


@pytest.fixture
def stand_in() -> Iterator[Callable[..., Examiner]]:
    """An examiner whose children run a script of a few lines instead of the real program."""
    opened: list[Examiner] = []

    def start(script: str, *, children: int = 1, **limits: float) -> Examiner:
        program = (sys.executable, "-c", CHILD + script)
        opened.append(Examiner(children=children, limits=ExaminerLimits(**limits), program=program))
        return opened[-1]

    yield start
    for examiner in opened:
        examiner.close()


def said(examiner: Examiner, archive: bytes = b"a package") -> str:
    """What a stand-in answers: its text, or the number of its process."""
    with pytest.raises(ArchiveUnsafe) as caught:
        examiner.examine(archive)
    return caught.value.problem.title


def refusal(examiner: Examiner, archive: bytes) -> str:
    """The code of the one finding with which a package is refused."""
    with pytest.raises(InvalidPackage) as caught:
        examiner.examine(archive)
    problem = caught.value.problem
    assert problem.title == "the package cannot be checked"
    assert (problem.detail, problem.hint) == (problem.findings[0].text, problem.findings[0].hint)
    assert all(
        problem.detail and problem.hint and finding.severity == "error" for finding in problem.findings
    )
    return ",".join(finding.code for finding in problem.findings)


def is_running(process: int) -> bool:
    """False for a process that ended, even when nobody asked for its status yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(happened: Callable[[], bool]) -> None:
    limit = time.monotonic() + DEADLINE_SECONDS
    while not happened():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.01)


def process_of(examiner: Examiner) -> int:
    child = examiner._places[-1].child
    assert child is not None
    return child._process.pid


# What is said.


def test_a_child_says_what_is_said_here(examiner):
    broken = {"a.ts": "eval(x)", "migrations/1.ts": "", "package.json": '{"name": "users"}'}
    packages = [
        package("users", needs={"mail": "^1.0.0"}, npm={"nanoid": "^5.0.0"}, is_factory=True),
        package("users", extra={"CHANGELOG.md": "# 1.0.0\nWörds \U0001f40e", "f.ts": "fetch('x')"}),
        package("users", extra=broken),
    ]

    for archive in packages:
        assert examiner.examine(archive) == LocalExaminer().examine(archive) == examine(archive)


@pytest.mark.parametrize("archive", [b"", b"garbage", package("users")[:-9], package("users") + b"x"])
def test_a_problem_comes_back_as_it_was_raised(examiner, archive):
    with pytest.raises(ArchiveUnsafe) as here:
        examine(archive)
    with pytest.raises(ArchiveUnsafe) as there:
        examiner.examine(archive)

    assert there.value.problem == here.value.problem


def test_a_package_above_the_limit_starts_no_child():
    examiner = Examiner(program=("/does/not/exist",))

    with pytest.raises(PackageTooLarge):
        examiner.examine(bytes(11 * MIB))


# Who serves.


def test_one_child_serves_one_package_after_another(stand_in):
    examiner = stand_in(SERVE, children=2)

    assert len({said(examiner, bytes([number])) for number in range(20)}) == 1


def test_a_child_is_replaced_after_many_packages(stand_in):
    examiner = stand_in(SERVE)
    served = [said(examiner) for _ in range(PACKAGES_PER_CHILD + 2)]

    assert len(set(served[:PACKAGES_PER_CHILD])) == 1
    assert len(set(served[PACKAGES_PER_CHILD:])) == 1
    assert len(set(served)) == 2


def test_a_child_that_has_grown_is_replaced(stand_in):
    limit = 64 * MIB
    grows = stand_in(f"{READY}while True: answer(receive(), space={limit // 4 + 1})", memory_bytes=limit)
    stays = stand_in(f"{READY}while True: answer(receive(), space={limit // 4})", memory_bytes=limit)

    assert said(grows) != said(grows)
    assert said(stays) == said(stays)


def test_as_many_packages_are_checked_at_once_as_there_are_children(stand_in, tmp_path):
    # Each child waits until the other one has a package too.
    meet = f"""
{READY}
while True:
    archive = receive()
    open({str(tmp_path)!r} + "/" + archive.decode(), "w").close()
    while len(os.listdir({str(tmp_path)!r})) < 2: pass
    answer(archive)
"""
    examiner = stand_in(meet, children=2)
    with ThreadPoolExecutor(2) as pool:
        served = list(pool.map(lambda name: said(examiner, name), (b"one", b"two")))

    assert len(set(served)) == 2


def test_many_threads_each_get_the_answer_to_their_own_package(examiner):
    archives = [package(f"plugin{number}") for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        examined = list(pool.map(examiner.examine, archives))

    assert [result.name for result in examined] == [f"plugin{number}" for number in range(24)]


def test_who_waits_too_long_for_a_child_is_told_that_the_registry_is_busy(stand_in, tmp_path):
    started = tmp_path / "started"
    hold = f"{READY}receive(); open({str(started)!r}, 'w').close(); take(1)"
    examiner = stand_in(hold, patience_seconds=0.01)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(examiner.examine, b"slow")
        wait_until(started.exists)
        with pytest.raises(RegistryBusy, match="busy with the check of other packages"):
            examiner.examine(b"next")
        examiner.close()

        with pytest.raises(RegistryBusy, match="being stopped"):
            held.result()


# Broken children.


@pytest.mark.parametrize(
    "reply",
    [
        "os.abort()",
        "os._exit(0)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.write(1, b'\\xff' * 100)",
        "os.write(1, b'\\x00\\x00\\x00\\x09half'); os._exit(1)",
        "os.write(1, b'\\x00'); os.close(1); take(1)",
        "write(b'')",
        "write(os.urandom(500))",
        "send('text')",
        "send([])",
        "send(['x', None, None, '', '', 0])",
        "send(['x', None, None, 'other', '', 0])",
        "send(['x', {'integrity': 'x'}, None, '', '', 0])",
        "answer(b'another package')",
        "send(['', None, None, 'bug', 'Traceback of the child', 0])",
        "print('noise', flush=True)",
    ],
)
def test_a_broken_child_costs_one_package_and_no_more(stand_in, reply):
    script = f"""
{READY}
while True:
    archive = receive()
    if archive == b"bad":
        {reply}
        take(1 << 30)
    answer(archive, "fine")
"""
    examiner = stand_in(script)

    assert refusal(examiner, b"bad") == "check-failed"
    assert said(examiner, b"good") == "fine"


@needs_limits
@pytest.mark.parametrize("crash", ["SIGABRT", "SIGBUS", "SIGSEGV"])
def test_a_crash_of_a_child_that_had_taken_its_memory_is_told_as_that(stand_in, crash):
    script = f"receive(); taken = bytes(range(256)) * (40 << 12); os.kill(os.getpid(), signal.{crash})"

    assert refusal(stand_in(f"send([0]); {script}", memory_bytes=64 * MIB), b"bad") == "check-too-large"
    assert refusal(stand_in(READY + script, memory_bytes=64 * MIB), b"bad") == "check-failed"


def test_a_package_is_not_blamed_for_what_was_before_it(stand_in):
    second_fails = f"{READY}answer(receive(), 'fine'); receive(); os.abort()"
    examiner = stand_in(second_fails)

    assert [said(examiner, bytes([number])) for number in range(4)] == ["fine"] * 4


def test_an_answer_that_is_late_goes_to_nobody_else(stand_in):
    shifted = f"""
{READY}
before = receive()
answer(before, "first")
while True:
    archive = receive()
    answer(before, "late")
    before = archive
"""
    examiner = stand_in(shifted)

    assert [said(examiner, name) for name in (b"a", b"b", b"c")] == ["first"] * 3


@pytest.mark.parametrize(
    "script", ["", "os.abort()", "os.write(1, os.urandom(64))", "raise ImportError('gone')"]
)
def test_a_child_that_cannot_even_start_is_no_fault_of_the_package(stand_in, caplog, script):
    with pytest.raises(ServerError, match="cannot check packages"):
        stand_in(script).examine(b"good")

    assert caplog.records[-1].levelname == "ERROR"


def test_a_program_that_is_not_there_is_no_fault_of_the_package():
    with pytest.raises(ServerError) as caught:
        Examiner(program=("/does/not/exist",)).examine(b"good")

    assert "No such file" in caught.value.problem.detail


def test_the_log_has_the_last_words_of_a_child_in_readable_form(stand_in, caplog):
    script = f"{READY}receive(); os.write(2, b'\\x1b[2Jlost my way'); os.abort()"
    refusal(stand_in(script), b"bad")

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "lost my way" in record.getMessage()
    assert integrity_of(b"bad") in record.getMessage()
    assert "\x1b" not in record.getMessage()


# Time.


@pytest.mark.parametrize("size_bytes", [10, 2 * MIB])
def test_a_child_that_waits_for_ever_is_ended(stand_in, size_bytes):
    """The larger package does not fit into the pipe: there it is the writing that waits."""
    examiner = stand_in(f"{READY}signal.pause()", wall_seconds=0.2)

    assert refusal(examiner, bytes(size_bytes)) == "check-too-slow"


def test_a_child_that_never_gets_ready_is_ended(stand_in):
    with pytest.raises(ServerError):
        stand_in("signal.pause()", wall_seconds=0.2).examine(b"good")


def test_a_child_that_has_nothing_to_do_is_left_alone(stand_in):
    examiner = stand_in(SERVE, wall_seconds=2)
    first = said(examiner)
    wait_until(lambda: examiner._watch is None)

    assert said(examiner) == first


@needs_limits
def test_a_child_that_works_for_ever_is_ended_by_the_kernel():
    script = """
from registry_server.examiner_child import Ready, _allow_time, _encode, _private_output, send
target = _private_output()
send(target, _encode(Ready(peak_bytes=0)))
_allow_time(1)
while True: pass
"""
    examiner = Examiner(limits=ExaminerLimits(cpu_seconds=1), program=(sys.executable, "-c", script))

    assert refusal(examiner, b"bad") == "check-too-slow"


# The end.


def test_nothing_is_examined_after_the_end(examiner):
    examiner.examine(package("users"))
    examiner.close()
    examiner.close()

    with pytest.raises(RegistryBusy, match="being stopped"):
        examiner.examine(package("users"))


@needs_proc
def test_closing_ends_the_children(examiner):
    examiner.examine(package("users"))
    process = process_of(examiner)
    assert is_running(process)

    examiner.close()

    assert not is_running(process)


@needs_proc
def test_a_parent_that_dies_leaves_no_child():
    script = """
import os, sys
from registry_server.examiner import Examiner
examiner = Examiner()
try:
    examiner.examine(b"")
except Exception:
    print(examiner._places[-1].child._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert parent.returncode == -signal.SIGKILL
    wait_until(lambda: not is_running(int(parent.stdout)))


# What a child has.


@needs_proc
def test_a_child_has_limits_and_nothing_of_the_servers(examiner, monkeypatch, tmp_path):
    monkeypatch.setenv("DONKEYTUI_TOKEN", "dkt_secret")
    with (tmp_path / "open").open("w") as own:
        os.set_inheritable(own.fileno(), True)
        examiner.examine(package("users"))
        folder = Path(f"/proc/{process_of(examiner)}")
        limits = {
            line[:25].strip(): tuple(line[25:].split()[:2])
            for line in (folder / "limits").read_text().splitlines()[1:]
        }
        environment = (folder / "environ").read_bytes().split(b"\0")
        opened = {link.name: str(link.readlink()) for link in (folder / "fd").iterdir()}

    assert limits["Max core file size"] == limits["Max file size"] == ("0", "0")
    assert limits["Max address space"] == (str(512 * MIB), str(512 * MIB))
    assert limits["Max open files"] == ("16", "16")
    assert 6 <= int(limits["Max cpu time"][0]) <= 7
    assert [entry.partition(b"=")[0] for entry in environment if entry] == [b"PYTHONPATH"]
    assert all(target.startswith("pipe:") for target in opened.values())
    assert opened["1"] == opened["2"], "what is printed by mistake shall not be taken for an answer"
    assert (folder / "cwd").readlink() == Path("/")
    assert os.getsid(process_of(examiner)) == process_of(examiner)


# Hostile packages. The time is short here, so that slow ones end soon.


@pytest.fixture(scope="module")
def strict() -> Iterator[Examiner]:
    opened = Examiner(limits=ExaminerLimits(cpu_seconds=1))
    yield opened
    opened.close()


def outcome(examiner: Examiner, archive: bytes) -> Examination | str:
    try:
        return examiner.examine(archive)
    except ProblemError as error:
        return ",".join(finding.code for finding in error.problem.findings)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 23_000 + ")" * 23_000,
        "[" * 500_000,
        "`${" * 100_000 + "1" + "}`" * 100_000,
        "type A = " + "Array<" * 50_000 + "x" + ">" * 50_000,
        "type A = " + "{a:" * 5_000 + "x" + "}" * 5_000,
        "a<b," * 20_000,
        "+|" * 6_000,
        "/*" * 400_000,
        "const x = `" + "a" * 900_000,
    ],
    ids=["brackets", "open", "templates", "generics", "objects", "angles", "operators", "comment", "text"],
)
def test_a_source_nested_too_deeply_is_refused_before_it_costs_anything(strict, source):
    examination = outcome(strict, package("users", extra={"a.ts": source}))

    assert isinstance(examination, Examination)
    assert [(finding.code, finding.path) for finding in examination.errors] == [("source-unreadable", "a.ts")]


@needs_limits
def test_sources_that_take_too_long_are_refused_and_the_next_package_is_served(strict):
    files = {f"{number}.ts": "eval(a); " * 100_000 for number in range(16)}

    assert outcome(strict, package("users", extra=files)) == "check-too-slow"
    assert isinstance(outcome(strict, package("users")), Examination)


@needs_limits
def test_a_package_that_takes_too_much_memory_is_refused_and_the_next_is_served():
    examiner = Examiner(limits=ExaminerLimits(memory_bytes=96 * MIB))

    assert outcome(examiner, package("users", extra={"a.md": "a" * 31 * MIB, "b.md": "b" * 31 * MIB})) == (
        "check-too-large"
    )
    assert isinstance(outcome(examiner, package("users")), Examination)
    examiner.close()


@needs_limits
def test_a_source_that_takes_the_parser_much_memory_ends_within_the_limits(strict):
    """Which limit is met first is the parser's affair; it crashes when it is refused memory."""
    ended = outcome(strict, package("users", extra={"a.ts": ("a<b," * 99 + ";") * 2000}))

    assert ended in ("check-too-slow", "check-too-large", "check-failed")
    assert isinstance(outcome(strict, package("users")), Examination)


def test_thousands_of_files_are_read(strict):
    files = {f"f{number}.ts": f"export const a{number} = {number};\n" for number in range(1000)}
    files |= {f"f{number}.md": "" for number in range(3900)}

    examination = outcome(strict, package("users", extra=files))

    assert isinstance(examination, Examination)
    assert len(examination.files) == 4905


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" * 260_000,
        "ghp_" * 260_000,
        "github_pat_" * 90_000 + "-",
        "xoxb-" * 200_000,
        "sk_live_" * 130_000,
        "-----BEGIN " * 90_000,
        "npm_" + "a" * 1_000_000,
        "a" * 1_000_000,
    ],
    ids=["aws", "github", "pat", "slack", "stripe", "key", "npm", "line"],
)
def test_no_text_makes_the_search_for_secrets_slow(strict, text):
    assert isinstance(outcome(strict, package("users", extra={"a.md": text})), Examination)


def test_a_line_of_a_million_characters_is_read_as_one_literal(strict):
    examination = outcome(strict, package("users", extra={"a.ts": f"const password = '{'a' * 1_000_000}';"}))

    assert isinstance(examination, Examination)
    assert [finding.code for finding in examination.findings] == ["secret-looking"]


def test_a_million_line_breaks_in_a_changelog_are_read(strict):
    assert isinstance(outcome(strict, package("users", extra={"CHANGELOG.md": "\n" * 20 * MIB})), Examination)
