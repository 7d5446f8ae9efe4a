"""Ratings and reviews: one a user and plugin, from 1 to 5; votes, answers, reports, and moderation."""

from collections.abc import Callable

from registry_server.contract.problems import InvalidRequest, RatingNotFound
from registry_server.contract.review_wire import RatingPage, RatingRequest, RatingsQuery, ReviewReport
from registry_server.contract.routes import NOTE_MAX, PAGE_LIMIT_MAX, PAGE_MAX, REVIEW_MAX
from registry_server.operations.accounts import Caller, require, require_admin, require_owner
from registry_server.operations.audit import log
from registry_server.operations.browse import visible_plugin
from registry_server.operations.users import find_user
from registry_server.operations.words import check_line, check_paragraphs
from registry_server.registry import Registry
from registry_server.store import changes, owners, reviews
from registry_server.store.accounts import User
from registry_server.store.database import Connection

REPORTS_SHOWN = 200


def rate(registry: Registry, caller: Caller | None, name: str, request: RatingRequest) -> None:
    """Sets the caller's rating, replacing an earlier one.

    Raises `InvalidRequest` for stars that are not 1 to 5, too long a review, or one's own plugin.
    """
    caller = require(caller, "rate", name)
    if not 1 <= request.rating <= 5:
        raise InvalidRequest(f"a rating is 1 to 5, not {request.rating}")
    review = request.review.strip() if request.review is not None else None
    check_paragraphs("review", review or "", REVIEW_MAX)
    plugin = visible_plugin(registry, name)
    with registry.database.write() as connection:
        if owners.is_owner(connection, plugin, caller.user):
            raise InvalidRequest(f"`{name}` is yours", detail="a plugin is rated by others")
        registry.limits.spend("rating", f"user {caller.user.id}")
        now = registry.clock()
        reviews.put_rating(connection, plugin, caller.user, rating=request.rating, review=review, now=now)
        changes.record(connection, plugin, now)
        log(connection, registry, caller, "rate", name, detail=str(request.rating))


def unrate(registry: Registry, caller: Caller | None, name: str) -> None:
    """Raises `RatingNotFound` when the caller has not rated it."""
    caller = require(caller, "rate", name)
    plugin = visible_plugin(registry, name)
    with registry.database.write() as connection:
        if reason := reviews.hidden_reason(connection, plugin, caller.user):
            # Otherwise a second review in its place would be seen again.
            raise InvalidRequest(f"your review of `{name}` was hidden by an admin", detail=reason)
        if not reviews.delete_rating(connection, plugin, caller.user):
            raise RatingNotFound(f"you have not rated `{name}`")
        changes.record(connection, plugin, registry.clock())
        log(connection, registry, caller, "unrate", name)


def list_ratings(registry: Registry, name: str, query: RatingsQuery) -> RatingPage:
    if not 1 <= query.page <= PAGE_MAX:
        raise InvalidRequest(f"`page` is 1 to {PAGE_MAX}, not {query.page}")
    plugin = visible_plugin(registry, name)
    connection = registry.database.read()
    with changes.one_moment(connection):
        totals = reviews.totals(connection, plugin)
        found = reviews.list_ratings(
            connection,
            plugin,
            sort=query.sort,
            offset=(query.page - 1) * PAGE_LIMIT_MAX,
            limit=PAGE_LIMIT_MAX + 1,
        )
    count = sum(totals.stars)
    total = sum(star * number for star, number in enumerate(totals.stars, start=1))
    return RatingPage(
        ratings=tuple(found[:PAGE_LIMIT_MAX]),
        average=round(total / count, 2) if count else 0.0,
        count=count,
        stars=totals.stars,
        has_more=len(found) > PAGE_LIMIT_MAX,
    )


def vote_helpful(
    registry: Registry, caller: Caller | None, name: str, author: str, *, is_helpful: bool
) -> None:
    """Sets or takes back the caller's one vote for a review; not for their own."""
    caller = require(caller, "rate", name)

    def vote(connection: Connection, plugin: int, user: User) -> None:
        if user == caller.user:
            raise InvalidRequest("this review is yours", detail="others say whether it helped them")
        reviews.set_helpful(connection, plugin, user, voter=caller.user, is_helpful=is_helpful)

    _on_review(registry, caller, name, author, action="vote" if is_helpful else "unvote", act=vote)


def report(registry: Registry, caller: Caller | None, name: str, author: str, *, reason: str) -> None:
    """Tells the admins; again replaces the reason."""
    caller = require(caller, "rate", name)
    check_line("reason", reason, NOTE_MAX)
    registry.limits.spend("report", f"user {caller.user.id}")

    def add(connection: Connection, plugin: int, user: User) -> None:
        reviews.add_report(
            connection, plugin, user, reporter=caller.user, reason=reason, now=registry.clock()
        )

    _on_review(registry, caller, name, author, action="review-report", act=add)


def answer(registry: Registry, caller: Caller | None, name: str, author: str, *, reply: str) -> None:
    """An owner's answer below a review; empty takes it back."""
    caller = require(caller, "publish", name)
    check_paragraphs("reply", reply, REVIEW_MAX)

    def set_reply(connection: Connection, plugin: int, user: User) -> None:
        require_owner(connection, caller, name)
        reviews.set_reply(connection, plugin, user, reply=reply.strip(), by=caller.user)

    _on_review(registry, caller, name, author, action="review-answer", act=set_reply)


def hide(registry: Registry, caller: Caller | None, name: str, author: str, *, reason: str) -> None:
    """Takes a review's text and stars out of sight, with the reason shown; empty shows it again."""
    caller = require_admin(caller, name)
    reason = reason.strip()
    check_line("reason", reason, NOTE_MAX)

    def set_hidden(connection: Connection, plugin: int, user: User) -> None:
        reviews.set_hidden(connection, plugin, user, reason=reason)
        changes.record(connection, plugin, registry.clock())

    _on_review(
        registry, caller, name, author, action="review-hide" if reason else "review-show", act=set_hidden
    )


def list_reports(registry: Registry, caller: Caller | None) -> list[ReviewReport]:
    require_admin(caller)
    return reviews.list_reports(registry.database.read(), REPORTS_SHOWN)


def _on_review(
    registry: Registry,
    caller: Caller,
    name: str,
    author: str,
    *,
    action: str,
    act: Callable[[Connection, int, User], None],
) -> None:
    """Raises `RatingNotFound` when `author` has not rated the plugin."""
    plugin = visible_plugin(registry, name)
    with registry.database.write() as connection:
        user = find_user(connection, author)
        if not reviews.has_rating(connection, plugin, user):
            raise RatingNotFound(f"{user.name} has not rated `{name}`")
        act(connection, plugin, user)
        log(connection, registry, caller, action, name, detail=user.name)
