"""What refusing the severe kinds costs, measured in a process of its own under hard limits.

`python -m tests.support.archive_costs FOLDER` tries each at publish and at install and prints a line
of JSON for each. The kernel keeps the limits: above the memory an allocation fails, above the CPU time
the process dies. Cost is that of the process and of all it started.

Linux only: the figures come from /proc.
"""

import contextlib
import json
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from registry_server.examiner import Examiner
from tests.support.archive_trials import Trial, Trials
from tests.support.hostile_archives import SEVERE
from tests.support.plugin_archives import GOOD

CPU_SECONDS = 5
MEMORY_BYTES = 300 * 1024 * 1024

_TICKS = 100
"""A second has as many in /proc, whatever the kernel's own clock."""


def main(folder: Path) -> None:
    trials = Trials(folder, GOOD, Examiner())
    # What is loaded on first use is no cost of an archive.
    trials.publish(GOOD)
    trials.install(GOOD, GOOD)
    for name, kind in SEVERE.items():
        archive = kind.build()
        _report("publish", name, partial(trials.publish, archive))
        _report("install", name, lambda: trials.install(archive)[0])  # noqa: B023 (called at once)
    trials.close()


def _report(gate: str, name: str, attempt: Callable[[], Trial]) -> None:
    for process in _family("self"):
        with contextlib.suppress(OSError):
            Path(f"/proc/{process}/clear_refs").write_text("5")  # The high-water mark starts from here.
    cpu_before, memory_before = _cpu_seconds(), _memory_bytes("VmRSS")
    _limit(int(cpu_before) + CPU_SECONDS + 1, _status("self", "VmSize") + MEMORY_BYTES)
    trial = attempt()
    _limit(resource.RLIM_INFINITY, resource.RLIM_INFINITY)  # Making the next archive may cost more.
    line = {
        "gate": gate,
        "name": name,
        "cpu_seconds": round(_cpu_seconds() - cpu_before, 2),
        "memory_bytes": _memory_bytes("VmHWM") - memory_before,
        "code": trial.problem.code if trial.problem else "accepted",
        "words": f"{trial.problem.title} {trial.problem.detail}" if trial.problem else "",
        "changed": trial.changed,
        "strays": trial.strays,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _limit(cpu_seconds: int, memory_bytes: int) -> None:
    for what, value in ((resource.RLIMIT_CPU, cpu_seconds), (resource.RLIMIT_AS, memory_bytes)):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (hard if value == resource.RLIM_INFINITY else value, hard))


def _family(process: str) -> list[str]:
    """The process and all below it."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = [child for task in tasks for child in _read(task).split()]
    return [process, *(each for child in children for each in _family(child))]


def _read(path: Path) -> str:
    """Empty when the process has ended meanwhile: examiners replace their children."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _status(process: str, field: str) -> int:
    for line in _read(Path(f"/proc/{process}/status")).splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def _memory_bytes(field: str) -> int:
    return sum(_status(process, field) for process in _family("self"))


def _cpu_seconds() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for process in _family("self"):
        fields = _read(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:13]))
    return ticks / _TICKS + ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main(Path(sys.argv[1]))
