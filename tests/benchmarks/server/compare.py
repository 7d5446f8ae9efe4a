"""What the server costs: CPU per request, latency, memory, start, durable publishes; Verdaccio beside it.

    python3 -m tests.benchmarks.server.compare --with-verdaccio

The server is pinned to one core, whoever asks it to another; 1,000 plugins with 8 releases each. `wrk` drives
it when it is there (Debian: wrk), httpx otherwise. CPU is that of the server's processes, from /proc.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import quote

import httpx

from registry_server.contract.account_wire import SCOPES
from registry_server.operations.accounts import OPERATOR, Caller
from registry_server.operations.publish import publish
from registry_server.operations.tokens import create_token
from registry_server.registry import open_registry
from registry_server.store import accounts
from tests.support.builders import package
from tests.support.npm_registry import (
    NpmMissing,
    install_verdaccio,
    npm_publication,
    running_verdaccio,
)
from tests.support.sample_plugins import sample_plugin
from tests.support.server import free_port

GOALS_US = {"detail": 350, "search": 500, "download": 200}
PUBLISHES_PER_SECOND = 100
MEMORY_MIB = 90
START_SECONDS = 1.5
CONNECTIONS = 8
WORDS = ("auth", "mail", "queue", "cache", "search", "audit", "billing", "users", "logs", "storage")


class Load(NamedTuple):
    """One kind of request."""

    title: str
    paths: tuple[str, ...]
    etag: str = ""


class Measured(NamedTuple):
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Of the server, for each request."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Measure what the server costs.")
    parser.add_argument("--plugins", type=int, default=1000)
    parser.add_argument("--releases", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5, help="for each kind of request")
    parser.add_argument("--publishes", type=int, default=300)
    parser.add_argument("--with-verdaccio", action="store_true")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="server-") as folder:
        say(f"{chosen.plugins} plugins x {chosen.releases} releases, {CONNECTIONS} connections, ")
        say(f"driven by {'wrk' if shutil.which('wrk') else 'httpx'}, Python {sys.version.split()[0]}\n")
        measure_ours(Path(folder) / "ours", chosen)
        if chosen.with_verdaccio:
            try:
                measure_verdaccio(Path(folder) / "verdaccio", chosen)
            except NpmMissing as missing:
                say(f"Verdaccio is not measured: {missing}\n")


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def measure_ours(folder: Path, chosen: argparse.Namespace) -> None:
    token = seed(folder, chosen.plugins, chosen.releases)
    with serving(folder) as (url, pid, started):
        say(f"registry-server: first answer after {started:.2f} s (goal {START_SECONDS})\n")
        names = [plugin_name(number) for number in range(chosen.plugins)]
        with httpx.Client(base_url=url) as http:
            etag = http.get(f"/api/plugins/{names[0]}").headers["etag"]
        searches = keystrokes(names)
        loads = [
            Load("detail", tuple(f"/api/plugins/{name}" for name in names)),
            Load("search", searches),
            Load("again", searches[:50]),
            Load("download", tuple(f"/api/plugins/{name}/1.0.0/download" for name in names)),
            Load("304", (f"/api/plugins/{names[0]}",), etag),
        ]
        say(HEADER)
        for load in loads:
            measured = drive(url, load, chosen.seconds, pid)
            goal = GOALS_US.get(load.title)
            say(row(load.title, measured, f"  goal {goal}" if goal else ""))
        measure_publishing(url, token, chosen.publishes, pid)
        say(f"memory {resident_mib(pid):.0f} MiB (goal {MEMORY_MIB}), children {children_mib(pid):.0f} MiB\n")


def keystrokes(names: Sequence[str]) -> tuple[str, ...]:
    """What people type who look for a plugin: beginnings of names, words of descriptions; each once."""
    random = Random(4)  # noqa: S311
    typed = {name[:length] for name in names for length in range(3, len(name) + 1)}
    typed |= {f"{first} {second[:length]}" for first in WORDS for second in WORDS for length in range(2, 8)}
    queries = sorted(typed)
    random.shuffle(queries)
    return tuple(f"/api/plugins?q={quote(query)}" for query in queries)


def seed(folder: Path, plugins: int, releases: int) -> str:
    """A data folder filled through the publish path; returns an admin's token."""
    registry = open_registry(folder)
    try:
        token = create_token(registry, "ada", scopes=SCOPES, is_admin=True)
        user = accounts.find_user(registry.database.read(), "ada")
        assert user is not None
        caller = Caller(user=user, scopes=OPERATOR.scopes)
        for number in range(plugins):
            for release in range(releases):
                publish(registry, caller, sized_package(number, release))
    finally:
        registry.close()
    return token


def plugin_name(number: int) -> str:
    return f"{WORDS[number % len(WORDS)]}-{number:04d}"


def sized_package(number: int, release: int) -> bytes:
    """About 20 KB, as real ones are; the first release of each is, the others are smaller."""
    name = plugin_name(number)
    extra = {}
    if release == 0:
        sample = sample_plugin(number)
        extra = {"data.txt": sample.npm_tarball.hex()[:18_000]}
    words = f"{WORDS[number % 7]} for {WORDS[number % 9]} number {number}"
    return package(name, f"1.{release}.0", description=f"A plugin with {words}.", extra=extra)


@contextmanager
def serving(data: Path) -> Iterator[tuple[str, int, float]]:
    """Address, process and seconds to the first answer of a server on the first core."""
    port = free_port()
    root = str(Path(__file__).parents[3])
    begun = time.perf_counter()
    process = subprocess.Popen(
        [
            *pinned(0),
            sys.executable,
            "-m",
            "registry_server",
            "serve",
            "--data",
            str(data),
            "--port",
            str(port),
        ],
        env={**os.environ, "PYTHONPATH": root, "REGISTRY_SERVER_LIMITS": "false"},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url) as http:
            wait_for(lambda: http.get("/api/plugins?limit=1").raise_for_status())
        yield url, process.pid, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(ask: Callable[[], object]) -> None:
    for _ in range(3000):
        try:
            ask()
            return
        except httpx.TransportError:
            time.sleep(0.01)
    raise TimeoutError("the server does not answer")


def pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []


def drive(url: str, load: Load, seconds: float, pid: int) -> Measured:
    """As many requests as go in `seconds`, and what they cost the server."""
    warm = drive_with_wrk if shutil.which("wrk") else drive_with_httpx
    warm(url, load, min(1, seconds))
    before = cpu_seconds(pid)
    requests, took, p50, p99 = warm(url, load, seconds)
    cpu = cpu_seconds(pid) - before
    return Measured(requests, took, p50, p99, cpu / max(1, requests) * 1e6)


def drive_with_wrk(url: str, load: Load, seconds: float) -> tuple[int, float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "paths.lua"
        script.write_text(lua(load))
        command = [
            *pinned(1),
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{max(1, round(seconds))}s",
            "--latency",
            "-s",
            str(script),
            url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout or load.etag, done.stdout
    words = done.stdout.split()
    requests = int(words[words.index("requests") - 1])
    return (
        requests,
        seconds,
        milliseconds(words[words.index("50%") + 1]),
        milliseconds(words[words.index("99%") + 1]),
    )


def lua(load: Load) -> str:
    """A script for wrk that goes round the paths."""
    paths = ",".join(json.dumps(path) for path in load.paths)
    header = f'wrk.headers["If-None-Match"] = {json.dumps(load.etag)}\n' if load.etag else ""
    return (
        f"{header}local paths = {{{paths}}}\nlocal at = 0\n"
        "request = function()\n  at = at + 1\n"
        "  return wrk.format('GET', paths[(at - 1) % #paths + 1])\nend\n"
    )


def milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def drive_with_httpx(url: str, load: Load, seconds: float) -> tuple[int, float, float, float]:
    latencies: list[float] = []

    async def client(number: int) -> None:
        headers = {"If-None-Match": load.etag} if load.etag else {}
        async with httpx.AsyncClient(base_url=url, headers=headers) as http:
            at = number
            while time.perf_counter() < until:
                begun = time.perf_counter()
                answer = await http.get(load.paths[at % len(load.paths)])
                latencies.append(time.perf_counter() - begun)
                assert answer.status_code in (200, 304), answer.text
                at += CONNECTIONS

    async def all_clients() -> None:
        await asyncio.gather(*(client(number) for number in range(CONNECTIONS)))

    begun = time.perf_counter()
    until = begun + seconds
    asyncio.run(all_clients())
    took = time.perf_counter() - begun
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    return len(latencies), took, p50, p99


def measure_publishing(url: str, token: str, count: int, pid: int) -> None:
    """One after the other over one connection, each durable when it is answered."""
    packages = [package(f"new-{number}", "1.0.0") for number in range(count)]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:

        def send(archive: bytes) -> None:
            files = {"package": ("package.tar.gz", archive, "application/gzip")}
            answer = http.post("/api/plugins", files=files)
            assert answer.status_code == 201, answer.text

        for number in range(2):  # the children that read packages start with the first of them
            send(package(f"first-{number}", "1.0.0"))
        before, begun, latencies = cpu_seconds(pid), time.perf_counter(), []
        for archive in packages:
            sent = time.perf_counter()
            send(archive)
            latencies.append((time.perf_counter() - sent) * 1000)
        took, cpu = time.perf_counter() - begun, cpu_seconds(pid) - before
    latencies.sort()
    p50, p99 = latencies[count // 2], latencies[int(count * 0.99)]
    measured = Measured(count, took, p50, p99, cpu / count * 1e6)
    say(row("publish", measured, f"  {count / took:.0f} a second, goal {PUBLISHES_PER_SECOND}"))


def measure_verdaccio(folder: Path, chosen: argparse.Namespace) -> None:
    say(install_verdaccio(folder) + "\n")
    plugins = [sample_plugin(number)._replace(name=plugin_name(number)) for number in range(1)]
    template = plugins[0]
    with running_verdaccio(folder, plugins) as verdaccio, httpx.Client(base_url=verdaccio.url) as http:
        for release in range(1, chosen.releases):
            version = template._replace(version=f"1.{release}.0")
            http.put(f"/{template.name}", json=npm_publication(version, verdaccio.url)).raise_for_status()
    multiply(folder / "storage", template.name, chosen.plugins)
    with running_verdaccio(folder, pinned=pinned(0)) as verdaccio:
        url, pid = verdaccio.url, verdaccio.pid
        say(f"first answer after {verdaccio.start_seconds:.2f} s\n")
        names = [plugin_name(number) for number in range(chosen.plugins)]
        with httpx.Client(base_url=url, timeout=60) as http:
            etag = http.get(f"/{names[0]}").headers["etag"]
        loads = [
            Load("detail", tuple(f"/{name}" for name in names)),
            Load("search", tuple(f"/-/v1/search?text={word}&size=20" for word in WORDS)),
            Load("download", tuple(f"/{name}/-/{name}-1.0.0.tgz" for name in names)),
            Load("304", (f"/{names[0]}",), etag),
        ]
        say(HEADER)
        for load in loads:
            say(row(load.title, drive(url, load, chosen.seconds, pid), ""))
        measure_npm_publishing(url, min(chosen.publishes, 50), pid)
        say(f"memory {resident_mib(pid):.0f} MiB\n")


def multiply(storage: Path, name: str, count: int) -> None:
    """Copies of what one plugin left in Verdaccio's storage, under the other names."""
    text = (storage / name / "package.json").read_text()
    for number in range(1, count):
        other = storage / plugin_name(number)
        other.mkdir()
        (other / "package.json").write_text(text.replace(name, other.name))
        for tarball in (storage / name).glob("*.tgz"):
            shutil.copy(tarball, other / tarball.name.replace(name, other.name))
    database = json.loads((storage / ".verdaccio-db.json").read_text())
    database["list"] = [plugin_name(number) for number in range(count)]
    (storage / ".verdaccio-db.json").write_text(json.dumps(database))


def measure_npm_publishing(url: str, count: int, pid: int) -> None:
    samples = [sample_plugin(number)._replace(name=f"new-{number}") for number in range(count)]
    with httpx.Client(base_url=url, timeout=60) as http:
        before, begun, latencies = cpu_seconds(pid), time.perf_counter(), []
        for sample in samples:
            sent = time.perf_counter()
            http.put(f"/{sample.name}", json=npm_publication(sample, url)).raise_for_status()
            latencies.append((time.perf_counter() - sent) * 1000)
        took, cpu = time.perf_counter() - begun, cpu_seconds(pid) - before
    latencies.sort()
    measured = Measured(count, took, latencies[count // 2], latencies[-1], cpu / count * 1e6)
    say(row("publish", measured, f"  {count / took:.0f} a second"))


HEADER = f"{'':10}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'CPU us':>10}\n"


def row(title: str, measured: Measured, note: str) -> str:
    rate = measured.requests / measured.seconds
    latency = f"{measured.p50_ms:>10.2f}{measured.p99_ms:>10.2f}"
    return f"{title:10}{rate:>12,.0f}{latency}{measured.cpu_us:>10.0f}{note}\n"


def cpu_seconds(pid: int) -> float:
    """Of a process and its children, living and ended."""
    ticks = 0
    for process in [pid, *children(pid)]:
        fields = stat_fields(process)
        ticks += sum(map(int, fields[11:15])) if process == pid else sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def stat_fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in found for child in task.read_text().split()]


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children_mib(pid: int) -> float:
    return sum(resident_mib(child) for child in children(pid))


if __name__ == "__main__":
    main(sys.argv[1:])
