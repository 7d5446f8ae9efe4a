"""Structs of ratings, reviews and statistics, as `wire` has those of the catalogue."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from registry_server.contract.routes import REVIEW_MAX
from registry_server.contract.wire import PARAGRAPHS, Line, PageNumber, Wire

Stars = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": 5})]
ReviewText = Annotated[str, Meta(extra_json_schema={"maxLength": REVIEW_MAX, "pattern": PARAGRAPHS})]


ReviewSort = Literal["recent", "helpful", "highest", "lowest"]


class RatingRequest(Wire, frozen=True, kw_only=True):
    rating: Stars
    review: ReviewText | None = None
    """Left out: what was said before stays; empty takes the words back."""


class RatingsQuery(Wire, frozen=True, kw_only=True):
    page: PageNumber = 1
    sort: ReviewSort = "recent"


class Rating(Wire, frozen=True, kw_only=True, omit_defaults=False):
    author: str
    """Name of the user's account."""
    rating: int
    review: str
    """Empty when the user only gave stars, or the review is hidden."""
    created_at: datetime
    updated_at: datetime
    helpful: int = 0
    """How many others found it helpful."""
    reply: str = ""
    replied_by: str = ""
    """The owner who answered."""
    hidden: str = ""
    """Why an admin hid it: its text is not shown and its stars do not count."""


class RatingPage(Wire, frozen=True, kw_only=True, omit_defaults=False):
    ratings: tuple[Rating, ...]
    average: float
    count: int
    stars: tuple[int, ...]
    """How many gave 1, 2, 3, 4 and 5."""
    has_more: bool


class ReplyRequest(Wire, frozen=True, kw_only=True):
    reply: ReviewText = ""
    """Empty takes the answer back."""


class ReasonRequest(Wire, frozen=True, kw_only=True):
    reason: Line = ""


class ReviewReport(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """What a user told the admins of a review."""

    plugin: str
    author: str
    review: str
    reporter: str
    reason: str
    created_at: datetime


class DailyDownloads(Wire, frozen=True, kw_only=True, omit_defaults=False):
    day: str
    """UTC date, `2026-11-22`."""
    downloads: int


class PluginDownloads(Wire, frozen=True, kw_only=True, omit_defaults=False):
    name: str
    downloads: int


class VersionDownloads(Wire, frozen=True, kw_only=True, omit_defaults=False):
    version: str
    downloads: int


class RegistryStats(Wire, frozen=True, kw_only=True, omit_defaults=False):
    plugins: int
    releases: int
    downloads: int
    ratings: int
    days: tuple[DailyDownloads, ...] = ()
    """Of the last 90 days that had any, oldest first."""
    most_downloaded: tuple[PluginDownloads, ...] = ()
    """In the last seven days."""


class PluginStats(Wire, frozen=True, kw_only=True, omit_defaults=False):
    name: str
    downloads: int
    days: tuple[DailyDownloads, ...]
    """Of the last 365 days that had any, oldest first."""
    versions: tuple[VersionDownloads, ...] = ()
    """All that were downloaded, most first; only for the plugin's owners."""


class OwnedPluginStats(Wire, frozen=True, kw_only=True, omit_defaults=False):
    name: str
    latest_version: str
    downloads: int
    recent_downloads: int
    """In the last 30 days."""
    rating: float
    rating_count: int
    review_count: int
    state: str = ""
    """`held`, `quarantined`, `deprecated` or empty."""
    reason: str = ""


class AuthorStats(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """The dashboard of one user: what belongs to them, and how it does."""

    user: str
    plugins: tuple[OwnedPluginStats, ...]
    """At most 200, the most downloaded first."""
    days: tuple[DailyDownloads, ...]
    """Of all their plugins together, the last 90 days that had any, oldest first."""
