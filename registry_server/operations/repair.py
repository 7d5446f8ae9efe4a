"""Mend what a check found and the folder itself can answer for.

Everything is decided again under the write lock, so a server may go on meanwhile; nothing that a
row names is ever removed. Doing it twice changes nothing the second time.
"""

import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from registry_server.contract.problems import InvalidRequest, RegistryDamaged
from registry_server.operations import feed
from registry_server.operations.check import (
    YOUNG,
    CheckReport,
    Progress,
    StorageFinding,
    check,
    ignore_progress,
    leftovers,
)
from registry_server.operations.reindex import reindex
from registry_server.registry import Clock, Registry, now_utc, open_registry
from registry_server.store import changes, folder, inspection
from registry_server.store.database import Connection
from registry_server.store.folder import FileDigest, Unusable

_OF_A_PLUGIN = ("rating-sum", "download-sum", "label-order", "plugin-document", "feed-entry")
_OF_A_PACKAGE = ("package-missing", "package-damaged")
PASSES = 3
"""An older schema hides everything else, and orphans go before what they were counted in."""


class RepairReport(Struct, frozen=True, kw_only=True):
    mended: tuple[StorageFinding, ...]
    remaining: CheckReport
    """What a check finds now: what only a backup or a person mends."""


def repair(
    data: Path,
    on_progress: Progress = ignore_progress,
    *,
    clock: Clock = now_utc,
    is_stopped: bool = False,
    backup: Path | None = None,
) -> RepairReport:
    """Checks, mends, and checks again. `backup`: a folder to take missing and damaged packages from.

    `is_stopped`: the caller knows that no server runs, so files that nobody names go however young they are.

    Raises `InvalidRequest` without a registry in `data`, `RegistryBusy` when it cannot be written. A
    database that is damaged itself is left as it is: see the report.
    """
    found = check(data, on_progress, clock=clock, is_stopped=is_stopped)
    seen: dict[tuple[str, str], StorageFinding] = {}
    for _ in range(PASSES):
        seen |= {_key(finding): finding for finding in found.findings}
        if not _is_work(found, backup):
            break
        registry = open_registry(data, clock)
        try:
            with folder.faults_told(f"the registry in {data} cannot be mended", data):
                _mend(registry, data, found, backup=backup, old=None if is_stopped else clock() - YOUNG)
        finally:
            registry.close()
        found = check(data, on_progress, clock=clock, is_stopped=is_stopped)
    remaining = {_key(finding) for finding in found.findings}
    mended = tuple(finding for key, finding in seen.items() if key not in remaining)
    return RepairReport(mended=mended, remaining=found)


def _key(finding: StorageFinding) -> tuple[str, str]:
    return finding.code, finding.subject


def _is_work(found: CheckReport, backup: Path | None) -> bool:
    lost = any(finding.code in _OF_A_PACKAGE for finding in found.findings)
    return bool(found.of("repair")) or (lost and backup is not None)


def _mend(
    registry: Registry, data: Path, found: CheckReport, *, backup: Path | None, old: datetime | None
) -> None:
    codes = {finding.code for finding in found.findings}
    with registry.database.write() as connection:
        if "database-index" in codes:
            inspection.rebuild_indexes(connection)
        if "orphan-rows" in codes:
            inspection.remove_orphans(connection)
    for name in sorted({finding.subject for finding in found.findings if finding.code in _OF_A_PLUGIN}):
        # A transaction each, so that a server's publishes get in between.
        with registry.database.write() as connection:
            _mend_plugin(connection, name, registry.clock())
    if "feed-gap" in codes:
        _fill_gaps(registry)
    if backup is not None:
        _bring_packages(registry, found, backup)
    if "shards" in codes:
        _make_shards(registry)
    if codes & {"search-index", "feed-gap"}:
        with suppress(RegistryDamaged):  # a document that cannot be read is a finding of its own
            reindex(registry)
    with registry.database.write() as connection:
        # Under the lock no publish can put a row where this look saw none.
        mendable = {finding.subject for finding in found.of("repair")}
        for path in leftovers(connection, data, old):
            if str(path.relative_to(data)) in mendable:
                folder.remove_tree(path)
        shards = {row.digest for row in changes.shard_rows(connection).values()}
        registry.shards.prune(shards, before=registry.clock() if old is None else old)


def _mend_plugin(connection: Connection, name: str, now: datetime) -> None:
    """Sums and labels first, then the document that is made of them."""
    found = inspection.find_plugin(connection, name)
    if found is None:
        return
    inspection.set_sums(connection, found)
    sums = inspection.find_plugin(connection, name) or found
    if name in inspection.plugins_with_label_gaps(connection):
        inspection.number_labels(connection, name)
    try:
        is_current = inspection.is_document_current(connection, sums)
    except ValueError:  # its rows cannot be read: that needs a backup
        return
    is_true = is_current and sums.documented_downloads <= sums.downloads
    if found.has_document and (not is_true or name in inspection.plugins_without_entry(connection)):
        changes.record(connection, found.id, now)


def _fill_gaps(registry: Registry) -> None:
    with registry.database.write() as connection:
        gaps = inspection.serial_gaps(connection)
        if sum(len(gap) for gap in gaps) <= inspection.GAPS_MAX:
            inspection.fill_gaps(connection, gaps, registry.clock())
            # What the lost entries said is not known, so nobody may rely on having read past them.
            inspection.begin_epoch(connection, secrets.token_hex(8))


def _bring_packages(registry: Registry, found: CheckReport, backup: Path) -> None:
    """What the backup has not, or not whole, stays a finding."""
    wanted = {finding.subject for finding in found.findings if finding.code in _OF_A_PACKAGE}
    for blob in inspection.needed_blobs(registry.database.read()):
        if blob.integrity not in wanted:
            continue
        target = registry.packages.path(blob.integrity)
        try:
            source = folder.blob_path(backup / folder.PACKAGES, blob.integrity)
            folder.copy_verified(source, target, FileDigest(blob.integrity, blob.size))
        except (Unusable, IsADirectoryError, InvalidRequest):
            continue
        folder.sync(target.parent)
        folder.sync(registry.packages.root)


def _make_shards(registry: Registry) -> None:
    """Damaged files go first: one of the right size would be taken for the new one."""
    with registry.database.write() as connection:
        rows = changes.shard_rows(connection).values()
        inspection.forget_shards(connection)
    for row in rows:
        with suppress(InvalidRequest):  # a row that names no file
            folder.remove_tree(folder.blob_path(registry.shards.root, row.digest))
    feed.read_snapshot(registry)
