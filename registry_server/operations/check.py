"""Compare what a data folder holds with itself: rows, packages, documents, feed, shards, index.

Looks and writes nothing, also while a server goes on. Followers may lag behind the feed at any
time, so an index or a snapshot of an earlier serial is no finding; one that is ahead is. A plugin
without a document is one that waits for an admin or is gone, and is left alone.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from msgspec import Struct

from registry_server.contract.problems import InvalidRequest, ProblemError, RegistryDamaged
from registry_server.registry import Clock, now_utc
from registry_server.search.index import IndexDamaged, SearchIndex
from registry_server.store import changes, database, folder, inspection
from registry_server.store.database import Connection
from registry_server.store.folder import FileDigest, Unusable
from registry_server.store.inspection import NeededBlob, PluginRow

Remedy = Literal["repair", "backup", "person"]
"""Who mends it: `check --repair`, a backup, or somebody who decides."""

Code = Literal[
    "database-damaged",
    "database-index",
    "schema-old",
    "schema-new",
    "orphan-rows",
    "package-missing",
    "package-damaged",
    "blob-unnamed",
    "temporary-file",
    "plugin-unreadable",
    "plugin-document",
    "rating-sum",
    "download-sum",
    "label-order",
    "owner-missing",
    "releases-missing",
    "feed-gap",
    "feed-entry",
    "shards",
    "search-index",
]

YOUNG = timedelta(hours=1)
"""Files that no row names may belong to a publish under way."""
FEW = 20
"""So many packages that no row names may be left over, even in a small registry."""

Progress = Callable[[str, int, int], None]


class StorageFinding(Struct, frozen=True, kw_only=True):
    code: Code
    text: str
    remedy: Remedy
    hint: str
    """What the remedy does."""
    subject: str = ""
    """Name of the plugin, integrity of the package or path of the file, if it is about one."""


class CheckReport(Struct, frozen=True, kw_only=True):
    findings: tuple[StorageFinding, ...]
    plugins: int = 0
    packages: int = 0
    package_bytes: int = 0

    @property
    def is_clean(self) -> bool:
        return not self.findings

    def of(self, remedy: Remedy) -> tuple[StorageFinding, ...]:
        return tuple(finding for finding in self.findings if finding.remedy == remedy)


def ignore_progress(_stage: str, _done: int, _total: int) -> None:
    """For callers who do not want to hear."""


def check(
    data: Path,
    on_progress: Progress = ignore_progress,
    *,
    clock: Clock = now_utc,
    is_stopped: bool = False,
) -> CheckReport:
    """Everything that is not as it should be, worst first in each part.

    `is_stopped`: the caller knows that no server runs, so that files nobody names are left over
    however young they are.

    Raises `InvalidRequest` without a registry in `data`, `RegistryBusy` when it cannot be read.
    """
    path = data / folder.DATABASE
    if not path.is_file():
        raise InvalidRequest(f"there is no registry in {data}", hint=f"registry-server init --data {data}")
    old = None if is_stopped else clock() - YOUNG
    try:
        with database.reading(path) as connection:
            return _check(connection, data, on_progress, old=old)
    except RegistryDamaged as error:
        return CheckReport(findings=(_damaged(error.problem.detail or error.problem.title),))


def _check(connection: Connection, data: Path, on_progress: Progress, *, old: datetime | None) -> CheckReport:
    on_progress("database", 0, 1)
    if schema := tuple(_schema_findings(connection)):
        return CheckReport(findings=schema)
    faults = tuple(_database_findings(connection))
    if any(fault.code == "database-damaged" for fault in faults):
        # What a damaged file says about itself only hides the one thing to do.
        return CheckReport(findings=faults)
    listed = inspection.list_plugins(connection)
    blobs = inspection.needed_blobs(connection)
    findings = (
        *faults,
        *_orphan_findings(connection),
        *_package_findings(blobs, data, on_progress),
        *_leftover_findings(connection, data, blobs, old=old),
        *_plugin_findings(connection, listed, on_progress),
        *_feed_findings(connection),
        *_shard_findings(connection, data),
        *_index_findings(connection, data),
    )
    return CheckReport(
        findings=findings,
        plugins=len(listed),
        packages=len(blobs),
        package_bytes=sum(blob.size for blob in blobs),
    )


def _schema_findings(connection: Connection) -> Iterator[StorageFinding]:
    if foreign := database.foreign_steps(connection):
        yield StorageFinding(
            code="schema-new",
            text=f"a newer registry-server wrote the database (schema `{foreign[-1]}`)",
            remedy="person",
            hint="use the newer program",
        )
    missing = database.missing_steps(connection)
    if missing and not inspection.has_tables(connection):
        # Opening it would make an empty registry of it, and every package would be one too many.
        yield _damaged("it is empty")
    elif missing:
        yield StorageFinding(
            code="schema-old",
            text=f"the database lacks {_some(len(missing), 'step')} of the schema, from `{missing[0]}` on",
            remedy="repair",
            hint="brings the schema up to date; starting the server does so too",
        )


def _database_findings(connection: Connection) -> Iterator[StorageFinding]:
    faults = inspection.database_faults(connection)
    for fault in faults:
        if not inspection.is_of_an_index(fault):
            yield _damaged(fault)
    of_indexes = [fault for fault in faults if inspection.is_of_an_index(fault)]
    if of_indexes:
        yield StorageFinding(
            code="database-index",
            text=f"an index of the database disagrees with its table: {of_indexes[0]}",
            remedy="repair",
            hint="makes the indexes again",
        )


def _damaged(fault: str) -> StorageFinding:
    return StorageFinding(
        code="database-damaged",
        text=f"the database is damaged: {fault}",
        remedy="backup",
        hint="stop the server and restore a backup",
    )


def _orphan_findings(connection: Connection) -> Iterator[StorageFinding]:
    for orphans in inspection.list_orphans(connection):
        rows = _some(orphans.count, "row")
        yield StorageFinding(
            code="orphan-rows",
            text=f"{rows} of `{orphans.table}` point to `{orphans.parent}` that are not there",
            remedy="repair" if orphans.is_removable else "backup",
            hint="removes them; nothing else knows of them"
            if orphans.is_removable
            else "restore a backup: what they belong to is lost",
            subject=orphans.table,
        )


def _package_findings(blobs: list[NeededBlob], data: Path, on_progress: Progress) -> Iterator[StorageFinding]:
    for number, blob in enumerate(blobs, start=1):
        try:
            path = folder.blob_path(data / folder.PACKAGES, blob.integrity)
            folder.verify_file(path, FileDigest(blob.integrity, blob.size))
        except (Unusable, ProblemError) as error:
            is_missing = str(error) == folder.MISSING
            yield StorageFinding(
                code="package-missing" if is_missing else "package-damaged",
                text=f"the package of `{blob.name}` {blob.version} {error}",
                remedy="backup",
                hint=f"bring {blob.integrity} from a backup: check --repair --from BACKUP",
                subject=blob.integrity,
            )
        on_progress("packages", number, len(blobs))


def _leftover_findings(
    connection: Connection, data: Path, blobs: list[NeededBlob], *, old: datetime | None
) -> Iterator[StorageFinding]:
    found = list(leftovers(connection, data, old))
    packages = [path for path in found if _is_blob(path)]
    named = len({blob.integrity for blob in blobs})
    if len(packages) > max(FEW, named):
        found = [path for path in found if path not in packages]
        yield StorageFinding(
            code="blob-unnamed",
            text=f"{len(packages)} packages in the folder are named by no row, and {named} are",
            remedy="person",
            hint="make sure that the database is the one that belongs here; nothing is removed",
        )
    for path in found:
        what = "no row names it" if _is_blob(path) else "whoever wrote it was stopped"
        yield StorageFinding(
            code="blob-unnamed" if _is_blob(path) else "temporary-file",
            text=f"{path.relative_to(data)} is left over: {what}",
            remedy="repair",
            hint="removes it",
            subject=str(path.relative_to(data)),
        )


def _is_blob(path: Path) -> bool:
    return not path.name.startswith(".")


def leftovers(connection: Connection, data: Path, old: datetime | None) -> Iterator[Path]:
    """Files that nothing needs, from before `old` (None: of any age).

    Not the shards of earlier snapshots: each new snapshot leaves some, and they go with a later one.
    """
    limit = float("inf") if old is None else old.timestamp()
    for blob in folder.list_blobs(data / folder.PACKAGES):
        if blob.size >= 0 and blob.modified < limit and not inspection.is_named(connection, blob.integrity):
            yield blob.path
    for root in (folder.PACKAGES, "shards"):
        yield from (path for path, modified in folder.list_temporary(data / root) if modified < limit)
    restoring = data / folder.RESTORING
    if restoring.is_dir() and restoring.lstat().st_mtime < limit:
        yield restoring


def _plugin_findings(
    connection: Connection, listed: list[PluginRow], on_progress: Progress
) -> Iterator[StorageFinding]:
    downloads = inspection.download_sums(connection)
    for number, plugin in enumerate(listed, start=1):
        if (plugin.rating_sum, plugin.rating_count) != inspection.rating_sums(connection, plugin.id):
            yield _of_plugin("rating-sum", plugin.name, "does not add up its ratings", "adds them up")
        if plugin.downloads != downloads.get(plugin.id, 0):
            text = f"counts {plugin.downloads} downloads, its days add up to {downloads.get(plugin.id, 0)}"
            yield _of_plugin("download-sum", plugin.name, text, "adds the days up")
        if plugin.has_document:
            yield from _document_findings(connection, plugin)
        on_progress("plugins", number, len(listed))
    for name in inspection.plugins_with_label_gaps(connection):
        yield _of_plugin("label-order", name, "has categories or tags out of order", "numbers them again")
    for name in inspection.ownerless(connection):
        yield _of_plugin(
            "owner-missing",
            name,
            "has no owner: only an admin can publish it",
            "give it one",
            remedy="person",
        )
    for name in inspection.releaseless(connection):
        yield _of_plugin("releases-missing", name, "has no release", "restore a backup", remedy="backup")


def _document_findings(connection: Connection, plugin: PluginRow) -> Iterator[StorageFinding]:
    try:
        if not inspection.is_document_current(connection, plugin):
            text = "has a document that is not what its rows say"
            yield _of_plugin("plugin-document", plugin.name, text, "makes it again, and tells followers")
    except ValueError as error:
        yield _of_plugin(
            "plugin-unreadable",
            plugin.name,
            f"has rows that cannot be read: {error}",
            "restore a backup",
            remedy="backup",
        )


def _of_plugin(code: Code, name: str, text: str, hint: str, *, remedy: Remedy = "repair") -> StorageFinding:
    return StorageFinding(code=code, text=f"`{name}` {text}", remedy=remedy, hint=hint, subject=name)


def _feed_findings(connection: Connection) -> Iterator[StorageFinding]:
    if gaps := inspection.serial_gaps(connection):
        missing = sum(len(gap) for gap in gaps)
        is_small = missing <= inspection.GAPS_MAX
        yield StorageFinding(
            code="feed-gap",
            text=f"the feed lacks {_some(missing, 'serial')}, the first is {gaps[0].start}",
            remedy="repair" if is_small else "backup",
            hint="fills them, and has followers begin again" if is_small else "restore a backup",
        )
    for name in inspection.plugins_without_entry(connection):
        yield _of_plugin("feed-entry", name, "was never announced in the feed", "announces it")


def _shard_findings(connection: Connection, data: Path) -> Iterator[StorageFinding]:
    """Shards are made from the documents, so one sentence and one remedy do for all of them."""
    fault = next(_shard_faults(connection, data), "")
    if fault:
        yield StorageFinding(
            code="shards",
            text=f"the snapshot cannot be used: {fault}",
            remedy="repair",
            hint="makes it again",
        )


def _shard_faults(connection: Connection, data: Path) -> Iterator[str]:
    rows = changes.shard_rows(connection)
    serial = int(changes.read_meta(connection, "snapshot")) if changes.has_meta(connection, "snapshot") else 0
    last = changes.current_serial(connection)
    if serial > last:
        yield f"it stands for serial {serial}, the feed ends at {last}"
    for number, row in rows.items():
        try:
            path = folder.blob_path(data / "shards", row.digest)
            folder.verify_file(path, FileDigest(row.digest, row.size))
        except (Unusable, ProblemError) as error:
            yield f"shard {number} {error}"
    if serial == last:
        yield from _shards_that_differ(connection, rows)


def _shards_that_differ(connection: Connection, rows: dict[int, changes.ShardRow]) -> Iterator[str]:
    """A snapshot of now holds the plugins of now."""
    count = int(changes.read_meta(connection, "shards")) if changes.has_meta(connection, "shards") else 1
    expected = dict.fromkeys(rows, 0)
    for name, _ in changes.all_documents(connection):
        number = changes.shard_number(name, count)
        expected[number] = expected.get(number, 0) + 1
    for number, plugins in sorted(expected.items()):
        held = rows[number].plugins if number in rows else 0
        if held != plugins:
            yield f"shard {number} holds {_some(held, 'plugin')} of {plugins}"


def _index_findings(connection: Connection, data: Path) -> Iterator[StorageFinding]:
    fault = _index_fault(connection, SearchIndex(data / "search"))
    if fault:
        yield StorageFinding(
            code="search-index", text=f"the search index {fault}", remedy="repair", hint="builds it again"
        )


def _index_fault(connection: Connection, index: SearchIndex) -> str:
    """Empty for an index in order, one that has yet to catch up, and none at all: searching makes it."""
    try:
        manifest = index.manifest()
    except IndexDamaged as error:
        return f"cannot be read: {error}"
    if manifest is None:
        return ""
    last = changes.current_serial(connection)
    plugins = len(changes.all_documents(connection))
    if manifest.epoch != changes.read_epoch(connection):
        return "belongs to another feed"
    if manifest.cursor > last:
        return f"is ahead of the feed: it stands at {manifest.cursor}, the feed ends at {last}"
    if manifest.cursor == last and manifest.documents != plugins:
        return f"holds {_some(manifest.documents, 'plugin')}, there are {plugins}"
    return ""


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
