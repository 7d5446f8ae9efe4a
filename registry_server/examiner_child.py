"""The program of a child process that examines packages; `examiner` starts it and speaks with it.

It takes packages from its standard input and answers on its standard output, each with its length
before it, until the input ends. Its limits bound what a hostile package can cost: they end this
process, never the server. They are no sandbox; whoever takes over the parser has a process with
the rights of the server, without its environment and its open files.

Usage: python -m registry_server.examiner_child MEMORY_BYTES CPU_SECONDS
"""

import gc
import math
import os
import sys
import traceback
from contextlib import suppress
from io import FileIO, RawIOBase
from pathlib import Path
from typing import Literal, NoReturn

import msgspec
from msgspec import Struct

from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.examination import Examination, examine
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import Problem, ProblemError

_LENGTH_BYTES = 4
_OPEN_FILES_MAX = 16
"""Modules of the standard library that load at first use need one at a time."""
_TRACE_MAX = 4000
_encode = msgspec.msgpack.Encoder().encode


class Ready(Struct, frozen=True, kw_only=True, array_like=True):
    """What a child says first, when all it needs has been loaded."""

    peak_bytes: int
    """The most memory it has had, as the kernel will count it at its end: Linux adds the parent's."""


class Answer(Struct, frozen=True, kw_only=True, array_like=True):
    """What a child has to say of one package: an examination, a problem or a fault."""

    integrity: str
    """Which package this is about."""
    examination: Examination | None = None
    problem: Problem | None = None
    fault: Literal["", "memory", "bug"] = ""
    trace: str = ""
    """For the log, with a bug."""
    space_bytes: int = 0
    """Address space the child now has; 0 where nobody can tell."""


def main(arguments: list[str]) -> None:
    memory_bytes, cpu_seconds = (int(argument) for argument in arguments)
    source, target = FileIO(0, "rb", closefd=False), _private_output()
    _limit(memory_bytes)
    # What is loaded now stays; the collector need not look at it for every package.
    gc.collect()
    gc.freeze()
    send(target, _encode(Ready(peak_bytes=_peak_bytes())))
    while (archive := receive(source, PACKAGE_MAX_BYTES)) is not None:
        _allow_time(cpu_seconds)
        send(target, _answer(archive))


def send(target: RawIOBase, message: bytes) -> None:
    """Writes one message. Raises `BrokenPipeError` when nobody reads any more."""
    rest = memoryview(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    while rest:
        rest = rest[target.write(rest) or 0 :]


def receive(source: RawIOBase, limit_bytes: int) -> bytes | None:
    """The next message; None when there is none, or only a part of one, or it is above the limit."""
    length = _take(source, _LENGTH_BYTES)
    size_bytes = -1 if length is None else int.from_bytes(length, "big")
    return _take(source, size_bytes) if 0 <= size_bytes <= limit_bytes else None


def _take(source: RawIOBase, size_bytes: int) -> bytes | None:
    """Exactly so many bytes; None when the stream ends before."""
    taken = bytearray(size_bytes)
    rest = memoryview(taken)
    while rest:
        count = source.readinto(rest)
        if not count:
            return None
        rest = rest[count:]
    return bytes(taken)


def _answer(archive: bytes) -> bytes:
    integrity = integrity_of(archive)
    try:
        examination = examine(archive)
        return _encode(Answer(integrity=integrity, examination=examination, space_bytes=_space_bytes()))
    except ProblemError as error:
        return _encode(Answer(integrity=integrity, problem=error.problem, space_bytes=_space_bytes()))
    except MemoryError:
        return _encode(Answer(integrity=integrity, fault="memory"))
    except Exception:
        trace = traceback.format_exc()[-_TRACE_MAX:]
        return _encode(Answer(integrity=integrity, fault="bug", trace=trace))


def _private_output() -> FileIO:
    """Standard output for the answers alone: what anything else writes there goes to the log."""
    private = os.dup(1)
    os.dup2(2, 1)
    return FileIO(private, "wb")


if sys.platform == "win32":

    def _limit(_memory_bytes: int) -> None:
        """There are no such limits; the parent's clock is the only one."""

    def _allow_time(_cpu_seconds: int) -> None:
        """See `_limit`."""

    def _peak_bytes() -> int:
        return 0

    def _space_bytes() -> int:
        return 0

else:
    import resource

    def _limit(memory_bytes: int) -> None:
        _set_limit(resource.RLIMIT_CORE, 0)
        _set_limit(resource.RLIMIT_FSIZE, 0)
        _set_limit(resource.RLIMIT_NOFILE, _OPEN_FILES_MAX)
        _set_limit(resource.RLIMIT_NPROC, 0)
        _set_limit(resource.RLIMIT_AS, memory_bytes)

    def _allow_time(cpu_seconds: int) -> None:
        """From now on. The kernel counts whole seconds, and ends the process at the soft limit."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = math.ceil(usage.ru_utime + usage.ru_stime)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (used + cpu_seconds, hard))

    def _set_limit(kind: int, wanted: int) -> None:
        _, hard = resource.getrlimit(kind)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError):
            # macOS does not know every limit; the clock of the parent remains.
            return

    def _peak_bytes() -> int:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    def _space_bytes() -> int:
        try:
            pages = Path("/proc/self/statm").read_bytes().split()[0]
        except OSError:
            return 0
        return int(pages) * resource.getpagesize()


def _run() -> NoReturn:
    # Whoever asked may have gone meanwhile.
    with suppress(BrokenPipeError, KeyboardInterrupt):
        main(sys.argv[1:])
    # Nothing is to be written at the end, and what a hostile package left need not be taken apart.
    os._exit(0)


if __name__ == "__main__":
    _run()
