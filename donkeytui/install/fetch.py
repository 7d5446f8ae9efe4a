"""Get packages into the content-addressed cache, verified while reading; several at once.

The cache is shared by all projects. What it holds is verified again when it is used, because it is
only a folder: a damaged file is thrown away and downloaded anew.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from donkeytui.events import Report, StageAdvanced, StageFinished, StageStarted
from donkeytui.install.plan import Download, InstallPlan
from donkeytui.parallel import run_all
from donkeytui.problems import OfflineMissing, ProjectNotWritable
from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.integrity import hex_digest, integrity_of
from registry_server.contract.problems import IntegrityMismatch, PackageTooLarge

if TYPE_CHECKING:
    from donkeytui.remote import RegistryClient

PARALLEL = 8


class Fetched(Struct, frozen=True):
    """Package bytes by plugin, each verified against the plan."""

    packages: dict[str, bytes]


async def fetch(plan: InstallPlan, client: "RegistryClient | None", cache: Path, report: Report) -> Fetched:
    """`client` None: from the cache alone.

    Raises `IntegrityMismatch`, `PackageTooLarge`, `OfflineMissing`, or what the client raises; the
    first problem stops the other downloads.
    """
    if not plan.downloads:
        return Fetched({})
    total = len(plan.downloads)
    report(StageStarted(stage="download", total=total, unit="packages"))
    gate = asyncio.Semaphore(PARALLEL)
    packages: dict[str, bytes] = {}

    async def one(download: Download) -> None:
        async with gate:
            packages[download.name] = await _fetch_one(download, client, cache)
        report(StageAdvanced(stage="download", done=len(packages), total=total, subject=download.name))

    await run_all(one(download) for download in plan.downloads)
    report(StageFinished(stage="download"))
    return Fetched(packages)


def cached_integrities(cache: Path, integrities: list[str]) -> frozenset[str]:
    """Those the cache has a file for; whether it is intact shows when it is used."""
    return frozenset(integrity for integrity in integrities if _cache_path(cache, integrity).is_file())


async def _fetch_one(download: Download, client: "RegistryClient | None", cache: Path) -> bytes:
    path = _cache_path(cache, download.integrity)
    kept = await asyncio.to_thread(_read_kept, path, download.integrity)
    if kept is not None:
        return kept
    if client is None:
        raise OfflineMissing(
            f"`{download.name}` {download.version} is not on this machine",
            detail=f"the cache lacks {download.integrity}, and the session is offline",
            hint="install it once while online, on this machine or into the same cache",
        )
    data = await _download(download, client)
    await asyncio.to_thread(_keep, path, data)
    return data


async def _download(download: Download, client: "RegistryClient") -> bytes:
    """The bytes, never more than announced, hashed as they come."""
    limit = min(download.size_bytes, PACKAGE_MAX_BYTES)
    hasher, data = hashlib.sha256(), bytearray()
    async with client.download(download.name, download.version) as chunks:
        async for chunk in chunks:
            hasher.update(chunk)
            data += chunk
            if len(data) > limit:
                raise PackageTooLarge(
                    f"the package of `{download.name}` {download.version} is larger than announced",
                    detail=f"{limit} bytes were announced",
                    hint="nothing was changed; tell the registry's operator",
                )
    actual = f"sha256:{hasher.hexdigest()}"
    if actual != download.integrity:
        raise IntegrityMismatch(
            f"the package of `{download.name}` {download.version} does not have the digest it should",
            detail=f"the catalogue says {download.integrity}, {len(data)} bytes with {actual} came",
            hint="nothing was changed; try again, and tell the registry's operator if it stays so",
        )
    return bytes(data)


def _cache_path(cache: Path, integrity: str) -> Path:
    digest = hex_digest(integrity)
    return cache / digest[:2] / digest


def _read_kept(path: Path, integrity: str) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if integrity_of(data) == integrity:
        return data
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def _keep(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ProjectNotWritable(
            "the package cache cannot be written",
            detail=f"{error.strerror}: {path.parent}",
            hint="free some space, or name another folder with DONKEYTUI_CACHE_DIR",
        ) from error
