"""Ratings and reviews: give one, take it back, read them, and answer, commend or report one."""

from donkeytui.events import Report, silent
from donkeytui.operations.calling import account_client, follow
from donkeytui.operations.owners import check_user
from donkeytui.session import Session
from registry_server.contract.names import check_name
from registry_server.contract.problems import InvalidRequest
from registry_server.contract.review_wire import RatingPage, RatingRequest, ReviewSort
from registry_server.contract.routes import NOTE_MAX, REVIEW_MAX


async def rate(
    session: Session, name: str, stars: int, review: str | None = None, report: Report = silent
) -> None:
    """Sets your one rating of the plugin, replacing an earlier one; without `review` its words stay.

    Raises `InvalidRequest` for stars that are not 1 to 5, too long a review, or your own plugin.
    """
    check_name(name)
    if not 1 <= stars <= 5:
        raise InvalidRequest(f"a rating is 1 to 5, not {stars}", hint=f"donkeytui rate {name} 5")
    _check_length("a review", review or "", REVIEW_MAX)
    request = RatingRequest(rating=stars, review=review)
    await (await account_client(session)).rate(name, request)
    await follow(session, "rated", report)


async def take_rating_back(session: Session, name: str, report: Report = silent) -> None:
    """Raises `RatingNotFound` when there is none."""
    await (await account_client(session)).unrate(check_name(name))
    await follow(session, "taken back", report)


async def read_reviews(
    session: Session, name: str, *, sort: ReviewSort = "recent", page: int = 1
) -> RatingPage:
    """One page, and the figures of all."""
    return await (await account_client(session)).ratings(check_name(name), sort, page)


async def vote_helpful(session: Session, name: str, author: str, *, is_helpful: bool) -> None:
    check_name(name)
    account = await account_client(session)
    await account.vote_helpful(name, check_user(author), is_helpful=is_helpful)


async def report_review(session: Session, name: str, author: str, reason: str) -> None:
    check_name(name)
    _check_length("a reason", reason, NOTE_MAX)
    await (await account_client(session)).report_review(name, check_user(author), reason)


async def reply_to_review(session: Session, name: str, author: str, reply: str) -> None:
    """An owner's answer below a review; empty takes it back."""
    check_name(name)
    _check_length("an answer", reply, REVIEW_MAX)
    await (await account_client(session)).reply_to_review(name, check_user(author), reply)


def _check_length(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise InvalidRequest(f"{what} has at most {limit} characters, this one {len(text)}")
