"""Content-addressed files: packages and catalogue shards under their SHA-256.

Written as temporary file, fsync, rename, fsync of the folder: a name that exists has all its bytes.
A crash leaves at worst a temporary file or a blob no row speaks of; neither is ever served.
"""

import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from registry_server.contract.integrity import hex_digest, integrity_of
from registry_server.contract.problems import RegistryBusy, RegistryDamaged
from registry_server.store.folder import blob_path, has_size, list_blobs, new_file, sync

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Blobs:
    """A folder of blobs; `put` is idempotent and safe under concurrent writers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)

    def path(self, integrity: str) -> Path:
        return blob_path(self.root, integrity)

    def has(self, integrity: str, size: int) -> bool:
        return has_size(self.path(integrity), size)

    def put(self, data: bytes) -> str:
        """Stores `data` durably; returns its integrity."""
        integrity = integrity_of(data)
        target = self.path(integrity)
        try:
            if not _is_kept(target, len(data)):
                _write_durably(target, data)
        except OSError as error:
            raise RegistryBusy(
                "the registry cannot store the package",
                detail=f"{error.strerror} ({target.parent})",
                hint="check free disk space and rights of the data folder",
            ) from error
        return integrity

    def get(self, integrity: str) -> bytes:
        """The bytes under `integrity`.

        Raises `RegistryDamaged` when the file is missing or not what its name says.
        """
        digest = hex_digest(integrity)
        try:
            # Plain calls: half of what a small download costs would be making paths and file objects.
            handle = os.open(f"{self._root}/{digest[:2]}/{digest}", _READ)
            try:
                data = _read_all(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise RegistryDamaged(
                "a stored package is missing",
                detail=f"{integrity}: {error.strerror}",
                hint="restore a backup of the registry",
            ) from error
        if integrity_of(data) != integrity:
            raise RegistryDamaged(
                "a stored package is damaged", detail=integrity, hint="restore a backup of the registry"
            )
        return data

    def prune(self, named: Collection[str], *, before: datetime) -> int:
        """Removes blobs that are not `named` and older than `before`; how many there were.

        Only for blobs that are made from rows, such as shards, and under the lock their writers hold.
        """
        limit = before.timestamp()
        old = [
            blob.path
            for blob in list_blobs(self.root)
            if blob.size >= 0 and blob.modified < limit and blob.integrity not in named
        ]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


def _is_kept(target: Path, size: int) -> bool:
    """Whether the blob is there; made young again, since a sweep takes old ones that no row names yet."""
    if not has_size(target, size):
        return False
    try:
        os.utime(target)
    except FileNotFoundError:  # swept between the two looks
        return False
    except PermissionError:  # another user's file, which no sweep of ours takes
        return True
    # Who wrote it may be another process that has yet to come to this.
    sync(target.parent)
    return True


def _read_all(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    data = os.read(handle, size + 1)
    while len(data) < size and (more := os.read(handle, size - len(data))):
        data += more
    return data


def _write_durably(target: Path, data: bytes) -> None:
    if not target.parent.is_dir():
        # Without its root, a disk that is not mounted would quietly become a new folder.
        target.parent.mkdir(exist_ok=True)
        sync(target.parent.parent)
    with new_file(target) as file:
        file.write(data)
    sync(target.parent)
