"""Get packages into the content-addressed cache, verified while reading; several at once, resumable.

The cache is shared by all projects. What it holds is verified again when it is used, because it is
only a folder: a damaged file is thrown away and downloaded anew. A package on its way is a file in
`partial`, locked by the download that writes it; a broken transfer leaves it there, and the next
one, in this process or another, asks for the rest. A registry's ETag of a package is its digest, so
what was begun needs no note beside it (RFC 9110 sections 13.1.5 and 14.2).
"""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from donkeytui.events import Report, StageAdvanced, StageFinished, StageStarted
from donkeytui.install.partial import Partial, open_partial, sweep_partials
from donkeytui.install.plan import Download, InstallPlan
from donkeytui.parallel import run_all
from donkeytui.problems import OfflineMissing, RegistryUnreachable, UnexpectedResponse
from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.integrity import hex_digest, integrity_of
from registry_server.contract.problems import IntegrityMismatch, PackageTooLarge, RangeNotSatisfiable

if TYPE_CHECKING:
    from donkeytui.remote import RegistryClient

PARALLEL = 8


class Fetched(Struct, frozen=True):
    """Package bytes by plugin, each verified against the plan."""

    packages: dict[str, bytes]


class Patience(Struct, frozen=True, kw_only=True):
    """How often a download is tried and how long one try may take."""

    pauses: tuple[float, ...] = (0.1, 0.5)
    """Seconds before each further try after a broken transfer; there are as many as pauses."""
    grace_seconds: float = 30.0
    bytes_per_second: int = 2048
    """Slower than this, after the grace, counts as broken: a drop every few seconds is no progress."""

    def seconds_for(self, size_bytes: int) -> float:
        return self.grace_seconds + size_bytes / self.bytes_per_second


PATIENCE = Patience()


async def fetch(
    plan: InstallPlan,
    client: "RegistryClient | None",
    cache: Path,
    report: Report,
    *,
    patience: Patience = PATIENCE,
) -> Fetched:
    """All packages of a plan; `client` None: from the cache alone.

    Raises what `fetch_one` raises; the first problem stops the other downloads.
    """
    if not plan.downloads:
        return Fetched({})
    total = len(plan.downloads)
    report(StageStarted(stage="download", total=total, unit="packages"))
    if client is not None:
        await asyncio.to_thread(sweep_partials, cache)
    gate = asyncio.Semaphore(PARALLEL)
    packages: dict[str, bytes] = {}

    async def one(download: Download) -> None:
        async with gate:
            packages[download.name] = await fetch_one(download, client, cache, patience=patience)
        report(StageAdvanced(stage="download", done=len(packages), total=total, subject=download.name))

    await run_all(one(download) for download in plan.downloads)
    report(StageFinished(stage="download"))
    return Fetched(packages)


async def fetch_one(
    download: Download, client: "RegistryClient | None", cache: Path, *, patience: Patience = PATIENCE
) -> bytes:
    """One package, from the cache or through it; `client` None: from the cache alone.

    Raises `OfflineMissing`, `IntegrityMismatch`, `PackageTooLarge`, `ProjectNotWritable` for a cache
    that cannot be written, or what the client raises, `RegistryUnreachable` after several tries only.
    """
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
    partial = open_partial(cache, download.integrity)
    try:
        if partial.is_begun:
            await asyncio.to_thread(partial.load, min(download.size_bytes, PACKAGE_MAX_BYTES))
        await _complete(download, client, partial, patience=patience)
        await asyncio.to_thread(partial.keep, path)
        return bytes(partial.data)
    finally:
        partial.close()


def cached_integrities(cache: Path, integrities: list[str]) -> frozenset[str]:
    """Those the cache has a file for; whether it is intact shows when it is used."""
    return frozenset(integrity for integrity in integrities if _cache_path(cache, integrity).is_file())


async def _complete(
    download: Download, client: "RegistryClient", partial: "Partial", *, patience: Patience
) -> None:
    """Until the bytes have their digest. Bytes of two transfers that do not fit get one try as a whole."""
    if partial.integrity == download.integrity:
        return
    for is_last in (False, True):
        is_joined = await _receive(download, client, partial, patience=patience)
        size_bytes, actual = len(partial.data), partial.integrity
        if actual == download.integrity:
            return
        partial.restart()
        if is_last or not is_joined:
            raise IntegrityMismatch(
                f"the package of `{download.name}` {download.version} does not have the digest it should",
                detail=f"the catalogue says {download.integrity}, {size_bytes} bytes with {actual} came",
                hint="nothing was changed; try again, and tell the registry's operator if it stays so",
            )


async def _receive(
    download: Download, client: "RegistryClient", partial: "Partial", *, patience: Patience
) -> bool:
    """The rest, in as many transfers as patience allows; whether more than one made the whole."""
    for pause in patience.pauses:
        try:
            return await _transfer(download, client, partial, patience=patience)
        except RegistryUnreachable:
            await asyncio.sleep(pause)
    return await _transfer(download, client, partial, patience=patience)


async def _transfer(
    download: Download, client: "RegistryClient", partial: "Partial", *, patience: Patience
) -> bool:
    """One request, for what is missing; whether it continued what was there."""
    limit, offset = min(download.size_bytes, PACKAGE_MAX_BYTES), len(partial.data)
    etag = f'"{hex_digest(download.integrity)}"'
    try:
        async with (
            asyncio.timeout(patience.seconds_for(limit - offset)),
            client.download(download.name, download.version, offset=offset, etag=etag) as incoming,
        ):
            if incoming.offset != offset:
                partial.restart()
            if incoming.offset is None:
                raise _another_part(download, offset)
            async for chunk in incoming.chunks:
                if len(partial.data) + len(chunk) > limit:
                    partial.restart()
                    raise _too_large(download, limit)
                partial.add(chunk)
            return incoming.offset > 0
    except RangeNotSatisfiable:
        if not offset:
            raise
        return True  # more is there than the package has: its digest is wrong, which is seen to next
    except TimeoutError as error:
        raise RegistryUnreachable(
            f"`{download.name}` {download.version} comes too slowly",
            detail=f"{len(partial.data)} of {limit} bytes are here, and what is here is kept",
            hint="try again, which continues from there",
        ) from error


def _another_part(download: Download, offset: int) -> UnexpectedResponse:
    return UnexpectedResponse(
        f"the registry sent another part of `{download.name}` {download.version} than was asked for",
        detail=f"the rest from byte {offset} was asked for",
        hint="try again, which begins anew, and tell the registry's operator if it stays so",
    )


def _too_large(download: Download, limit: int) -> PackageTooLarge:
    is_cap = limit < download.size_bytes
    size = f"{limit} bytes {'are allowed' if is_cap else 'were announced'}"
    return PackageTooLarge(
        f"the package of `{download.name}` {download.version} is larger than"
        f" {'is allowed' if is_cap else 'announced'}",
        detail=size,
        hint="nothing was changed; tell the registry's operator",
    )


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
