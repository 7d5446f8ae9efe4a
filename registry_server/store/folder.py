"""Files of a data folder and of a backup: listed, copied, verified and locked.

Folders may come from a stick: only ordinary files are opened, links, pipes and devices never are, and
nothing is read beyond the size it should have. Every new file has a temporary name until it is whole.
"""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from registry_server.contract.integrity import hex_digest
from registry_server.contract.problems import RegistryBusy

DATABASE = "registry.sqlite"
PACKAGES = "packages"
SETTINGS = "registry.toml"
RESTORING = ".restoring"
"""Where a restore puts everything until it is whole."""
TEMPORARY = ".new-"
LOCK = ".lock"
SERVING = "serving.lock"
"""Held by the one process that serves a data folder: what it keeps in memory is of no use to two."""
MISSING = "is missing"
CHUNK_BYTES = 1 << 20
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_HEX = frozenset("0123456789abcdef")


class Unusable(Exception):
    """A file that is missing, no ordinary file, or not what it should be; the text says which."""


class BlobFile(Struct, frozen=True, kw_only=True):
    path: Path
    integrity: str
    size: int
    """-1 for what is no ordinary file."""
    modified: float
    """Seconds since the epoch."""


class FileDigest(Struct, frozen=True):
    integrity: str
    size: int


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """An ordinary file for reading.

    Raises `Unusable` for anything else; a pipe does not hold the caller up.
    """
    try:
        handle = os.open(path, _OPEN)
    except OSError as error:
        reason = "is a link" if error.errno == errno.ELOOP else _spoken(error)
        raise Unusable(reason) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unusable("is no ordinary file")
    with os.fdopen(handle, "rb") as file:
        yield file


def read_small(path: Path, limit: int) -> bytes:
    """Raises `Unusable`, also for a file of more than `limit` bytes."""
    with opened(path) as file:
        data = _read(file, limit + 1)
    if len(data) > limit:
        raise Unusable(f"has more than {limit} bytes")
    return data


def digest_file(path: Path) -> FileDigest:
    """Raises `Unusable`."""
    hasher, size = hashlib.sha256(), 0
    with opened(path) as file:
        while chunk := _read(file, CHUNK_BYTES):
            hasher.update(chunk)
            size += len(chunk)
    return FileDigest(f"sha256:{hasher.hexdigest()}", size)


def verify_file(path: Path, wanted: FileDigest) -> None:
    """Raises `Unusable` unless `path` holds exactly what is wanted."""
    with opened(path) as file:
        for _ in _verified_chunks(file, wanted):
            pass


def copy_verified(source: Path, target: Path, wanted: FileDigest) -> None:
    """Copies and verifies in one pass; `target` appears whole or not at all.

    The file is on the device when this returns, its name once the folder is synced too.

    Raises `Unusable` for the source's faults and `OSError` for the target's.
    """
    with opened(source) as reading:
        target.parent.mkdir(parents=True, exist_ok=True)
        with new_file(target) as writing:
            for chunk in _verified_chunks(reading, wanted):
                writing.write(chunk)


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """A file, readable only by its owner, that takes `target`'s place when the block ends well."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Waits until the device has the file, or the names in the folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def blob_path(root: Path, integrity: str) -> Path:
    digest = hex_digest(integrity)
    return root / digest[:2] / digest


def has_size(path: Path, size: int) -> bool:
    """Whether there is an ordinary file of this size."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def list_blobs(root: Path) -> Iterator[BlobFile]:
    """Everything that has a blob's name in a blob's place, in no order; other files are not ours."""
    for path, found in _list_inside(root):
        if len(path.name) == 64 and _HEX.issuperset(path.name) and path.name.startswith(path.parent.name):
            yield BlobFile(
                path=path,
                integrity=f"sha256:{path.name}",
                size=found.st_size if stat.S_ISREG(found.st_mode) else -1,
                modified=found.st_mtime,
            )


def list_temporary(root: Path) -> Iterator[tuple[Path, float]]:
    """What a writer that was killed left beside the blobs, and since when."""
    for path, found in _list_inside(root):
        if path.name.startswith(TEMPORARY) and stat.S_ISREG(found.st_mode):
            yield path, found.st_mtime


def remove_tree(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, doing: str, *, name: str = LOCK) -> Iterator[None]:
    """Raises `RegistryBusy` when another process is `doing` something with it, or it cannot be written."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / name, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise RegistryBusy(
            f"another process is {doing} {folder}",
            hint="stop it first, or name another folder"
            if name == SERVING
            else "try again when it has finished",
        ) from error
    except OSError as error:
        raise RegistryBusy(
            f"{folder} cannot be written",
            detail=_spoken(error),
            hint="use the account that owns it, or mend its rights",
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_served(data: Path) -> bool:
    """Whether a server holds the data folder at this moment."""
    if not (data / SERVING).exists():
        return False  # and make none: it would be the file of whoever asks, and not the server's
    try:
        with locked(data, "serving", name=SERVING):
            return False
    except (RegistryBusy, OSError):
        return True


@contextmanager
def faults_told(title: str, folder: Path) -> Iterator[None]:
    """What the system refuses while writing, as a sentence."""
    try:
        yield
    except OSError as error:
        raise RegistryBusy(
            title,
            detail=f"{_spoken(error)} ({error.filename or folder})",
            hint=f"check free disk space and rights of {folder}",
        ) from error


def _list_inside(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The entries of the folders of two digits in `root`."""
    if not root.is_dir() or root.is_symlink():
        return
    with os.scandir(root) as folders:
        names = [entry.name for entry in folders if entry.is_dir(follow_symlinks=False)]
    for name in sorted(names):
        if len(name) != 2 or not _HEX.issuperset(name):
            continue
        for path in sorted((root / name).iterdir()):
            try:
                yield path, path.lstat()
            except FileNotFoundError:  # a server works beside us: a temporary file has become a blob
                continue


def _verified_chunks(file: BinaryIO, wanted: FileDigest) -> Iterator[bytes]:
    """Raises `Unusable` at the end, or as soon as there is a byte too many."""
    hasher, size = hashlib.sha256(), 0
    while chunk := _read(file, CHUNK_BYTES):
        size += len(chunk)
        if size > wanted.size:
            break
        hasher.update(chunk)
        yield chunk
    if size != wanted.size:
        known = "more than" if size > wanted.size else f"{size} bytes, not"
        raise Unusable(f"has {known} {wanted.size}{' bytes' if size > wanted.size else ''}")
    if f"sha256:{hasher.hexdigest()}" != wanted.integrity:
        raise Unusable("has other bytes than its name says")


def _read(file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        raise Unusable(_spoken(error)) from error


def _spoken(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return MISSING
        case errno.ELOOP:
            return "is a link"
        case _:
            return (error.strerror or str(error)).lower()
