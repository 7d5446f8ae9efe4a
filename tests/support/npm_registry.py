"""Verdaccio in a process of its own, on a loopback port and without any uplink; and npm towards it."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.support.sample_plugins import SamplePlugin
from tests.support.server import free_port

VERDACCIO = "verdaccio@6"
# Verdaccio asks for `node-fetch` by a tag that not every mirror of the npm registry has.
OVERRIDES = {"node-fetch": "2.7.0"}
START_TRIES = 3000
START_PAUSE_SECONDS = 0.01
CONFIG = """\
storage: ./storage
auth: {{htpasswd: {{file: ./htpasswd}}}}
uplinks: {{}}
packages: {{"**": {{access: $all, publish: $all}}}}
middlewares: {{audit: {{enabled: false}}}}
max_body_size: 50mb
log: {{type: file, path: {log}, level: warn}}
"""


class NpmMissing(Exception):
    """What this machine lacks, as a sentence."""


def install_verdaccio(folder: Path) -> str:
    """From the npm registry this machine is set up for; returns what was installed, with versions.

    Raises `NpmMissing`.
    """
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise NpmMissing(f"there is no `{tool}` on this machine")
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"private": True, "overrides": OVERRIDES}))
    done = subprocess.run(
        ["npm", "install", VERDACCIO], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NpmMissing(f"`npm install {VERDACCIO}` failed: {done.stderr.strip()[-300:]}")
    manifest = json.loads((folder / "node_modules" / "verdaccio" / "package.json").read_text())
    return f"npm {_version('npm')}, Node.js {_version('node')}, Verdaccio {manifest['version']}"


def _version(tool: str) -> str:
    return subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout.strip()


class Verdaccio(NamedTuple):
    url: str
    pid: int
    start_seconds: float
    """From the start of the process to its first answer."""


@contextmanager
def running_verdaccio(
    folder: Path, plugins: Iterable[SamplePlugin] = (), *, pinned: Sequence[str] = ()
) -> Iterator[Verdaccio]:
    """A registry that `install_verdaccio` put into `folder`, holding `plugins` and what is stored there.

    `pinned` is put before the command, such as `taskset -c 0`.
    """
    (folder / "config.yaml").write_text(CONFIG.format(log=folder / "log"))
    port = free_port()
    program = folder / "node_modules" / "verdaccio" / "bin" / "verdaccio"
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*pinned, "node", str(program), "--config", "config.yaml", "--listen", f"127.0.0.1:{port}"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            _wait_for(http)
            started = time.perf_counter() - begun
            for plugin in plugins:
                http.put(f"/{plugin.name}", json=npm_publication(plugin, url)).raise_for_status()
        yield Verdaccio(url, process.pid, started)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(http: httpx.Client) -> None:
    for _ in range(START_TRIES):
        try:
            http.get("/-/ping").raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(START_PAUSE_SECONDS)
    raise NpmMissing("Verdaccio did not start")


def npm_publication(plugin: SamplePlugin, url: str) -> dict[str, object]:
    """What `npm publish` sends."""
    name, version, data = plugin.name, plugin.version, plugin.npm_tarball
    file = f"{name}-{version}.tgz"
    dist = {
        "shasum": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode(),
        "tarball": f"{url}/{name}/-/{file}",
    }
    manifest = {**plugin.npm_manifest, "_id": f"{name}@{version}", "dist": dist}
    attachment = {
        "content_type": "application/octet-stream",
        "data": base64.b64encode(data).decode(),
        "length": len(data),
    }
    return {
        "_id": name,
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {version: manifest},
        "_attachments": {file: attachment},
    }


def npm_environment(folder: Path, url: str) -> dict[str, str]:
    """One registry, a cache and a configuration of its own."""
    own = {name: value for name, value in os.environ.items() if not name.lower().startswith("npm_config_")}
    return {
        **own,
        "npm_config_registry": url,
        "npm_config_cache": str(folder / "cache"),
        "npm_config_userconfig": str(folder / "npmrc"),
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
    }
