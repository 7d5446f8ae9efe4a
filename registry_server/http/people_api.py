"""Endpoints of sessions, tokens, owners, reviews and moderation."""

from msgspec import Struct

from registry_server.contract import routes
from registry_server.contract.account_wire import (
    AuditEntry,
    AuditQuery,
    DevicePoll,
    DeviceStart,
    DeviceState,
    Flags,
    IssuedToken,
    LeakReport,
    LoginMethods,
    LoginRequest,
    OwnerRequest,
    Owners,
    PasswordChange,
    QuarantineEntry,
    QuarantineQuery,
    QuarantineRequest,
    SessionState,
    TokenInfo,
    TokenRequest,
)
from registry_server.contract.review_wire import (
    RatingPage,
    RatingRequest,
    RatingsQuery,
    ReasonRequest,
    ReplyRequest,
    ReviewReport,
)
from registry_server.contract.wire import Success
from registry_server.http.catalogue_api import PLUGIN
from registry_server.http.routing import PRIVATE, Call, Route
from registry_server.http.tables import CallFunction, reads, reads_own, writes
from registry_server.operations import audit, moderation, owners, reviews, sessions, tokens

RATING = f"{PLUGIN}/ratings/{{author}}"
INVITATION = f"{routes.SESSION}/invitations/{{name}}"


def people_routes() -> list[Route]:
    return [*_session_routes(), *_token_routes(), *_owner_routes(), *_review_routes(), *_admin_routes()]


def _session_routes() -> list[Route]:
    session = routes.SESSION
    return [
        reads(
            f"{session}/methods",
            lambda call: sessions.login_methods(call.registry),
            "how to log in here",
            LoginMethods,
            cache=PRIVATE,
            is_open=True,
        ),
        _login("", _log_in, "log in by password", LoginRequest, IssuedToken),
        _login("/device", _start_device, "begin a login by GitHub", None, DeviceStart),
        _login("/device/poll", _poll_device, "whether the person has agreed", DevicePoll, DeviceState),
        reads_own(
            session,
            lambda call: sessions.session_state(call.registry, call.caller),
            "who you are",
            SessionState,
        ),
        writes("DELETE", session, _log_out, "end the token shown", is_open=True),
        writes(
            "PUT",
            f"{session}/password",
            _change_password,
            "change your password",
            body=PasswordChange,
            lane="logins",
        ),
        writes("POST", INVITATION, _accept, "accept to own a plugin"),
        writes("DELETE", INVITATION, _decline, "decline it"),
    ]


def _login(path: str, call: CallFunction, summary: str, body: type[Struct] | None, response: object) -> Route:
    return writes(
        "POST",
        f"{routes.SESSION}{path}",
        call,
        summary,
        body=body,
        response=response,
        limit="write" if path.endswith("poll") else "login",
        needs_token=False,
        is_open=True,
        lane="logins",
    )


def _token_routes() -> list[Route]:
    return [
        reads_own(
            routes.TOKENS,
            lambda call: tokens.list_own_tokens(call.registry, call.caller),
            "your tokens that work",
            list[TokenInfo],
        ),
        writes(
            "POST",
            routes.TOKENS,
            lambda call: tokens.create_own_token(call.registry, call.caller, call.body),
            "make a token that may do no more than the one shown",
            body=TokenRequest,
            response=IssuedToken,
            status=201,
        ),
        writes("DELETE", f"{routes.TOKENS}/{{number:number}}", _revoke, "end a token", is_open=True),
        writes(
            "POST",
            f"{routes.TOKENS}/leaked",
            _leaked,
            "end a token that was found somewhere",
            body=LeakReport,
            limit="report",
            needs_token=False,
            is_open=True,
        ),
    ]


def _owner_routes() -> list[Route]:
    return [
        reads(
            f"{PLUGIN}/owners",
            lambda call: owners.list_owners(call.registry, call.path["name"]),
            "who owns it, and who was asked to",
            Owners,
        ),
        writes(
            "POST",
            f"{PLUGIN}/owners",
            lambda call: owners.invite(call.registry, call.caller, call.path["name"], call.body),
            "ask a user to own it too",
            body=OwnerRequest,
            response=Owners,
        ),
        writes("DELETE", f"{PLUGIN}/owners/{{user}}", _remove_owner, "take an owner or an invitation away"),
    ]


def _review_routes() -> list[Route]:
    return [
        reads(
            f"{PLUGIN}/ratings",
            lambda call: reviews.list_ratings(call.registry, call.path["name"], call.query),
            "ratings and reviews",
            RatingPage,
            query=RatingsQuery,
        ),
        writes("POST", f"{PLUGIN}/ratings", _rate, "set your rating", body=RatingRequest),
        writes("DELETE", f"{PLUGIN}/ratings", _unrate, "take your rating back"),
        writes("POST", f"{RATING}/helpful", _helpful, "say that a review helped"),
        writes("DELETE", f"{RATING}/helpful", _not_helpful, "take that back"),
        writes("POST", f"{RATING}/report", _report, "report a review to the admins", body=ReasonRequest),
        writes("PUT", f"{RATING}/reply", _reply, "answer a review of your plugin", body=ReplyRequest),
        writes(
            "PUT", f"{RATING}/hidden", _hide, "hide a review, or without a reason show it", body=ReasonRequest
        ),
    ]


def _admin_routes() -> list[Route]:
    return [
        writes("PUT", f"{PLUGIN}/flags", _flags, "mark it verified or featured", body=Flags),
        writes(
            "PUT", f"{PLUGIN}/quarantine", _quarantine, "take it out of circulation", body=QuarantineRequest
        ),
        writes(
            "DELETE", f"{PLUGIN}/quarantine", _lift, "let it back, or a held name pass", query=QuarantineQuery
        ),
        reads_own(
            routes.QUARANTINE,
            lambda call: moderation.list_moderated(call.registry, call.caller),
            "what is held or in quarantine",
            list[QuarantineEntry],
        ),
        reads_own(
            routes.REPORTS,
            lambda call: reviews.list_reports(call.registry, call.caller),
            "reviews that were reported",
            list[ReviewReport],
        ),
        reads_own(
            routes.AUDIT,
            lambda call: audit.read_log(call.registry, call.caller, call.query),
            "who did what, newest first",
            list[AuditEntry],
            query=AuditQuery,
        ),
    ]


def _log_in(call: Call) -> object:
    return sessions.log_in(call.registry, call.body, call.address)


def _start_device(call: Call) -> object:
    return sessions.start_device_login(call.registry)


def _poll_device(call: Call) -> object:
    return sessions.poll_device_login(call.registry, call.body, call.address)


def _log_out(call: Call) -> Success:
    sessions.log_out(call.registry, call.caller)
    return Success()


def _change_password(call: Call) -> Success:
    sessions.change_password(call.registry, call.caller, call.body)
    return Success()


def _accept(call: Call) -> Success:
    owners.accept(call.registry, call.caller, call.path["name"])
    return Success()


def _decline(call: Call) -> Success:
    owners.decline(call.registry, call.caller, call.path["name"])
    return Success()


def _revoke(call: Call) -> Success:
    tokens.revoke_own_token(call.registry, call.caller, call.path["number"])
    return Success()


def _leaked(call: Call) -> Success:
    tokens.revoke_leaked_token(call.registry, call.body.token, call.address)
    return Success()


def _remove_owner(call: Call) -> Success:
    owners.remove(call.registry, call.caller, call.path["name"], call.path["user"])
    return Success()


def _rate(call: Call) -> Success:
    reviews.rate(call.registry, call.caller, call.path["name"], call.body)
    return Success()


def _unrate(call: Call) -> Success:
    reviews.unrate(call.registry, call.caller, call.path["name"])
    return Success()


def _helpful(call: Call) -> Success:
    return _vote(call, is_helpful=True)


def _not_helpful(call: Call) -> Success:
    return _vote(call, is_helpful=False)


def _vote(call: Call, *, is_helpful: bool) -> Success:
    name, author = call.path["name"], call.path["author"]
    reviews.vote_helpful(call.registry, call.caller, name, author, is_helpful=is_helpful)
    return Success()


def _report(call: Call) -> Success:
    name, author = call.path["name"], call.path["author"]
    reviews.report(call.registry, call.caller, name, author, reason=call.body.reason)
    return Success()


def _reply(call: Call) -> Success:
    name, author = call.path["name"], call.path["author"]
    reviews.answer(call.registry, call.caller, name, author, reply=call.body.reply)
    return Success()


def _hide(call: Call) -> Success:
    name, author = call.path["name"], call.path["author"]
    reviews.hide(call.registry, call.caller, name, author, reason=call.body.reason)
    return Success()


def _flags(call: Call) -> Success:
    moderation.set_flags(call.registry, call.caller, call.path["name"], call.body)
    return Success()


def _quarantine(call: Call) -> Success:
    moderation.quarantine(call.registry, call.caller, call.path["name"], call.body)
    return Success()


def _lift(call: Call) -> Success:
    moderation.lift(call.registry, call.caller, call.path["name"], call.query.version)
    return Success()
