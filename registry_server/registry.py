"""Registry: the opened store, blobs, index and clock of one data folder; holds, does not act."""

import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from registry_server.contract.problems import RegistryBusy
from registry_server.examiner import LocalExaminer, PackageExaminer
from registry_server.github import GitHub
from registry_server.limits import NO_LIMITS, RateLimits
from registry_server.search.index import SearchIndex
from registry_server.settings import Settings
from registry_server.store import changes
from registry_server.store.blobs import Blobs
from registry_server.store.database import Database
from registry_server.store.downloads import DownloadKey

PAGE_CACHE_BYTES = 4 << 20
PAGE_COST_BYTES = 256
"""Of the objects that hold one page and what was asked."""
Clock = Callable[[], datetime]


def now_utc() -> datetime:
    return datetime.now(UTC)


class DownloadCounter:
    """Downloads not yet in the database; taken out by the flush."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[DownloadKey] = Counter()

    def add(self, key: DownloadKey) -> None:
        with self._lock:
            self._counts[key] += 1

    def take(self) -> Counter[DownloadKey]:
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return taken

    def give_back(self, counts: Counter[DownloadKey]) -> None:
        """What was taken and could not be written down."""
        with self._lock:
            self._counts += counts


class PageCache:
    """Pages of lists and searches as they were sent, as long as neither feed nor index move.

    People ask the same things: the first page, and what everybody types. Bounded by bytes, oldest out first.
    """

    def __init__(self, limit_bytes: int = PAGE_CACHE_BYTES) -> None:
        self._lock = threading.Lock()
        self._limit = limit_bytes
        self._moment: object = None
        self._pages: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0

    def get(self, moment: object, key: bytes) -> bytes | None:
        with self._lock:
            return self._pages.get(key) if self._moment == moment else None

    def put(self, moment: object, key: bytes, page: bytes) -> None:
        """`key` counts too: a stranger may ask long questions that nothing answers."""
        size = _kept_bytes(key, page)
        with self._lock:
            if self._moment != moment:
                self._moment, self._size = moment, 0
                self._pages.clear()
            if key not in self._pages and size <= self._limit // 8:
                self._pages[key] = page
                self._size += size
            while self._size > self._limit:
                self._size -= _kept_bytes(*self._pages.popitem(last=False))


def _kept_bytes(key: bytes, page: bytes) -> int:
    return len(key) + len(page) + PAGE_COST_BYTES


class Registry:
    """What an operation of the server may touch."""

    def __init__(
        self,
        *,
        database: Database,
        packages: Blobs,
        shards: Blobs,
        index: SearchIndex,
        clock: Clock,
        settings: Settings,
        examiner: PackageExaminer,
        limits: RateLimits,
        github: GitHub | None,
    ) -> None:
        self.database = database
        self.packages = packages
        self.shards = shards
        self.index = index
        self.index_lock = threading.Lock()
        """Held while the index catches up with the feed."""
        self.snapshot_lock = threading.Lock()
        self.downloads = DownloadCounter()
        self.pages = PageCache()
        self.clock = clock
        self.settings = settings
        self.examiner = examiner
        """Reads the packages that are published."""
        self.limits = limits
        self.github = github
        """None: nobody logs in by GitHub here."""
        self.is_followed = False
        """Whether something in the background keeps the index with the feed, so that a search need not."""

    def close(self) -> None:
        self.examiner.close()
        self.database.close()


def open_registry(
    data: Path,
    clock: Clock = now_utc,
    *,
    settings: Settings | None = None,
    examiner: PackageExaminer | None = None,
    limits: RateLimits = NO_LIMITS,
    github: GitHub | None = None,
) -> Registry:
    """The registry in `data`, made there when the folder is empty, for the eyes of its account only.

    Without `examiner` packages are read in this process, without limits: for those who trust them.

    Raises `RegistryBusy` when the folder cannot be written.
    """
    file = data / "registry.sqlite"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("packages", "shards"):
            (data / name).mkdir(exist_ok=True)
        if not file.exists():
            # Digests of passwords are in it. SQLite gives its journal the rights of the database.
            file.touch(mode=0o600)
    except OSError as error:
        raise RegistryBusy(
            f"the data folder {data} cannot be used",
            detail=str(error.strerror),
            hint="choose another one, or mend its rights",
        ) from error
    database = Database(file)
    with database.write() as connection:
        if not changes.has_meta(connection, "epoch"):
            changes.write_meta(connection, "epoch", secrets.token_hex(8))
    return Registry(
        database=database,
        packages=Blobs(data / "packages"),
        shards=Blobs(data / "shards"),
        index=SearchIndex(data / "search"),
        clock=clock,
        settings=settings or Settings(data=data),
        examiner=examiner or LocalExaminer(),
        limits=limits,
        github=github,
    )
