"""Get packages into the content-addressed cache, verified while reading; several at once, resumable.

The cache is shared by all projects. What it holds is verified again when it is used, because it is
only a folder: a damaged file is thrown away and downloaded anew. A package on its way is a file in
`partial`, locked by the download that writes it; a broken transfer leaves it there, and the next
one, in this process or another, asks for the rest. A registry's ETag of a package is its digest, so
what was begun needs no note beside it (RFC 9110 sections 13.1.5 and 14.2).
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from donkeytui.events import Report, StageAdvanced, StageFinished, StageStarted
from donkeytui.install.plan import Download, InstallPlan
from donkeytui.parallel import run_all
from donkeytui.problems import OfflineMissing, ProjectNotWritable, RegistryUnreachable, UnexpectedResponse
from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.integrity import hex_digest, integrity_of
from registry_server.contract.problems import IntegrityMismatch, PackageTooLarge, RangeNotSatisfiable

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from donkeytui.remote import RegistryClient

PARALLEL = 8
PARTIAL_FOLDER = "partial"
PARTIALS_MAX = 32
PARTIALS_MAX_BYTES = 64 << 20
_CLAIMS = 3


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
        await asyncio.to_thread(_sweep, cache)
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
    partial = _open_partial(cache, download.integrity)
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
    download: Download, client: "RegistryClient", partial: "_Partial", *, patience: Patience
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
    download: Download, client: "RegistryClient", partial: "_Partial", *, patience: Patience
) -> bool:
    """The rest, in as many transfers as patience allows; whether more than one made the whole."""
    for pause in patience.pauses:
        try:
            return await _transfer(download, client, partial, patience=patience)
        except RegistryUnreachable:
            await asyncio.sleep(pause)
    return await _transfer(download, client, partial, patience=patience)


async def _transfer(
    download: Download, client: "RegistryClient", partial: "_Partial", *, patience: Patience
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
    return PackageTooLarge(
        f"the package of `{download.name}` {download.version} is larger than announced",
        detail=f"{limit} bytes were announced",
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


class _Partial:
    """A package on its way, in a file that is locked as long as this is open.

    What comes is on the disk before the next chunk is asked for, so that a killed process loses
    none of it.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.data = bytearray()
        self._hasher = hashlib.sha256()
        self._path = path
        self._file = file
        self._in_use = threading.Lock()
        """`close` after a cancellation waits for `load` or `keep` in their thread."""

    @property
    def integrity(self) -> str:
        return f"sha256:{self._hasher.hexdigest()}"

    @property
    def is_begun(self) -> bool:
        """Whether an earlier transfer left something, which is still to be loaded."""
        return os.fstat(self._file.fileno()).st_size > 0

    def load(self, limit: int) -> None:
        """Takes up what an earlier transfer left, unless that cannot be a part of `limit` bytes."""
        with self._in_use, _writing(self._path):
            if os.fstat(self._file.fileno()).st_size > limit:
                self._file.truncate(0)
            self._file.seek(0)
            self.data += self._file.read(limit)
            self._hasher.update(self.data)

    def add(self, chunk: bytes) -> None:
        with _writing(self._path):
            self._file.write(chunk)
            self._file.flush()
        self._hasher.update(chunk)
        self.data += chunk

    def restart(self) -> None:
        with _writing(self._path):
            self._file.truncate(0)
        self.data.clear()
        self._hasher = hashlib.sha256()

    def keep(self, path: Path) -> None:
        """Moves the whole package to its place.

        Not synced: whoever uses it verifies it, and what a power cut tore is downloaded again.
        """
        with self._in_use, _writing(path):
            if sys.platform == "win32":
                self._file.close()  # an open file cannot be moved there
            path.parent.mkdir(parents=True, exist_ok=True)
            self._path.replace(path)

    def close(self) -> None:
        """Leaves the file for the next try if there is something in it; while still locked, else it goes."""
        with self._in_use, contextlib.suppress(OSError):
            if not self.data:
                self._path.unlink(missing_ok=True)
            self._file.close()


def _open_partial(cache: Path, integrity: str) -> _Partial:
    """The one partial file of a digest, or a file of our own while another download has that one."""
    path = cache / PARTIAL_FOLDER / hex_digest(integrity)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _claim(path)
        if file is None:
            path = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            file = path.open("a+b")
            _try_lock(file)
    return _Partial(path, file)


def _claim(path: Path) -> BinaryIO | None:
    """The file, locked, or None when another download has it.

    Whoever had it may have moved or removed it between our opening and our locking: then what we
    locked is not what stands there, and another one is made.
    """
    for _ in range(_CLAIMS):
        file = path.open("a+b")
        if not _try_lock(file):
            file.close()
            return None
        if _stands_at(path, file):
            return file
        file.close()
    return None


def _try_lock(file: BinaryIO) -> bool:
    """Held until the file is closed or the process is gone, however it ends."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _stands_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sweep(cache: Path) -> None:
    """Bounds what killed processes left, the oldest going first; what is in use stays."""
    try:
        found = [(path.stat(), path) for path in (cache / PARTIAL_FOLDER).iterdir()]
    except OSError:
        return
    found.sort(key=lambda each: each[0].st_mtime_ns, reverse=True)
    room_bytes = PARTIALS_MAX_BYTES
    for place, (status, path) in enumerate(found):
        room_bytes -= status.st_size
        can_be_resumed = not path.suffix
        if place >= PARTIALS_MAX or room_bytes < 0 or not can_be_resumed:
            _remove_unused(path)


def _remove_unused(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("r+b") as file:
        if _try_lock(file) and _stands_at(path, file):
            path.unlink()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProjectNotWritable(
            "the package cache cannot be written",
            detail=f"{error.strerror}: {path.parent}",
            hint="free some space, or name another folder with DONKEYTUI_CACHE_DIR",
        ) from error
