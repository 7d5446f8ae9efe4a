"""Endpoints of the registry as a whole: statistics, the feed, health."""

from registry_server import __version__
from registry_server.contract import routes
from registry_server.contract.integrity import hex_digest
from registry_server.contract.problems import RouteNotFound
from registry_server.contract.review_wire import AuthorStats, PluginStats, RegistryStats
from registry_server.contract.wire import ChangePage, ChangesQuery, Health, Snapshot
from registry_server.http.catalogue_api import PLUGIN
from registry_server.http.metrics import CONTENT_TYPE, NoMetrics
from registry_server.http.routing import IMMUTABLE, PRIVATE, Call, Reply, Route
from registry_server.http.tables import reads
from registry_server.operations import browse, feed, statistics


def registry_routes(metrics: NoMetrics) -> list[Route]:
    return [
        reads(
            routes.STATS,
            lambda call: statistics.registry_stats(call.registry),
            "counts and downloads of the whole registry",
            RegistryStats,
            lane="work",
        ),
        reads(
            f"{PLUGIN}/stats",
            lambda call: statistics.plugin_stats(call.registry, call.caller, call.path["name"]),
            "its downloads a day; for owners each version's",
            PluginStats,
            lane="work",
            varies=True,
        ),
        reads(
            f"{routes.USERS}/{{user}}/stats",
            lambda call: statistics.author_stats(call.registry, call.caller, call.path["user"]),
            "a user's plugins and how they do",
            AuthorStats,
            lane="work",
            varies=True,
        ),
        reads(
            routes.CHANGES,
            lambda call: feed.read_changes(call.registry, call.query.since, call.query.limit),
            "the feed after a serial",
            ChangePage,
            query=ChangesQuery,
            lane="work",
        ),
        reads(
            routes.SNAPSHOT,
            lambda call: feed.read_snapshot(call.registry),
            "the whole catalogue as shards",
            Snapshot,
            lane="work",
        ),
        Route(
            method="GET",
            path=f"{routes.SHARDS}/{{digest}}",
            call=_shard,
            summary="one shard: documents, one a line, zstd",
            media_type="application/zstd",
            cache=IMMUTABLE,
        ),
        Route(
            method="GET",
            path=routes.METRICS,
            call=lambda call: _metrics(call, metrics),
            summary="what the server counts, for Prometheus",
            media_type="text/plain",
            cache=PRIVATE,
            lane="work",
            is_open=True,
        ),
        reads(routes.HEALTH, _health, "whether the server answers", Health, cache=PRIVATE, is_open=True),
        reads(
            routes.READY,
            _ready,
            "whether database, packages and index do",
            Health,
            cache=PRIVATE,
            lane="work",
            is_open=True,
        ),
    ]


def _shard(call: Call) -> Reply:
    return Reply(
        body=feed.read_shard(call.registry, call.path["digest"]),
        media_type="application/zstd",
        etag=hex_digest(call.path["digest"]),
    )


def _metrics(call: Call, metrics: NoMetrics) -> Reply:
    if not call.registry.settings.metrics:
        raise RouteNotFound("this registry keeps no metrics", hint="metrics = true in its settings")
    return Reply(body=metrics.render(), media_type=CONTENT_TYPE)


def _health(_: Call) -> Health:
    return Health(status="ok", version=__version__)


def _ready(call: Call) -> Health:
    browse.check_ready(call.registry)
    return Health(status="ready", version=__version__)
