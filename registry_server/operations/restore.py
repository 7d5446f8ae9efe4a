"""Bring a registry back from a backup, whole or not at all."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from registry_server.contract.problems import InvalidRequest, RegistryBusy, RegistryDamaged
from registry_server.operations import feed
from registry_server.operations.backup_folder import (
    NOT_OURS,
    BackupManifest,
    Progress,
    check_apart,
    check_folders,
    database_digest,
    database_faults_told,
    digest_of,
    ignore_progress,
    lacks,
    listed_packages,
    noted,
    read_manifest,
)
from registry_server.operations.reindex import reindex
from registry_server.registry import Clock, now_utc, open_registry
from registry_server.store import folder, inspection
from registry_server.store.folder import DATABASE, PACKAGES, RESTORING, SETTINGS
from registry_server.store.inspection import NeededBlob

_PARTS = (PACKAGES, "shards", "search", SETTINGS)
"""What goes into place before the database."""


class RestoreReport(Struct, frozen=True, kw_only=True):
    data: Path
    manifest: BackupManifest
    epoch: str
    """The new one: followers begin again."""
    lacking: tuple[str, ...]


def restore(
    source: Path,
    data: Path,
    on_progress: Progress = ignore_progress,
    *,
    clock: Clock = now_utc,
    accept_lacking: bool = False,
) -> RestoreReport:
    """A registry from a backup, in an absent or empty folder.

    Everything is copied into a folder inside `data`, verified there, given a new epoch (followers may
    be ahead of the backup and have to begin again) and a fresh index; the database is moved into place
    last, in one step. Until then there is no registry in `data`: killed earlier, this leaves nothing
    that serves, and the next call clears it away. The staging is inside `data`, and not beside it, so
    that `data` may be a mounted disk. `accept_lacking` restores a backup that lacks packages.

    Raises `InvalidRequest` for folders that cannot be meant, `RegistryDamaged` when the backup is not
    whole, `RegistryBusy` when the disk is in the way.
    """
    check_apart(source, data, "restore into")
    manifest = read_manifest(source)
    _check_empty(data)
    is_new = not data.exists()
    with folder.faults_told(f"the registry in {data} cannot be written", data):
        data.mkdir(parents=True, exist_ok=True)
        try:
            with _staging(data) as staging:
                blobs = _stage_database(source, staging, manifest, on_progress)
                lacking = _stage_packages(source, staging, blobs, on_progress)
                if lacking and not accept_lacking:
                    raise lacks(source, lacking)
                on_progress("index", 0, 1)
                epoch = _begin_again(staging, clock)
                _stage_settings(staging, manifest)
                _move_into_place(staging, data)
        except BaseException:
            if is_new:
                with suppress(OSError):
                    data.rmdir()  # only when it is empty
            raise
    on_progress("index", 1, 1)
    return RestoreReport(data=data, manifest=manifest, epoch=epoch, lacking=tuple(lacking))


@contextmanager
def _staging(data: Path) -> Iterator[Path]:
    """An empty folder in `data` that no other restore has; gone afterwards, with all that came of it
    when there is no registry in the end."""
    staging = data / RESTORING
    staging.mkdir(exist_ok=True, mode=0o700)
    with folder.locked(staging, "restoring into"):
        _check_empty(data)  # again: another one may have finished a moment ago
        try:
            _clear(data, but_lock=True)
            yield staging
        except BaseException:
            if not (data / DATABASE).exists():
                with suppress(OSError):
                    _clear(data)
            raise
    folder.remove_tree(staging)


def _stage_database(
    source: Path, staging: Path, manifest: BackupManifest, on_progress: Progress
) -> list[NeededBlob]:
    on_progress("database", 0, 1)
    with database_faults_told(source):
        folder.copy_verified(source / manifest.database, staging / DATABASE, database_digest(manifest))
    return listed_packages(staging / DATABASE, manifest)


def _stage_packages(
    source: Path, staging: Path, blobs: Sequence[NeededBlob], on_progress: Progress
) -> list[str]:
    """Sentences on what is missing or damaged; the rest is copied."""
    faults: list[str] = []
    for number, blob in enumerate(blobs, start=1):
        with noted(faults, blob):
            check_folders(source, blob)
            folder.copy_verified(
                folder.blob_path(source / PACKAGES, blob.integrity),
                folder.blob_path(staging / PACKAGES, blob.integrity),
                digest_of(blob),
            )
        on_progress("packages", number, len(blobs))
    return faults


def _begin_again(staging: Path, clock: Clock) -> str:
    """A new epoch, shards and index, with the schema of this program; the database is one file after it."""
    epoch = secrets.token_hex(8)
    registry = open_registry(staging, clock)
    try:
        with registry.database.write() as connection:
            inspection.begin_epoch(connection, epoch)
            inspection.forget_shards(connection)
        feed.read_snapshot(registry)
        with suppress(RegistryDamaged):  # a document that was unreadable before; a check names it
            reindex(registry)
    finally:
        registry.close()
    return epoch


def _stage_settings(staging: Path, manifest: BackupManifest) -> None:
    if manifest.settings is not None:
        with folder.new_file(staging / SETTINGS) as file:
            file.write(manifest.settings.encode())


def _move_into_place(staging: Path, data: Path) -> None:
    """The database last: with it there is a registry."""
    if (staging / f"{DATABASE}-wal").exists():
        raise RegistryBusy(
            f"the database in {staging} could not be finished", hint="check free disk space, and try again"
        )
    _sync_tree(staging)
    _check_empty(data)
    for name in _PARTS:
        if (staging / name).exists():
            (staging / name).rename(data / name)
    folder.sync(data)
    (staging / DATABASE).rename(data / DATABASE)
    folder.sync(data)


def _sync_tree(root: Path) -> None:
    folder.sync(root)
    for path in root.rglob("*"):
        if path.is_dir():
            folder.sync(path)


def _clear(data: Path, *, but_lock: bool = False) -> None:
    """What a restore that ended early left."""
    for path in data.iterdir():
        if path.name in _PARTS or (path.name == RESTORING and not but_lock):
            folder.remove_tree(path)
    if but_lock:
        for path in (data / RESTORING).iterdir():
            if path.name != folder.LOCK:
                folder.remove_tree(path)


def _check_empty(data: Path) -> None:
    """Raises `InvalidRequest` unless `data` is absent, empty, or what an interrupted restore left."""
    if not data.exists():
        return
    if not data.is_dir():
        raise InvalidRequest(f"{data} is not a folder", hint="name an empty or a new one")
    names = {path.name for path in data.iterdir()} - NOT_OURS
    is_left_over = RESTORING in names and names <= {RESTORING, *_PARTS}
    if names and not is_left_over:
        raise InvalidRequest(
            f"{data} is not empty",
            detail="there is a registry in it" if DATABASE in names else f"there is `{min(names)[:80]}`",
            hint="restore into a new folder, and move it into place yourself",
        )
