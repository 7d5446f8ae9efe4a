"""URL paths, header names and limits that both sides must spell alike."""

from urllib.parse import quote

PLUGINS = "/api/plugins"
CATEGORIES = "/api/categories"
STATS = "/api/stats"
CHANGES = "/api/changes"
SNAPSHOT = "/api/snapshot"
SHARDS = "/api/snapshot/shards"
SESSION = "/api/session"
TOKENS = "/api/tokens"
USERS = "/api/users"
QUARANTINE = "/api/quarantine"
AUDIT = "/api/audit"
REPORTS = "/api/reports"
HEALTH = "/healthz"
READY = "/readyz"
METRICS = "/metrics"

PAGE_LIMIT_MAX = 50
PAGE_MAX = 10_000
CHANGES_PAGE_MAX = 500
QUERY_MAX = 512
"""Characters of a search query; the rest is cut."""
REVIEW_MAX = 4000
NOTE_MAX = 500
"""Characters of a reason or a message."""
LABEL_MAX = 80
NAME_PATTERN_MAX = 100
"""Characters of a token's pattern of names."""
PASSWORD_MIN, PASSWORD_MAX = 10, 200
TOKEN_DAYS_MAX = 365
REQUEST_BODY_MAX_BYTES = 1 << 20
PUBLISH_BODY_MAX_BYTES = (10 << 20) + (1 << 20)
"""A package and the form round it."""

CALLER_AGENT = "donkeytui"


def plugin(name: str) -> str:
    return f"{PLUGINS}/{quote(name, safe='')}"


def release(name: str, version: str) -> str:
    return f"{plugin(name)}/{quote(version, safe='')}"


def download(name: str, version: str) -> str:
    return f"{release(name, version)}/download"


def shard(digest: str) -> str:
    return f"{SHARDS}/{quote(digest, safe=':')}"


def rating(name: str, author: str) -> str:
    return f"{plugin(name)}/ratings/{quote(author, safe='')}"


def owner(name: str, user: str) -> str:
    return f"{plugin(name)}/owners/{quote(user, safe='')}"


def invitation(name: str) -> str:
    return f"{SESSION}/invitations/{quote(name, safe='')}"


def user_stats(user: str) -> str:
    return f"{USERS}/{quote(user, safe='')}/stats"
