"""The README's chapter on operating a registry, run line by line on an empty folder."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.builders import write_project
from tests.support.server import free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery staple"


class Machines:
    """The operator's machine and two developers', each with a home folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.server: subprocess.Popen[bytes] | None = None
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        for program, module in (("donkeytui", "donkeytui"), ("registry-server", "registry_server")):
            script = bin_folder / program
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
            script.chmod(0o755)
        self.environment = {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "REGISTRY_SERVER_PORT": str(self.port),
            "REGISTRY_SERVER_LOG_REQUESTS": "false",
        }

    def run(self, line: str, home: str, folder: Path, said: str = "") -> subprocess.CompletedProcess[str]:
        """One line of the README, with this test's folders and port; passwords come from standard input."""
        here = line.replace("/srv/", f"{self.folder}/srv/").replace("/backup/", f"{self.folder}/backup/")
        here = here.replace("registry.example.com:4873", f"127.0.0.1:{self.port}")
        if "user create" in here or "donkeytui login" in here:
            here, said = f"{here} --password-stdin", f"{PASSWORD}\n"
        (self.folder / home).mkdir(exist_ok=True)
        environment = {**self.environment, "HOME": str(self.folder / home)}
        if here.startswith("registry-server serve"):
            self.server = subprocess.Popen(shlex.split(here), env=environment, stderr=subprocess.PIPE)
            assert self.server.stderr is not None
            assert b"serving" in self.server.stderr.readline()
            return subprocess.CompletedProcess(here, 0, "", "")
        done = subprocess.run(
            ["sh", "-c", here],
            env=environment,
            cwd=folder,
            input=said,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (here, done.stdout, done.stderr)
        return done

    def stop(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            assert self.server.wait(timeout=20) == 0
            assert self.server.stderr is not None
            self.server.stderr.close()
            self.server = None


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    running = Machines(tmp_path)
    yield running
    if running.server is not None:
        running.server.kill()
        running.server.communicate()


def blocks() -> list[list[str]]:
    """The lines of each shell block of the chapter."""
    chapter = (
        (ROOT / "README.md").read_text().partition("## Operating a registry\n")[2].partition("\n### ")[0]
    )
    return [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)]


@pytest.mark.network
def test_the_chapter_works_as_written(machines: Machines, tmp_path: Path) -> None:
    operate, publish, install, keep = blocks()
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    project = write_project(tmp_path / "shop")

    for line in operate:
        machines.run(line, "operator", tmp_path)
    for line in publish:
        machines.run(line, "ada", plugins)
    for line in install:
        machines.run(line, "bob", project)
    backup, restore, check = keep
    machines.run(backup, "operator", tmp_path)
    machines.stop()
    (tmp_path / "srv" / "registry").rename(tmp_path / "lost")
    machines.run(restore, "operator", tmp_path)
    checked = machines.run(check, "operator", tmp_path)
    machines.run(operate[-1], "operator", tmp_path)

    lost = {path.name for path in (tmp_path / "lost" / "packages").rglob("*") if path.is_file()}
    kept = {path.name for path in (tmp_path / "srv/registry/packages").rglob("*") if path.is_file()}
    document = httpx.get(f"http://127.0.0.1:{machines.port}/api/plugins/greeter").json()
    assert (project / "src/server/plugins/greeter/index.ts").is_file()
    assert "everything is as it should be" in checked.stderr
    assert kept == lost
    assert [release["version"] for release in document["versions"]] == ["0.1.0"]
    assert document["versions"][0]["publisher"] == "ada"
    machines.stop()
