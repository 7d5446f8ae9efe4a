"""Problem (the struct on the wire) and ProblemError with its subclasses, one stable code each.

A `Problem` is what a person or a program learns of a failure, in the shape of RFC 9457; a
`ProblemError` carries one through Python (a msgspec Struct cannot be an exception). The code is
the identity: it crosses the wire, and `error_from_problem` raises the same class on the other side.

Message grammar: title = what happened (lower case, no final period, names in backticks); detail =
why, with the numbers; hint = one thing to do, as a command if possible.
"""

from typing import Any, ClassVar, Literal

from msgspec import Struct

Severity = Literal["error", "warning", "note"]


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One remark of a validation. Errors block a publish, warnings and notes never do."""

    severity: Severity
    code: str
    text: str
    path: str = ""
    """Path of the entry inside the package; empty for the package as a whole."""
    line: int = 0
    """Line in that entry, from 1; 0 when the remark is about the whole entry."""
    hint: str = ""


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A failure for a person, as it crosses the wire (`application/problem+json`)."""

    code: str
    title: str
    type: str = ""
    status: int = 0
    """HTTP status; 0 for a problem that never crosses HTTP."""
    detail: str = ""
    hint: str = ""
    findings: tuple[Finding, ...] = ()
    extra: dict[str, Any] = {}
    """What a program may want to know beyond the words; JSON values only."""


_BY_CODE: dict[str, "type[ProblemError]"] = {}


class ProblemError(Exception):
    """The one exception root. Anything else that escapes an operation is a bug."""

    code: ClassVar[str] = "problem"
    http_status: ClassVar[int] = 500
    exit_status: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        if cls.code in _BY_CODE:
            raise TypeError(f"two problems share the code {cls.code!r}")
        _BY_CODE[cls.code] = cls

    def __init__(
        self,
        title: str,
        *,
        detail: str = "",
        hint: str = "",
        findings: tuple[Finding, ...] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(title)
        self.problem = Problem(
            code=self.code,
            title=title,
            type=f"urn:donkeylabs:problem:{self.code}",
            status=self.http_status,
            detail=detail,
            hint=hint,
            findings=findings,
            extra=extra or {},
        )

    def __str__(self) -> str:
        return self.problem.title


def error_from_problem(problem: Problem) -> ProblemError:
    """The exception a problem from the wire stands for; an unknown code gives a plain one."""
    kind = _BY_CODE.get(problem.code, ProblemError)
    error = kind(
        problem.title,
        detail=problem.detail,
        hint=problem.hint,
        findings=problem.findings,
        extra=problem.extra,
    )
    if kind is ProblemError:
        error.problem = problem
    return error


def problem_classes() -> tuple[type[ProblemError], ...]:
    """Every registered subclass, for the tests that walk them."""
    return tuple(_BY_CODE.values())


# Requests that cannot be served as they stand (exit 1).


class PluginNotFound(ProblemError):
    code = "plugin-not-found"
    http_status = 404


class VersionNotFound(ProblemError):
    code = "version-not-found"
    http_status = 404


class EntryNotFound(ProblemError):
    """The package has no such file."""

    code = "entry-not-found"
    http_status = 404


class RouteNotFound(ProblemError):
    code = "route-not-found"
    http_status = 404


class MethodNotAllowed(ProblemError):
    code = "method-not-allowed"
    http_status = 405


class InvalidName(ProblemError):
    code = "invalid-name"
    http_status = 422


class InvalidVersion(ProblemError):
    code = "invalid-version"
    http_status = 422


class InvalidRange(ProblemError):
    code = "invalid-range"
    http_status = 422


class InvalidManifest(ProblemError):
    code = "invalid-manifest"
    http_status = 422


class InvalidRequest(ProblemError):
    """A parameter, field or body that does not fit the endpoint."""

    code = "invalid-request"
    http_status = 422


class InvalidPackage(ProblemError):
    """A package that breaks a rule of validation; carries all findings."""

    code = "invalid-package"
    http_status = 422


class RangeNotSatisfiable(ProblemError):
    """HTTP byte range outside of the package."""

    code = "range-not-satisfiable"
    http_status = 416


class CursorGone(ProblemError):
    """The feed no longer continues from this cursor: start over from a snapshot."""

    code = "cursor-gone"
    http_status = 410


# Conflicts with what is already there (exit 1).


class VersionExists(ProblemError):
    """The version is published with other bytes; it never changes."""

    code = "version-exists"
    http_status = 409


class NameTaken(ProblemError):
    code = "name-taken"
    http_status = 409


class NameReserved(ProblemError):
    """A name that only an admin can give away."""

    code = "name-reserved"
    http_status = 409


class LastOwner(ProblemError):
    """A plugin must have an owner."""

    code = "last-owner"
    http_status = 409


class UserExists(ProblemError):
    code = "user-exists"
    http_status = 409


class UserNotFound(ProblemError):
    code = "user-not-found"
    http_status = 404


class TokenNotFound(ProblemError):
    code = "token-not-found"
    http_status = 404


class RatingNotFound(ProblemError):
    code = "rating-not-found"
    http_status = 404


class PluginHeld(ProblemError):
    """The plugin's name waits for an admin."""

    code = "plugin-held"
    http_status = 404


class Quarantined(ProblemError):
    """The operator took the release out of circulation."""

    code = "quarantined"
    http_status = 403
    exit_status = 4


# Who may do what (exit 3).


class Unauthorized(ProblemError):
    code = "unauthorized"
    http_status = 401
    exit_status = 3


class Forbidden(ProblemError):
    code = "forbidden"
    http_status = 403
    exit_status = 3


class LoginRefused(ProblemError):
    """A wrong name or password, or an account that may not log in."""

    code = "login-refused"
    http_status = 403
    exit_status = 3


class ReadOnly(ProblemError):
    """The registry takes no changes at the moment."""

    code = "read-only"
    http_status = 503
    exit_status = 3


class UpstreamFailed(ProblemError):
    """Another service that the registry relies on did not answer as it should."""

    code = "upstream-failed"
    http_status = 502
    exit_status = 3


class RateLimited(ProblemError):
    """Too often in a short time; `extra` has `retryAfter`, in whole seconds."""

    code = "rate-limited"
    http_status = 429
    exit_status = 3


class RegistryBusy(ProblemError):
    code = "registry-busy"
    http_status = 503
    exit_status = 3


class RegistryDamaged(ProblemError):
    """The registry's own storage does not hold what its rows say."""

    code = "registry-damaged"
    http_status = 500
    exit_status = 3


class RegistryNewer(ProblemError):
    """A newer program wrote the data folder; this one would not understand it."""

    code = "registry-newer"
    http_status = 503
    exit_status = 3


class ServerError(ProblemError):
    """A bug or a fault inside the registry; its log has the trace."""

    code = "server-error"
    http_status = 500
    exit_status = 3


# Trust (exit 4): stop and look.


class IntegrityMismatch(ProblemError):
    code = "integrity-mismatch"
    http_status = 422
    exit_status = 4


class ArchiveUnsafe(ProblemError):
    """The archive breaks a safety rule of the package format."""

    code = "archive-unsafe"
    http_status = 422
    exit_status = 4


class PackageTooLarge(ProblemError):
    code = "package-too-large"
    http_status = 413
    exit_status = 4
