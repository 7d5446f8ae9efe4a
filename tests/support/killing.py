"""A real server that is killed again and again, and publishers that do not give up."""

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal

import httpx

from registry_server.contract.integrity import integrity_of
from registry_server.contract.routes import PLUGINS
from tests.support.builders import package
from tests.support.server import free_port

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "registry_server"]
PATIENCE_SECONDS = 60.0
Counted = Literal["sent", "refused", "cut off"]


class MortalServer:
    """`registry-server serve` on one data folder: started, killed, started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.token = self._init()
        # A server that comes up again has to take everything its publishers tried in vain.
        (data / "registry.toml").write_text("limits = false\n")
        self.url = ""
        self.is_up = threading.Event()
        self.said: list[str] = []
        """The lines of its log."""
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None

    def _init(self) -> str:
        made = subprocess.run(
            [*COMMAND, "init", "--data", str(self.data)],
            capture_output=True,
            text=True,
            check=True,
            env=self._environment,
        )
        return made.stdout.strip()

    def start(self) -> None:
        port = free_port()
        self._process = subprocess.Popen(
            [*COMMAND, "serve", "--data", str(self.data), "--port", str(port)],
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        assert self._process.stderr is not None
        first = self._process.stderr.readline()
        assert "serving" in first, first
        # A log that nobody reads stops a server once the pipe is full.
        self._listener = threading.Thread(target=self._listen, args=(self._process.stderr,))
        self._listener.start()
        self.url = f"http://127.0.0.1:{port}"
        self.is_up.set()

    def kill(self) -> None:
        self._end(lambda process: process.kill())

    def stop(self) -> None:
        self._end(lambda process: process.terminate())

    def _end(self, how: Callable[[subprocess.Popen[str]], None]) -> None:
        self.is_up.clear()
        if self._process is not None:
            how(self._process)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None
            assert self._listener is not None
            self._listener.join()

    def _listen(self, log: IO[str]) -> None:
        with log:
            self.said.extend(log)


class Record:
    """What the server said yes and no to, by all publishers together."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.counts: Counter[Counted] = Counter()
        """Publishes sent, refused, and cut off: what became of those only the next attempt tells."""
        self.acknowledged: dict[tuple[str, str], set[str]] = {}
        """Digests the server said it has, by name and version."""
        self.surprises: list[str] = []

    def count(self, what: Counted) -> None:
        with self._changed:
            self.counts[what] += 1
            self._changed.notify_all()

    def acknowledge(self, name: str, version: str, integrity: str) -> None:
        with self._changed:
            self.acknowledged.setdefault((name, version), set()).add(integrity)

    def wait_for_more_sent(self, more: int) -> None:
        wanted = self.counts["sent"] + more
        with self._changed:
            assert self._changed.wait_for(lambda: self.counts["sent"] >= wanted, PATIENCE_SECONDS), (
                self.surprises
            )


class Publisher(threading.Thread):
    """Publishes one release after the other; every third of `shared`, which all claim with other bytes.

    After a publish that nobody answered it either tries again or gives up: who tries again would mend
    what a server left half-done, and who gives up leaves it for the check to find.
    """

    def __init__(self, name: str, server: MortalServer, record: Record, seed: int) -> None:
        super().__init__(name=name)
        self._server = server
        self._record = record
        self._random = random.Random(seed)  # noqa: S311
        self.is_over = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.is_over.is_set():
            number += 1
            plugin = "shared" if number % 3 == 0 else f"{self.name}{number % 7}"
            version = f"1.{number}.0"
            archive = package(plugin, version, description=f"By {self.name}.")
            while not self.is_over.is_set() and not self._publish(plugin, version, archive):
                if self._random.random() < 0.5:
                    break

    def _publish(self, plugin: str, version: str, archive: bytes) -> bool:
        """False when the server died before it answered."""
        while not self._server.is_up.wait(0.2):
            if self.is_over.is_set():
                return False
        is_answered = False
        self._record.count("sent")
        try:
            with httpx.Client(base_url=self._server.url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
                answer = client.post(
                    PLUGINS,
                    files={"package": ("package.tar.gz", archive, "application/gzip")},
                    headers={"authorization": f"Bearer {self._server.token}"},
                )
                self._note_answer(answer, plugin, version, archive)
                is_answered = True
                if self._random.random() < 0.3:
                    # Shards and index are written when somebody asks.
                    client.get("/api/snapshot")
                    client.get(PLUGINS, params={"q": plugin})
        except httpx.HTTPError:
            if not is_answered:
                self._record.count("cut off")
        return is_answered

    def _note_answer(self, answer: httpx.Response, plugin: str, version: str, archive: bytes) -> None:
        if answer.status_code in (200, 201):
            said = answer.json()["integrity"]
            self._record.acknowledge(plugin, version, said)
            if said != integrity_of(archive):
                self._record.surprises.append(f"{plugin} {version}: acknowledged other bytes")
        elif answer.status_code == 409:
            self._record.count("refused")
        else:
            self._record.surprises.append(f"{plugin} {version}: {answer.status_code} {answer.text[:200]}")
