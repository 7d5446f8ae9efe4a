"""Content-addressed files: packages and catalogue shards under their SHA-256.

Written as temporary file, fsync, rename, fsync of the folder: a name that exists has all its bytes.
A crash leaves at worst a temporary file or a blob no row speaks of; neither is ever served.
"""

import os
import tempfile
from pathlib import Path

from registry_server.contract.integrity import hex_digest, integrity_of
from registry_server.contract.problems import RegistryBusy, RegistryDamaged


class Blobs:
    """A folder of blobs; `put` is idempotent and safe under concurrent writers."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, integrity: str) -> Path:
        digest = hex_digest(integrity)
        return self.root / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """Stores `data` durably; returns its integrity."""
        integrity = integrity_of(data)
        target = self.path(integrity)
        if target.exists() and target.stat().st_size == len(data):
            return integrity
        try:
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
        try:
            data = self.path(integrity).read_bytes()
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


def _write_durably(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".new-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
