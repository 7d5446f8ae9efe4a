"""Packages on their way, as files that whoever comes next can go on with.

A file is locked by the download that writes it, for as long as it is open; a second download of the
same digest writes a file of its own. What killed processes left is bounded, the oldest going first.
"""

import contextlib
import hashlib
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from donkeytui.problems import ProjectNotWritable
from registry_server.contract.integrity import hex_digest

if sys.platform != "win32":
    import fcntl

PARTIAL_FOLDER = "partial"
PARTIALS_MAX = 32
PARTIALS_MAX_BYTES = 64 << 20
_CLAIMS = 3


class Partial:
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


def open_partial(cache: Path, integrity: str) -> Partial:
    """The one partial file of a digest, or a file of our own while another download has that one."""
    path = cache / PARTIAL_FOLDER / hex_digest(integrity)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _claim(path)
        if file is None:
            path = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            file = path.open("a+b")
            _try_lock(file)
    return Partial(path, file)


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


def sweep_partials(cache: Path) -> None:
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
