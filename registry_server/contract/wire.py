"""Structs of every request and response.

Field names go over the wire in camelCase, as the design's API has them. Readers ignore unknown
fields of responses, so that a registry may add some; requests with unknown fields are refused by
the server. `PluginDocument` is both the detail response and the unit of the feed.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from registry_server.contract.problems import Finding
from registry_server.contract.routes import CHANGES_PAGE_MAX, NOTE_MAX, PAGE_LIMIT_MAX, PAGE_MAX

Sort = Literal["downloads", "rating", "recent", "name", "relevance"]
COUNT_MAX = 2**53 - 1
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
"""What both ends can count to: JavaScript exactly, SQLite and the index in a column."""
Moment = Annotated[datetime, Meta(tz=True)]
READABLE = "^[^\\u0000-\\u001f\\u007f-\\u00a0\\u00ad]*$"
"""No control and no invisible characters, of which this names those of Latin-1."""
SAYING = f"{READABLE.removesuffix('$')}[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad]{READABLE.removeprefix('^')}"
"""The same with something besides spaces in it."""
Line = Annotated[str, Meta(extra_json_schema={"maxLength": NOTE_MAX, "pattern": READABLE})]
"""A reason or message in a person's words, on one line."""
PARAGRAPHS = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad]*$"
"""The same with line breaks and tabs."""
LABEL_PATTERN = "^[a-z0-9]+(-[a-z0-9]+)*$"
PluginLabel = Annotated[str, Meta(extra_json_schema={"maxLength": 40, "pattern": LABEL_PATTERN})]
Label = Literal["network", "files", "process", "environment", "eval", "dynamic-import"]
"""What code reaches besides its own values; see `capabilities`."""


FACETS_PATTERN = "^((category|tag)(,(category|tag))*)?$"
PageNumber = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": PAGE_MAX})]
PageLimit = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": PAGE_LIMIT_MAX})]
# Bounds of requests are documented here and checked by operations, whose sentences are better.


class Wire(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of what goes over the wire."""


class Author(Wire, frozen=True, kw_only=True):
    name: str
    email: str | None = None
    """Only when the author wrote one into the package; a registry account's address never shows."""
    github: str | None = None


class ReleaseDependencies(Wire, frozen=True, kw_only=True, omit_defaults=False):
    plugins: tuple[str, ...] = ()
    """Requirements, `name@range`, sorted by name."""
    packages: dict[str, str] = {}
    """npm packages and their ranges, for the host project's package.json."""


class Engine(Wire, frozen=True, kw_only=True):
    node: str | None = None
    bun: str | None = None


class FileCopy(Wire, frozen=True, kw_only=True):
    """A file of the package that belongs elsewhere in the project too."""

    source: str
    """Path of the entry in the package."""
    target: str
    """Path in the project, relative to its root."""


class Contents(Wire, frozen=True, kw_only=True):
    """What a release does besides bringing its folder, so that a plan can say it before a download.

    Made from the package by `contents`, where every list is bounded. A plan believes it of a registry; what
    is written elsewhere in the project, asked of the user or offered to be run comes from the package.
    """

    labels: tuple[str, ...] = ()
    """Of `Label`; as text, so that a reader from before a new one still reads the document."""
    """Sorted; of the code that is installed or copied."""
    migrations: tuple[str, ...] = ()
    """File names in `migrations/`, in the order in which they run."""
    env_vars: tuple[str, ...] = ()
    """Sorted names of environment variables that manifest.json asks for."""
    copies: tuple[FileCopy, ...] = ()
    """Sorted by target; what lies in the plugin's own folder is none."""
    instructions: tuple[str, ...] = ()
    """The author's next steps, in his order."""
    postinstall: str = ""
    """The hook's command; run by nobody without approval."""


NO_CONTENTS = Contents()
"""The very object a release has to have for its `contents` to be left out."""


class Release(Wire, frozen=True, kw_only=True):
    """One published version of a plugin (`PluginVersion` of the design)."""

    version: str
    checksum: str
    """Integrity of the package, `sha256:<hex>`."""
    size: Count
    """Bytes of the package as downloaded."""
    package_url: str
    """Path below the registry's base URL."""
    framework: str = field(default_factory=lambda: "*")
    """Range of @donkeylabs/server. By a factory, so that it is never left out: the design promises it."""
    engine: Engine = Engine()
    dependencies: ReleaseDependencies = ReleaseDependencies()
    created_at: Moment
    description: str = ""
    """The author's words for this release, from CHANGELOG.md."""
    deprecated: bool = False
    deprecation: str = ""
    """What to use instead, in the author's words."""
    successor: str = ""
    """The plugin to use instead, if the author named one."""
    yanked: bool = False
    yank_reason: str = ""
    publisher: str = ""
    quarantine: str = ""
    """Why the registry's operator took it out of circulation; nobody can download it until that is lifted."""
    contents: Contents = NO_CONTENTS
    """Left out when empty, and by registries from before it existed."""


class PluginSummary(Wire, frozen=True, kw_only=True, omit_defaults=False):
    name: str
    display_name: str
    description: str
    author: str
    latest_version: str
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    license: str = ""
    downloads: int = 0
    rating: float = 0.0
    rating_count: int = 0
    verified: bool = False
    featured: bool = False
    deprecated: bool = False
    quarantined: bool = False
    created_at: datetime
    updated_at: datetime
    highlights: dict[str, str] | None = None
    """Field -> its text with `<mark>` round what matched, HTML-escaped; only with `q`."""


class PluginDocument(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """Everything search, resolution and a detail header need, so that none of them asks the network."""

    id: str
    name: str
    display_name: str
    description: str
    author: Author
    repository: str | None = None
    license: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    downloads: Count = 0
    rating: float = 0.0
    """Mean of the ratings, 0 without any."""
    rating_count: Count = 0
    rating_score: float = 0.0
    """The mean drawn towards 3.5 while ratings are few: what lists are ordered by."""
    rating_stars: tuple[Count, ...] = ()
    """How many gave 1, 2, 3, 4 and 5; empty without any."""
    review_count: Count = 0
    versions: tuple[Release, ...] = ()
    """Highest precedence first."""
    latest_version: str = ""
    """Highest release that is neither prerelease, yanked nor deprecated; failing that, the highest."""
    created_at: Moment
    updated_at: Moment
    verified: bool = False
    featured: bool = False
    quarantine: str = ""
    """Why the whole plugin is in quarantine; each release says so too."""

    @property
    def is_deprecated(self) -> bool:
        """True when no release is left that a new resolution may take."""
        return all(release.deprecated or release.yanked or release.quarantine for release in self.versions)


class Pagination(Wire, frozen=True, kw_only=True, omit_defaults=False):
    total: int
    pages: int
    current: int
    has_more: bool


class PluginPage(Wire, frozen=True, kw_only=True):
    plugins: tuple[PluginSummary, ...]
    pagination: Pagination
    facets: dict[str, dict[str, int]] | None = None


class ListQuery(Wire, frozen=True, kw_only=True):
    q: str = ""
    category: str = ""
    tag: str = ""
    author: str = ""
    verified: bool | None = None
    sort: Sort | None = None
    """Without one: relevance when `q` is given, downloads otherwise."""
    page: PageNumber = 1
    limit: PageLimit = 20
    facets: Annotated[str, Meta(extra_json_schema={"pattern": FACETS_PATTERN})] = ""
    """Comma-separated, of `category` and `tag`."""


class EntryListing(Wire, frozen=True, kw_only=True):
    path: str
    size: int
    digest: str


class PublishReceipt(Wire, frozen=True, kw_only=True, omit_defaults=False):
    success: bool
    plugin: PluginSummary
    version: str
    integrity: str
    size: int
    url: str
    created: bool
    """False when these very bytes were published before."""
    held: str = ""
    """Why an admin must let the plugin's name pass before anybody else sees it; empty for most."""
    findings: tuple[Finding, ...] = ()
    """Warnings and notes; errors never come with a receipt."""


class CheckReport(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """Answer to a dry run: what a publish of these bytes would say."""

    success: bool
    name: str
    version: str
    integrity: str
    size: int
    held: str = ""
    findings: tuple[Finding, ...] = ()


class Success(Wire, frozen=True, kw_only=True, omit_defaults=False):
    success: bool = True


class YankRequest(Wire, frozen=True, kw_only=True):
    reason: Line = ""


class Deprecation(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: str = "*"
    """Range of the releases meant."""
    message: Line = ""
    """Empty, without a successor, takes the deprecation back."""
    successor: str = ""
    """The plugin to use instead."""


class PluginUpdate(Wire, frozen=True, kw_only=True):
    """What an owner may change without a release; None leaves a field alone."""

    description: Annotated[str, Meta(extra_json_schema={"maxLength": 300, "pattern": READABLE})] | None = None
    display_name: Annotated[str, Meta(extra_json_schema={"maxLength": 80, "pattern": READABLE})] | None = None
    categories: Annotated[tuple[PluginLabel, ...], Meta(extra_json_schema={"maxItems": 5})] | None = None
    tags: Annotated[tuple[PluginLabel, ...], Meta(extra_json_schema={"maxItems": 20})] | None = None
    repository: Annotated[str, Meta(extra_json_schema={"pattern": "^(https?://.*)?$"})] | None = None
    deprecation: Deprecation | None = None


class CategoryCount(Wire, frozen=True, kw_only=True, omit_defaults=False):
    name: str
    plugins: int


class Change(Wire, frozen=True, kw_only=True):
    """What the document of one plugin now is, or that it is gone (document None)."""

    serial: Count
    name: str
    document: PluginDocument | None = None


class ChangesQuery(Wire, frozen=True, kw_only=True):
    since: Annotated[int, Meta(extra_json_schema={"minimum": 0})] = 0
    limit: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": CHANGES_PAGE_MAX})] = (
        CHANGES_PAGE_MAX
    )


class ChangePage(Wire, frozen=True, kw_only=True, omit_defaults=False):
    epoch: str
    """Changes when a registry's history does (a restored backup): followers start over."""
    changes: tuple[Change, ...]
    cursor: Count
    """Pass as `since` next time; applying a page twice changes nothing."""
    has_more: bool


class Shard(Wire, frozen=True, kw_only=True, omit_defaults=False):
    digest: str
    """Integrity of the compressed bytes; also the last part of its URL."""
    size: Count
    plugins: Count


class Snapshot(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """The whole catalogue as content-addressed shards, standing for one serial."""

    epoch: str
    serial: Count
    plugins: Count
    releases: Count
    shards: tuple[Shard, ...]


class Health(Wire, frozen=True, kw_only=True, omit_defaults=False):
    status: str
    version: str
