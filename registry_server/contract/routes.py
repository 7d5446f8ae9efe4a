"""URL paths, header names and limits that both sides must spell alike."""

from urllib.parse import quote

PLUGINS = "/api/plugins"
CATEGORIES = "/api/categories"
STATS = "/api/stats"
CHANGES = "/api/changes"
SNAPSHOT = "/api/snapshot"
SHARDS = "/api/snapshot/shards"
HEALTH = "/healthz"
READY = "/readyz"

PAGE_LIMIT_MAX = 50
CHANGES_PAGE_MAX = 500
QUERY_MAX = 512
"""Characters of a search query; the rest is cut."""
REVIEW_MAX = 4000
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
