"""What a backup folder is: its manifest, and the sentences of those who write and read one.

A backup is a folder: `backup.json` (what it holds, with digests), the database it names, and the
packages under their digests; `registry.toml` stands in the manifest. Search index and shards are not
in it: they are made again. It holds the hashes of passwords and tokens, so its files are readable by
their owner only.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from registry_server.contract.problems import InvalidRequest, ProblemError, RegistryDamaged
from registry_server.store import database, folder, inspection
from registry_server.store.folder import PACKAGES, FileDigest, Unusable
from registry_server.store.inspection import NeededBlob

FORMAT = 1
MANIFEST = "backup.json"
MANIFEST_MAX_BYTES = 16 << 20
SETTINGS_MAX_BYTES = 1 << 20
NAMED_MAX = 20
"""Packages that a sentence names one by one."""
NOT_OURS = frozenset({"lost+found"})
"""Every disk of its own has one."""

Stage = Literal["database", "packages", "index"]
Progress = Callable[[Stage, int, int], None]
"""Hears the stage, how many are done and how many there are."""


class BackupManifest(Struct, frozen=True, kw_only=True):
    """What `backup.json` says."""

    format: int
    made_at: datetime
    epoch: str
    serial: int
    plugins: int
    releases: int
    packages: int
    package_bytes: int
    packages_integrity: str
    """Of the sorted list of digests and sizes."""
    database: str
    """Name of the file."""
    database_integrity: str
    database_size: int
    lacking: tuple[str, ...] = ()
    """Packages that were missing or damaged in the registry already."""
    settings: str | None = None
    """Text of the registry's `registry.toml`; None when it has none."""


def ignore_progress(_stage: Stage, _done: int, _total: int) -> None:
    """For callers who do not want to hear."""


def read_manifest(source: Path) -> BackupManifest:
    """Raises `InvalidRequest` when `source` is no backup, or one of a newer program."""
    try:
        manifest = msgspec.json.decode(
            folder.read_small(source / MANIFEST, MANIFEST_MAX_BYTES), type=BackupManifest
        )
    except Unusable as error:
        raise InvalidRequest(
            f"{source} is not a backup of a registry",
            detail=f"{MANIFEST} {error}",
            hint="name the folder that `registry-server backup` wrote",
        ) from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidRequest(
            f"{source} is not a backup of a registry", detail=f"{MANIFEST}: {error}"
        ) from error
    if manifest.format != FORMAT:
        raise InvalidRequest(
            f"the backup in {source} has format {manifest.format}",
            detail=f"this program knows format {FORMAT}",
            hint="use the program that made the backup",
        )
    if Path(manifest.database).name != manifest.database or not manifest.database.startswith("registry-"):
        raise InvalidRequest(
            f"{source} is not a backup of a registry", detail=f"{MANIFEST} names no database"
        )
    return manifest


def listed_packages(path: Path, manifest: BackupManifest) -> list[NeededBlob]:
    """The packages a copied database names, once it proved sound and the one the manifest means."""
    with database.reading(path, is_fixed=True) as connection:
        if faults := inspection.database_faults(connection):
            raise RegistryDamaged(
                "the database in the backup is damaged", detail=faults[0], hint="use another backup"
            )
        if foreign := database.foreign_steps(connection):
            raise InvalidRequest(
                "the backup was made by a newer registry-server",
                detail=f"this one does not know the schema `{foreign[-1]}`",
                hint="install the newer one",
            )
        counts, blobs = inspection.read_counts(connection), inspection.needed_blobs(connection)
    said = (manifest.epoch, manifest.serial, manifest.plugins, manifest.releases, manifest.packages_integrity)
    if (counts.epoch, counts.serial, counts.plugins, counts.releases, list_digest(blobs)) != said:
        raise RegistryDamaged(
            f"{MANIFEST} does not describe the database beside it",
            detail=f"it says serial {manifest.serial} and {manifest.releases} releases,"
            f" the database has {counts.serial} and {counts.releases}",
            hint="use another backup",
        )
    return blobs


def list_digest(blobs: Sequence[NeededBlob]) -> str:
    lines = "".join(f"{blob.integrity} {blob.size}\n" for blob in blobs)
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def digest_of(blob: NeededBlob) -> FileDigest:
    return FileDigest(blob.integrity, blob.size)


def database_digest(manifest: BackupManifest) -> FileDigest:
    return FileDigest(manifest.database_integrity, manifest.database_size)


def check_apart(one: Path, other: Path, doing: str) -> None:
    """Raises `InvalidRequest` when one folder is, or is inside, the other."""
    first, second = one.resolve(), other.resolve()
    if first == second or first in second.parents or second in first.parents:
        raise InvalidRequest(
            f"{other} is no place to {doing}",
            detail=f"it is {'the same folder as' if first == second else 'inside or around'} {one}",
            hint="name a folder apart from it, best on another disk",
        )


def check_folders(source: Path, blob: NeededBlob) -> None:
    """Raises `Unusable` when a folder on the way to the package is a link."""
    path = folder.blob_path(source / PACKAGES, blob.integrity)
    if path.parent.is_symlink() or path.parent.parent.is_symlink():
        raise Unusable("is behind a link")


@contextlib.contextmanager
def noted(faults: list[str], blob: NeededBlob, lacking: list[NeededBlob] | None = None) -> Iterator[None]:
    """Puts an unusable package down, and goes on."""
    try:
        yield
    except (Unusable, ProblemError) as error:
        faults.append(f"`{blob.name}` {blob.version} {error}")
        if lacking is not None:
            lacking.append(blob)


@contextlib.contextmanager
def database_faults_told(source: Path) -> Iterator[None]:
    try:
        yield
    except Unusable as error:
        raise RegistryDamaged(
            f"the database of the backup in {source} cannot be used",
            detail=f"it {error}",
            hint="use another backup",
        ) from error


def lacks(source: Path, faults: Sequence[str]) -> RegistryDamaged:
    return RegistryDamaged(
        f"the backup in {source} lacks {some_packages(len(faults))}",
        detail=name_all(faults),
        hint="use another backup, or restore this one with --accept-lacking",
    )


def name_all(faults: Sequence[str]) -> str:
    more = len(faults) - NAMED_MAX
    return "; ".join(faults[:NAMED_MAX]) + (f"; and {more} more" if more > 0 else "")


def some_packages(count: int) -> str:
    return f"{count} package{'s' if count != 1 else ''}"
