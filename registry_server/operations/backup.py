"""Take a registry's data to another folder, while it is served.

The next backup into the same folder copies only what is new; it replaces the manifest last and
removes what nobody names after that, so the folder always is one whole backup, the earlier or the
later.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from registry_server.contract.problems import InvalidRequest, RegistryDamaged
from registry_server.operations.backup_folder import (
    FORMAT,
    MANIFEST,
    NOT_OURS,
    SETTINGS_MAX_BYTES,
    BackupManifest,
    Progress,
    check_apart,
    check_folders,
    database_digest,
    database_faults_told,
    digest_of,
    ignore_progress,
    lacks,
    list_digest,
    listed_packages,
    name_all,
    noted,
    read_manifest,
    some_packages,
)
from registry_server.registry import Clock, now_utc
from registry_server.store import database, folder, inspection
from registry_server.store.database import Connection
from registry_server.store.folder import DATABASE, PACKAGES, SETTINGS, FileDigest, Unusable
from registry_server.store.inspection import Counts, NeededBlob


class BackupReport(Struct, frozen=True, kw_only=True):
    folder: Path
    manifest: BackupManifest
    copied: int
    copied_bytes: int
    kept: int
    """Packages that were there from an earlier backup."""
    pruned: int
    """Files of an earlier backup that no release names any more."""


def back_up(
    data: Path,
    target: Path,
    on_progress: Progress = ignore_progress,
    *,
    clock: Clock = now_utc,
    recheck: bool = False,
) -> BackupReport:
    """Brings the backup in `target` up to date, or makes one in an empty or absent folder.

    A server may serve and publish meanwhile: the database is of one moment, and a package is on
    disk before a row names it. Packages already in `target` are told by name and size; `recheck`
    reads them again and replaces what has rotted.

    When packages of the registry are missing or damaged and `target` has no good copy, the backup
    is made all the same, because everything else is worth keeping, and they stand in it as lacking;
    then this raises, so that nobody takes it for a whole one. A good copy of an earlier backup is kept.

    Raises `InvalidRequest` for folders that cannot be meant or hold another registry's backup,
    `RegistryBusy` when the disk or another backup is in the way, `RegistryDamaged` as said, or when the
    database itself is damaged; a whole backup is there after each of them, the earlier or the later.
    """
    _require_registry(data)
    check_apart(data, target, "back up to")
    with folder.faults_told(f"the backup in {target} cannot be written", target):
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_is_backup(target)
        with folder.locked(target, "backing up to"):
            return _back_up(data, target, on_progress, made_at=clock(), recheck=recheck)


def verify_backup(source: Path, on_progress: Progress = ignore_progress) -> BackupManifest:
    """Reads every byte of a backup; what `restore` would find out, without restoring.

    Raises `InvalidRequest` when it is none, `RegistryDamaged` when anything is missing or damaged.
    """
    manifest = read_manifest(source)
    on_progress("database", 0, 1)
    with database_faults_told(source):
        folder.verify_file(source / manifest.database, database_digest(manifest))
    blobs = listed_packages(source / manifest.database, manifest)
    faults: list[str] = []
    for number, blob in enumerate(blobs, start=1):
        with noted(faults, blob):
            check_folders(source, blob)
            folder.verify_file(folder.blob_path(source / PACKAGES, blob.integrity), digest_of(blob))
        on_progress("packages", number, len(blobs))
    if faults:
        raise lacks(source, faults)
    return manifest


def _back_up(
    data: Path, target: Path, on_progress: Progress, *, made_at: datetime, recheck: bool
) -> BackupReport:
    on_progress("database", 0, 1)
    settings = _read_settings(data)
    stored, digest = _store_database(data, target)
    with database.reading(stored, is_fixed=True) as connection:
        counts, blobs = inspection.read_counts(connection), inspection.needed_blobs(connection)
    faults: list[str] = []
    lacking: list[NeededBlob] = []
    copied: list[NeededBlob] = []
    for number, blob in enumerate(blobs, start=1):
        with noted(faults, blob, lacking):
            if _copy_package(data, target, blob, recheck=recheck):
                copied.append(blob)
        on_progress("packages", number, len(blobs))
    for path in {folder.blob_path(target / PACKAGES, blob.integrity).parent for blob in copied}:
        folder.sync(path)
    manifest = _manifest_of(counts, blobs, made_at=made_at, database_name=stored.name, digest=digest)
    manifest = msgspec.structs.replace(
        manifest, lacking=tuple(blob.integrity for blob in lacking), settings=settings
    )
    _write_manifest(target, manifest)
    pruned = _prune(target, manifest, {blob.integrity for blob in blobs})
    if faults:
        raise RegistryDamaged(
            f"the backup in {target} is made, but lacks {some_packages(len(faults))}",
            detail=name_all(faults),
            hint="registry-server check --repair --from BACKUP, with another backup that has them",
            extra={"lacking": list(manifest.lacking)},
        )
    return BackupReport(
        folder=target,
        manifest=manifest,
        copied=len(copied),
        copied_bytes=sum(blob.size for blob in copied),
        kept=len(blobs) - len(copied),
        pruned=pruned,
    )


def _store_database(data: Path, target: Path) -> tuple[Path, FileDigest]:
    """The database of this moment under a name of its own, so that the earlier one stays until the end."""
    made = target / f"{folder.TEMPORARY}{secrets.token_hex(6)}.sqlite"
    try:
        made.touch(mode=0o600, exist_ok=False)
        with database.reading(data / DATABASE) as connection:
            database.copy_database(connection, made)
        with database.reading(made, is_fixed=True) as connection:
            _check_sound(connection, target)
            _check_same_registry(connection, target)
        folder.sync(made)
        digest = folder.digest_file(made)
        stored = target / f"registry-{digest.integrity.removeprefix('sha256:')[:16]}.sqlite"
        made.replace(stored)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    return stored, digest


def _check_sound(connection: Connection, target: Path) -> None:
    """A damaged database must not take the place of the good one of an earlier backup."""
    faults = inspection.database_faults(connection) if inspection.has_tables(connection) else ["it is empty"]
    if faults:
        raise RegistryDamaged(
            "the registry's database is damaged, and is not backed up",
            detail=f"{faults[0]}; what was in {target} before stays as it is",
            hint="registry-server check says whether it can be mended",
        )


def _check_same_registry(connection: Connection, target: Path) -> None:
    """A new registry in the place of a lost one must not wipe out the lost one's backup."""
    if not (target / MANIFEST).exists():
        return
    there, here = read_manifest(target).epoch, inspection.read_counts(connection)
    if there not in (here.epoch, *here.former_epochs):
        raise InvalidRequest(
            f"{target} holds the backup of another registry",
            detail=f"that one's feed is {there}, this one's is {here.epoch}",
            hint="name another folder, or restore that backup first",
        )


def _copy_package(data: Path, target: Path, blob: NeededBlob, *, recheck: bool) -> bool:
    """False when it is there from an earlier backup."""
    wanted = digest_of(blob)
    there = folder.blob_path(target / PACKAGES, blob.integrity)
    if folder.has_size(there, blob.size) and (not recheck or _is_good(there, wanted)):
        return False
    folder.copy_verified(folder.blob_path(data / PACKAGES, blob.integrity), there, wanted)
    return True


def _is_good(path: Path, wanted: FileDigest) -> bool:
    try:
        folder.verify_file(path, wanted)
    except Unusable:
        return False
    return True


def _manifest_of(
    counts: Counts, blobs: Sequence[NeededBlob], *, made_at: datetime, database_name: str, digest: FileDigest
) -> BackupManifest:
    return BackupManifest(
        format=FORMAT,
        made_at=made_at,
        epoch=counts.epoch,
        serial=counts.serial,
        plugins=counts.plugins,
        releases=counts.releases,
        packages=len(blobs),
        package_bytes=sum(blob.size for blob in blobs),
        packages_integrity=list_digest(blobs),
        database=database_name,
        database_integrity=digest.integrity,
        database_size=digest.size,
    )


def _read_settings(data: Path) -> str | None:
    """Raises `InvalidRequest` for a file the server would not start with either."""
    path = data / SETTINGS
    if not path.exists():
        return None
    try:
        return folder.read_small(path, SETTINGS_MAX_BYTES).decode()
    except (Unusable, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"{path} cannot be backed up", detail=str(error), hint="mend it, or move it away"
        ) from error


def _write_manifest(target: Path, manifest: BackupManifest) -> None:
    for path in (target / PACKAGES, target):
        if path.is_dir():
            folder.sync(path)
    with folder.new_file(target / MANIFEST) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n")
    folder.sync(target)


def _prune(target: Path, manifest: BackupManifest, named: set[str]) -> int:
    """Removes what the manifest does not name. What cannot go stays: the backup is made."""
    old = [blob.path for blob in folder.list_blobs(target / PACKAGES) if blob.integrity not in named]
    old += [path for path, _ in folder.list_temporary(target / PACKAGES)]
    old += [path for path in target.iterdir() if _is_file_of_ours(path) and path.name != manifest.database]
    pruned = 0
    for path in old:
        with suppress(OSError):
            path.unlink()
            pruned += 1
    return pruned


def _is_file_of_ours(path: Path) -> bool:
    """A stored database or a half-written file, of this backup or an earlier one."""
    is_database = path.name.startswith("registry-") and path.name.endswith(".sqlite")
    return (is_database or path.name.startswith(folder.TEMPORARY)) and not path.is_dir()


def _require_registry(data: Path) -> None:
    if not (data / DATABASE).is_file():
        raise InvalidRequest(f"there is no registry in {data}", hint=f"registry-server init --data {data}")


def _check_is_backup(target: Path) -> None:
    """Raises `InvalidRequest` for a folder with other things in it."""
    names = {path.name for path in target.iterdir()}
    ours = {PACKAGES, MANIFEST, folder.LOCK} | NOT_OURS
    foreign = sorted(name for name in names - ours if not _is_file_of_ours(target / name))
    if foreign:
        raise InvalidRequest(
            f"{target} holds other things than a backup",
            detail=f"there is `{foreign[0][:80]}`{f' and {len(foreign) - 1} more' if foreign[1:] else ''}",
            hint="name an empty folder, or that of an earlier backup",
        )
    if MANIFEST in names:
        read_manifest(target)
