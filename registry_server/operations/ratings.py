"""Ratings and reviews: one a user and plugin, from 1 to 5."""

from registry_server.contract.problems import InvalidRequest, PluginNotFound
from registry_server.contract.routes import PAGE_LIMIT_MAX, REVIEW_MAX
from registry_server.contract.wire import RatingPage, RatingRequest
from registry_server.operations.accounts import Caller, require
from registry_server.registry import Registry
from registry_server.store import changes, plugins, ratings


def rate(registry: Registry, caller: Caller | None, name: str, request: RatingRequest) -> None:
    """Sets the caller's rating, replacing an earlier one."""
    user = require(caller, "rate", name).user
    if not 1 <= request.rating <= 5:
        raise InvalidRequest(f"a rating is 1 to 5, not {request.rating}")
    if len(request.review) > REVIEW_MAX:
        raise InvalidRequest(f"a review has at most {REVIEW_MAX} characters, this one {len(request.review)}")
    plugin = _plugin_id(registry, name)
    with registry.database.write() as connection:
        now = registry.clock()
        ratings.put_rating(
            connection, plugin, user, rating=request.rating, review=request.review.strip(), now=now
        )
        changes.record(connection, plugin, now)


def unrate(registry: Registry, caller: Caller | None, name: str) -> None:
    user = require(caller, "rate", name).user
    plugin = _plugin_id(registry, name)
    with registry.database.write() as connection:
        ratings.delete_rating(connection, plugin, user)
        changes.record(connection, plugin, registry.clock())


def list_ratings(registry: Registry, name: str, *, page: int = 1) -> RatingPage:
    plugin = _plugin_id(registry, name)
    connection = registry.database.read()
    document = plugins.make_document(connection, plugin)
    found = ratings.list_ratings(connection, plugin, offset=(page - 1) * PAGE_LIMIT_MAX, limit=PAGE_LIMIT_MAX)
    return RatingPage(ratings=tuple(found), average=document.rating, count=document.rating_count)


def _plugin_id(registry: Registry, name: str) -> int:
    plugin = plugins.plugin_id(registry.database.read(), name)
    if plugin is None:
        raise PluginNotFound(f"there is no plugin `{name}`")
    return plugin
