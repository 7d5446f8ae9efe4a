"""The only opener of tantivy indexes: open, rebuild, apply changes, search.

On disk an index is a folder of generations. `current` holds the name of the one in use, which is
never changed: a delta is committed in a hard-link clone, a rebuild in an empty folder, and both are
published by replacing `current`. So readers in other processes never see a half-done state, and the
feed cursor in a generation's manifest always fits its documents. One process writes at a time; who
finds the lock taken skips, because the holder is doing the same work.
"""

import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import tantivy
from msgspec import Struct

from registry_server.search.document import SearchDocument
from registry_server.search.query import SearchQuery
from registry_server.search.ranking import KEY_PREFIX, Ranking
from registry_server.search.words import compact

SCHEMA_VERSION = 2
ENOUGH_HITS = 5
RESULT_MAX = 1000
_COPIED = ("meta.json", ".managed.json")
_HEAP_BYTES = 15_000_000


Stamp = tuple[int, int]
"""Tells one generation's pointer from the next: time and inode of `current`."""


class IndexDamaged(Exception):
    """The index cannot be opened or read; rebuild it."""


class Manifest(Struct, frozen=True, kw_only=True):
    schema_version: int
    epoch: str
    cursor: int
    """Feed serial the generation has reached."""
    documents: int


class SearchResult(Struct, frozen=True, kw_only=True):
    names: tuple[str, ...]
    total: int
    stage: int
    """The first that found anything: 0 precise, 1 one typo, 2 two typos, 3 one word missing."""


class SearchIndex:
    """Reads the current generation of `root`; follows it when another process publishes one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._generation: _Generation | None = None
        self._damaged: Stamp | None = None
        """The generation that opened and then could not be read."""

    def manifest(self) -> Manifest | None:
        """Of the generation in use; None when there is no index yet.

        Raises `IndexDamaged` when there is one that cannot be used.
        """
        generation = self._follow()
        return generation.manifest if generation else None

    def stamp(self) -> Stamp | None:
        """Changes with every generation; None without an index."""
        return self._current_stamp()

    def size(self) -> int:
        """Documents of the generation that was used last, without looking for a newer one."""
        return self._generation.manifest.documents if self._generation else 0

    def search(
        self, query: SearchQuery, *, limit: int, offset: int = 0, installed: Collection[str] = ()
    ) -> SearchResult:
        """Raises `IndexDamaged`, and from then on for this generation, when the index cannot be read."""
        # One generation to the end: another thread may publish the next while this one reads.
        generation = self._follow()
        if generation is None:
            return SearchResult(names=(), total=0, stage=0)
        try:
            with _damage_translated():
                if limit < 1 or offset >= RESULT_MAX:
                    total = _search(generation, query, installed, limit=1, offset=0).total
                    return SearchResult(names=(), total=total, stage=0)
                return _search(generation, query, installed, limit=min(limit, RESULT_MAX), offset=offset)
        except IndexDamaged:
            # Opening reads only a part of the files: without this, who asks `manifest` would see no damage.
            self._damaged = generation.stamp
            raise

    def rebuild(self, documents: Iterable[SearchDocument], *, epoch: str, cursor: int) -> bool:
        """A new generation of exactly `documents`; False when another process is writing.

        Raises `IndexDamaged` when it cannot be written.
        """
        with _damage_translated(), self._write_lock() as is_ours:
            if not is_ours:
                return False
            folder = self._new_folder()
            index = tantivy.Index(_schema(), path=str(folder), reuse=False)
            count = _write(index, (), documents)
            self._publish(
                folder, Manifest(schema_version=SCHEMA_VERSION, epoch=epoch, cursor=cursor, documents=count)
            )
            return True

    def apply(
        self, upserts: Collection[SearchDocument], removed: Collection[str], *, epoch: str, cursor: int
    ) -> bool:
        """The current generation with some documents replaced; False when another process is writing.

        Raises `IndexDamaged` when the current generation cannot be cloned or opened.
        """
        with _damage_translated(), self._write_lock() as is_ours:
            if not is_ours:
                return False
            with _damage_translated():
                folder = self._clone()
                index = tantivy.Index.open(str(folder))
                _write(index, (*removed, *(document.name for document in upserts)), upserts)
                index.reload()
                count = index.searcher().num_docs
            self._publish(
                folder, Manifest(schema_version=SCHEMA_VERSION, epoch=epoch, cursor=cursor, documents=count)
            )
            return True

    def _follow(self) -> "_Generation | None":
        """The generation `current` names, opened when it is not the one in use."""
        generation = self._generation
        while (stamp := self._current_stamp()) is not None and (
            generation is None or stamp != generation.stamp
        ):
            try:
                with _damage_translated():
                    generation = _open(self.root, stamp)
            except IndexDamaged:
                # Replaced meanwhile, its files may have been tidied away under our hands.
                if self._current_stamp() == stamp:
                    raise
            else:
                self._generation = generation
        if generation is not None and generation.stamp == self._damaged:
            raise IndexDamaged("it could not be read")
        return generation

    def _current_stamp(self) -> Stamp | None:
        """None when there is no index."""
        try:
            stat = (self.root / "current").stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IndexDamaged(str(error)) from error
        return stat.st_mtime_ns, stat.st_ino

    @contextmanager
    def _write_lock(self) -> Iterator[bool]:
        from filelock import FileLock, Timeout

        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / "write.lock", blocking=False)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _new_folder(self) -> Path:
        folder = self.root / f"g{SCHEMA_VERSION}-{secrets.token_hex(6)}"
        folder.mkdir()
        return folder

    def _clone(self) -> Path:
        """Hard links to the immutable segment files; copies of the two files tantivy rewrites."""
        source = self.root / (self.root / "current").read_text("utf-8").strip()
        folder = self._new_folder()
        for file in source.iterdir():
            if file.name in _COPIED:
                shutil.copyfile(file, folder / file.name)
            elif file.suffix not in (".json", ".lock"):
                os.link(file, folder / file.name)
        return folder

    def _publish(self, folder: Path, manifest: Manifest) -> None:
        (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
        pointer = self.root / f"current.{secrets.token_hex(4)}"
        pointer.write_text(folder.name, "utf-8")
        pointer.replace(self.root / "current")
        for old in self.root.glob("g*-*"):
            if old != folder:
                # Open readers keep their mapped files; where the system forbids it, a later run tidies.
                shutil.rmtree(old, ignore_errors=True)


class _Generation(NamedTuple):
    """One opened generation; never changed."""

    stamp: Stamp
    manifest: Manifest
    opened: tantivy.Index
    searcher: tantivy.Searcher


def _open(root: Path, stamp: Stamp) -> _Generation:
    folder = root / (root / "current").read_text("utf-8").strip()
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    if manifest.schema_version != SCHEMA_VERSION:
        raise IndexDamaged(f"schema {manifest.schema_version}")
    index = tantivy.Index.open(str(folder))
    index.config_reader("manual")
    return _Generation(stamp, manifest, index, index.searcher())


def _search(
    generation: _Generation, query: SearchQuery, installed: Collection[str], *, limit: int, offset: int
) -> SearchResult:
    searcher = generation.searcher

    def is_known(word: str) -> bool:
        return any(searcher.doc_freq(field, word) for field in ("name", "tag", "desc"))

    ranking = Ranking(generation.opened.schema, query, installed, is_known)
    found: tantivy.SearchResult | None = None
    used: int | None = None
    for number, make_stage in enumerate(ranking.stages()):
        staged = make_stage()
        if staged is None:
            continue
        found = _run(searcher, staged, query, limit=limit, offset=offset)
        first = _run(searcher, staged, query, limit=1, offset=0) if offset else found
        if used is None and _total(first):
            used = number
        if not query.terms or _is_enough(first, number, is_sorted=query.sort is not None):
            break
    if found is None:
        return SearchResult(names=(), total=0, stage=0)
    names = [str(searcher.doc(address).get_first("name_as_published")) for _, address in found.hits]
    if query.sort == "name":
        names = sorted(names, key=compact)[offset : offset + limit]
    return SearchResult(names=tuple(names), total=_total(found), stage=used or 0)


def _run(
    searcher: tantivy.Searcher, staged: tantivy.Query, query: SearchQuery, *, limit: int, offset: int
) -> tantivy.SearchResult:
    if query.sort == "name":
        return searcher.search(staged, limit=RESULT_MAX)
    if query.sort in ("downloads", "rating", "recent"):
        field = {"downloads": "downloads", "rating": "rating", "recent": "updated"}[query.sort]
        return searcher.search(staged, limit=limit, offset=offset, order_by_field=field)
    return searcher.search(staged, limit=limit, offset=offset, weight_by_field="pop")


@contextmanager
def _damage_translated() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise IndexDamaged(str(error)) from error
    except BaseException as error:
        # What panics inside tantivy arrives as a class that is no Exception and can be imported from nowhere.
        if type(error).__name__ != "PanicException":
            raise
        raise IndexDamaged(str(error)) from error


def _is_enough(first: tantivy.SearchResult, stage: int, *, is_sorted: bool) -> bool:
    """Whether to stop at this stage; judged by the first page, so that all pages come from one stage."""
    total = _total(first)
    if stage > 0 or is_sorted:
        return total > 0
    return total >= ENOUGH_HITS or (bool(first.hits) and first.hits[0][0] >= KEY_PREFIX)


def _total(found: tantivy.SearchResult) -> int:
    """tantivy's stub lacks the attribute."""
    count: int = found.count  # type: ignore[attr-defined]
    return count


def _write(index: tantivy.Index, removed: Iterable[str], documents: Iterable[SearchDocument]) -> int:
    schema = index.schema
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for name in removed:
        writer.delete_documents_by_term("name_as_published", name)
    count = 0
    for document in documents:
        writer.add_document(tantivy.Document.from_dict(_fields(document), schema))
        count += 1
    writer.commit()
    writer.wait_merging_threads()
    return count


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("name_as_published", stored=True, tokenizer_name="raw", index_option="basic")
    for field in ("id", "key", "kp", "name", "np", "tag", "category", "author", "who"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("desc", tokenizer_name="default")
    for field in ("verified", "deprecated"):
        builder.add_boolean_field(field, indexed=True)
    for field in ("downloads", "updated"):
        builder.add_integer_field(field, fast=True)
    for field in ("rating", "pop"):
        builder.add_float_field(field, fast=True)
    return builder.build()


def _fields(document: SearchDocument) -> dict[str, object]:
    return {
        "name_as_published": document.name,
        "id": document.folded,
        "key": list(document.keys),
        "kp": list(document.key_prefixes),
        "name": list(document.name_words),
        "np": list(document.name_prefixes),
        "tag": list(document.tags),
        "category": list(document.categories),
        "author": document.author,
        "who": list(document.author_words),
        "desc": document.description,
        "verified": document.is_verified,
        "deprecated": document.is_deprecated,
        "downloads": document.downloads,
        "updated": document.updated,
        "rating": document.rating,
        "pop": document.popularity,
    }
