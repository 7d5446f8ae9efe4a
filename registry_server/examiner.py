"""Has packages examined: those of strangers in child processes with limits, trusted ones right here.

A hostile package can take long, take much memory, or crash a parser. Then it ends its child and is
refused with a finding that says so; the next package gets another child. One child serves many
packages, since starting it costs more than most of them. What is said of a package shall not depend
on those before: a child that has grown is replaced, and when one fails that served others, a new one
is asked.

Children are started by `subprocess`, never by a fork of this process, whose threads hold locks.
"""

import logging
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final, Literal, Protocol, cast

import msgspec
from msgspec import Struct

from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.examination import Examination, examine
from registry_server.contract.foreign import clean
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import (
    Finding,
    InvalidPackage,
    PackageTooLarge,
    RegistryBusy,
    ServerError,
    error_from_problem,
)
from registry_server.examiner_child import Answer, Ready, receive, send

CHILDREN_DEFAULT: Final = 2
PACKAGES_PER_CHILD: Final = 500
"""A child is replaced then, whatever may have gathered in it."""

_ANSWER_MAX_BYTES = 16 * 1024 * 1024
"""The longest honest one, of 5,000 files with the longest names, has half of that."""
_LAST_WORDS_MAX = 4000
_LESS = "split generated and minified files, or leave them out of the package"
_PROGRAM = (sys.executable, "-P", "-s", "-B", "-m", "registry_server.examiner_child")
_SIGXCPU = 24
"""How the kernel ends what has used up its time; Windows has no name for it."""
_CRASHES = (-6, -7, -11)
"""SIGABRT, SIGBUS, SIGSEGV."""

_log = logging.getLogger(__name__)
_decode = msgspec.msgpack.Decoder(Answer).decode
_decode_ready = msgspec.msgpack.Decoder(Ready).decode


class ExaminerLimits(Struct, frozen=True, kw_only=True):
    """What one package may cost."""

    cpu_seconds: int = 5
    """Whole seconds, as the kernel counts them."""
    memory_bytes: int = 512 * 1024 * 1024
    """Address space of a child, Python itself included."""
    wall_seconds: float = 30
    """For a child that waits instead of working, and for systems without limits."""
    patience_seconds: float = 60
    """How long a package waits for a free child."""


DEFAULT_LIMITS: Final = ExaminerLimits()


class PackageExaminer(Protocol):
    """Who can say what a package holds. Any thread may ask."""

    def examine(self, archive: bytes) -> Examination:
        """As the function `examine`; raises `InvalidPackage` too when finding out costs too much."""

    def close(self) -> None:
        """Lets go of what is held."""


class LocalExaminer:
    """In this process and without limits: for packages that are trusted, such as those we bring."""

    def examine(self, archive: bytes) -> Examination:
        return examine(archive)

    def close(self) -> None:
        """Nothing is held."""


class Examiner:
    """In child processes with limits, which are started when they are first needed."""

    def __init__(
        self,
        *,
        children: int = CHILDREN_DEFAULT,
        limits: ExaminerLimits = DEFAULT_LIMITS,
        program: Sequence[str] = _PROGRAM,
    ) -> None:
        """`program` is what a child runs; memory in bytes and seconds are added as its arguments."""
        self._limits = limits
        self._command = [*program, str(limits.memory_bytes), str(limits.cpu_seconds)]
        self._places = tuple(_Place() for _ in range(children))
        # The place that was used last is taken first: as few children as possible are started.
        self._free: queue.LifoQueue[_Place] = queue.LifoQueue()
        for place in self._places:
            self._free.put(place)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._watch: threading.Thread | None = None

    def examine(self, archive: bytes) -> Examination:
        """Blocks until a child is free and has answered.

        Raises what the function `examine` does, `InvalidPackage` for a package that takes too much
        time or memory or makes the child fail, `RegistryBusy` when no child gets free in time or the
        registry is closing, `ServerError` when no child can be started.
        """
        if len(archive) > PACKAGE_MAX_BYTES:
            raise PackageTooLarge(
                "the package is larger than is allowed",
                detail=f"{len(archive)} bytes, {PACKAGE_MAX_BYTES} are allowed",
                hint="the author has to take out what is not source",
            )
        with self._free_place() as place:
            answer = self._ask(place, archive)
        if answer.problem is not None:
            raise error_from_problem(answer.problem)
        assert answer.examination is not None
        return answer.examination

    def close(self) -> None:
        """Ends the children; who is waiting for one gets `RegistryBusy`."""
        with self._lock:
            self._closing.set()
            for place in self._places:
                if place.child is not None:
                    place.child.kill()
        returned = [self._free.get() for _ in self._places]
        for place in returned:
            _retire(place)
            self._free.put(place)

    @contextmanager
    def _free_place(self) -> Iterator["_Place"]:
        patience_seconds = self._limits.patience_seconds
        try:
            place = self._free.get(timeout=patience_seconds)
        except queue.Empty as error:
            raise RegistryBusy(
                "the registry is busy with the check of other packages",
                detail=f"none of {len(self._places)} checks ended within {patience_seconds:g} s",
                hint="publish again in a minute",
            ) from error
        try:
            yield place
        finally:
            self._free.put(place)

    def _ask(self, place: "_Place", archive: bytes) -> Answer:
        """An answer with an examination or a problem."""
        while True:
            child = self._child_at(place)
            is_new = child.served == 0
            child.watch_until(time.monotonic() + self._limits.wall_seconds)
            self._ensure_watch()
            try:
                answer = child.ask(archive)
            except _FaultError as fault:
                _retire(place)
                if self._closing.is_set():
                    raise _stopping() from fault
                if is_new or fault.kind in ("check-too-slow", "check-too-large"):
                    raise _refusal(fault, archive) from fault
                continue
            child.watch_until(math.inf)
            is_grown = answer.space_bytes > self._limits.memory_bytes // 4
            if is_grown or child.is_overdue or child.served >= PACKAGES_PER_CHILD:
                _retire(place)
            return answer

    def _child_at(self, place: "_Place") -> "_Child":
        # Under the lock, so that none is started behind the back of `close`.
        with self._lock:
            if self._closing.is_set():
                raise _stopping()
            if place.child is None:
                place.child = _Child(self._command, self._limits)
            return place.child

    def _ensure_watch(self) -> None:
        with self._lock:
            if self._watch is None:
                self._watch = threading.Thread(target=self._run_watch, name="examiner", daemon=True)
                self._watch.start()

    def _run_watch(self) -> None:
        """Ends children that are overdue; one thread for all, as long as there is something to watch.

        A timer for each package would cost more than the whole way to the child and back.
        """
        interval = min(1.0, self._limits.wall_seconds / 4)
        while True:
            self._closing.wait(interval)
            with self._lock:
                busy = [child for place in self._places if (child := place.child) and child.is_watched]
                if self._closing.is_set() or not busy:
                    self._watch = None
                    return
                for child in busy:
                    child.kill_if_overdue(time.monotonic())


_FaultKind = Literal["check-too-slow", "check-too-large", "check-failed", "not-started"]


class _FaultError(Exception):
    """A child gave no answer. Goes no further than the examiner."""

    def __init__(self, kind: _FaultKind, text: str, *, why: str) -> None:
        super().__init__(why)
        self.kind = kind
        self.text = text
        """For a person, who published the package."""
        self.why = why
        """For the log."""


class _Place:
    """Where a child may be; as many packages as there are places are checked at once."""

    def __init__(self) -> None:
        self.child: _Child | None = None


class _Child:
    """One child process. One thread at a time asks; the watch and `close` may end it meanwhile."""

    def __init__(self, command: Sequence[str], limits: ExaminerLimits) -> None:
        """Raises `ServerError` when the system cannot start it."""
        try:
            # Nothing of the server's environment is given away but where Python finds its modules.
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=Path(sys.executable).anchor,
                env={"PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)},
                start_new_session=True,
            )
        except OSError as error:
            _log.error("packages cannot be checked: %s", error)
            raise ServerError(
                "the registry cannot check packages",
                detail=f"the program that does it cannot be started: {error.strerror}",
                hint="try again later, and tell the registry's operator if it stays so",
            ) from error
        self.served = 0
        self.is_overdue = False
        self._ready: Ready | None = None
        self._limits = limits
        self._deadline = math.inf
        self._lock = threading.Lock()
        # Unbuffered pipes are plain files.
        self._input = cast("FileIO", self._process.stdin)
        self._output = cast("FileIO", self._process.stdout)
        self._errors = cast("FileIO", self._process.stderr)

    @property
    def is_watched(self) -> bool:
        return self._deadline != math.inf

    def watch_until(self, deadline: float) -> None:
        with self._lock:
            self._deadline = deadline

    def kill_if_overdue(self, now: float) -> None:
        with self._lock:
            if now > self._deadline:
                self.is_overdue = True
                self._process.kill()

    def kill(self) -> None:
        with self._lock:
            self._process.kill()

    def stop(self) -> None:
        """Ends it whatever it is doing; it has nothing to lose."""
        self.kill()
        self._process.wait()
        for stream in (self._input, self._output, self._errors):
            stream.close()

    def ask(self, archive: bytes) -> Answer:
        """Raises `_FaultError`, after which the child is of no use any more."""
        message = None
        try:
            if self._ready is None and (greeting := self._receive()) is not None:
                self._ready = _decode_ready(greeting)
            if self._ready is not None:
                send(self._input, archive)
                message = self._receive()
            if message is None:
                raise self._silence()
            answer = _decode(message)
        except OSError as error:
            raise self._silence() from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._failure(f"what it says cannot be read: {error}") from error
        if answer.fault == "memory":
            raise self._excess("out of memory")
        if answer.fault:
            raise self._failure(clean(answer.trace, _LAST_WORDS_MAX, multiline=True))
        if not _fits(answer, archive):
            raise self._failure("the answer is not about this package")
        self.served += 1
        return answer

    def _receive(self) -> bytes | None:
        return receive(self._output, _ANSWER_MAX_BYTES)

    def _failure(self, why: str) -> _FaultError:
        kind: _FaultKind = "not-started" if self._ready is None else "check-failed"
        return _FaultError(kind, "the check of the package broke off", why=why)

    def _excess(self, why: str) -> _FaultError:
        memory = self._limits.memory_bytes >> 20
        return _FaultError(
            "check-too-large", f"the sources take more than {memory} MiB of memory to read", why=why
        )

    def _silence(self) -> _FaultError:
        """Why there was no answer. A child that only went silent is ended."""
        grown_bytes = self._reap()
        status = self._process.returncode
        why = f"the child ended with status {status}: {self._last_words()}"
        if self._ready is None:
            return self._failure(why)
        if self.is_overdue:
            seconds = self._limits.wall_seconds
            return _FaultError("check-too-slow", f"the check took more than {seconds:g} s", why=why)
        if status == -_SIGXCPU:
            text = f"the sources take more than {self._limits.cpu_seconds} s to read"
            return _FaultError("check-too-slow", text, why=why)
        # The parser does not ask whether it was given the memory that it wanted.
        if status in _CRASHES and grown_bytes > self._limits.memory_bytes // 2:
            return self._excess(why)
        return self._failure(why)

    def _reap(self) -> int:
        """Ends the process; returns the most memory it had, 0 when that was no more than at its start."""
        with self._lock:
            if sys.platform == "win32":
                self._process.kill()
                self._process.wait()
                return 0
            if self._process.returncode is not None:
                return 0
            # Does nothing to one that is ending: its status is set before its pipes are closed. Not by
            # `Popen`, which asks for the status first, and with that loses what the memory was.
            os.kill(self._process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(self._process.pid, 0)
            self._process.returncode = os.waitstatus_to_exitcode(status)
        peak_bytes = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
        return peak_bytes if self._ready is not None and peak_bytes > self._ready.peak_bytes else 0

    def _last_words(self) -> str:
        # A process that the child left behind could hold the pipe open.
        if sys.platform != "win32":
            os.set_blocking(self._errors.fileno(), False)
        said = self._errors.read(1 << 16) or b""
        text = said[-_LAST_WORDS_MAX:].decode("utf-8", "replace")
        return clean(text, _LAST_WORDS_MAX, multiline=True)


def _retire(place: _Place) -> None:
    if place.child is not None:
        place.child.stop()
        place.child = None


def _fits(answer: Answer, archive: bytes) -> bool:
    """Whether the answer says one thing, and of this package: a child may be out of step."""
    integrity = integrity_of(archive)
    if answer.examination is None:
        return answer.problem is not None and answer.integrity == integrity
    said = answer.integrity, answer.examination.integrity, answer.examination.size
    return answer.problem is None and said == (integrity, integrity, len(archive))


def _stopping() -> RegistryBusy:
    return RegistryBusy(
        "the registry is being stopped",
        detail="the check of the package was broken off",
        hint="publish again when the registry is back",
    )


def _refusal(fault: _FaultError, archive: bytes) -> InvalidPackage | ServerError:
    if fault.kind == "not-started":
        _log.error("packages cannot be checked: %s", fault.why)
        return ServerError(
            "the registry cannot check packages",
            detail="the program that does it ends when it is started",
            hint="tell the registry's operator; its log says why",
        )
    is_ours = fault.kind == "check-failed"
    hint = "tell the registry's operator; its log says why" if is_ours else _LESS
    level = logging.ERROR if is_ours else logging.WARNING
    _log.log(level, "%s is refused, %s: %s", integrity_of(archive), fault.kind, fault.why)
    finding = Finding(severity="error", code=fault.kind, text=fault.text, hint=hint)
    return InvalidPackage("the package cannot be checked", detail=fault.text, hint=hint, findings=(finding,))
