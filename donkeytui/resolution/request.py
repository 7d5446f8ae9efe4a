"""What is asked of the solver and what it answers: plain values, all of which encode to JSON."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from msgspec import Struct

from donkeytui.resolution.universe import Candidate
from registry_server.contract.ranges import Range
from registry_server.contract.versions import Version

PROJECT = ""
"""Name of the project itself among the plugins; no plugin can be called so."""

Mode = Literal["keep", "newest", "lowest"]
KeepGoing = Callable[[], bool]
"""Asked now and then during long searches; False ends them."""


class Wish(Struct, frozen=True, kw_only=True):
    """A requirement of the project."""

    name: str
    range: Range
    source: Literal["request", "lockfile"]


class Environment(Struct, frozen=True, kw_only=True):
    """What the plugins run on; None is unknown, and then no conflict."""

    framework: Version | None = None
    bun: Version | None = None
    node: Version | None = None


class Request(Struct, frozen=True, kw_only=True):
    wishes: tuple[Wish, ...]
    """In the order of importance: what comes first gets its best release first."""
    locked: dict[str, str] = {}
    """Releases the lockfile names: preferred, and allowed though yanked or deprecated; in quarantine, as
    long as nobody asks that just they move."""
    free: frozenset[str] = frozenset()
    """Locked plugins that may move to their newest (the targets of an update)."""
    held: dict[str, str] = {}
    """Plugin -> the one version of it that may be chosen, because the user pinned it."""
    mode: Mode = "keep"
    """`keep`: locked first, then highest, with as few changes as can be. `newest`: highest.
    `lowest`: the lowest release of each range, prereleases last; the lockfile has no say."""
    with_prereleases: frozenset[str] = frozenset()
    """Plugins whose prereleases count like any version."""
    environment: Environment = Environment()
    mature_before: datetime | None = None
    """Cool-down: releases published later are young. None: there is no cool-down."""
    is_cool_down_strict: bool = False
    """Young releases are never taken; otherwise only when nothing older fits."""
    cool_down_exempt: frozenset[str] = frozenset()
    cool_down_hours: float = 24
    """For sentences alone."""


NoteKind = Literal[
    "young-skipped",
    "young-taken",
    "prerelease-skipped",
    "engine-skipped",
    "framework-skipped",
    "deprecated-skipped",
    "quarantined-skipped",
    "yanked-skipped",
]


class Note(Struct, frozen=True, kw_only=True):
    """A newer release that was passed over for another reason than ranges, or a young one taken."""

    name: str
    kind: NoteKind
    version: str
    """The release the note is about."""
    taken: str
    """The version chosen."""
    detail: str
    """Why, as a clause that follows the version: `is 3 h old`."""


class Resolved(Struct, frozen=True, kw_only=True):
    pins: dict[str, Candidate]
    why: dict[str, tuple[tuple[str, str], ...]]
    """Plugin -> (who asks, range); the project is `PROJECT`."""
    notes: tuple[Note, ...] = ()
    """About plugins that are new or moved, in the order of `pins`."""


class GaveUp(Struct, frozen=True, kw_only=True):
    """Neither an answer nor a proof that there is none was found in the time given."""

    tightest: tuple[Wish, ...]
    """The wishes that were most in each other's way; none when the search was stopped before it met a
    contradiction."""
    conflicts: int


def always() -> bool:
    return True
