"""Withdraw what was published, in the two ways that break nobody: deprecate and yank."""

from typing import Literal

from msgspec import Struct

from donkeytui.events import Report, silent
from donkeytui.operations.calling import account_client, follow
from donkeytui.session import Session
from registry_server.contract.names import check_name
from registry_server.contract.problems import InvalidRequest
from registry_server.contract.ranges import Requirement
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Deprecation


class Withdrawal(Struct, frozen=True, kw_only=True):
    """What was done to which releases."""

    state: Literal["deprecated", "not-deprecated", "yanked", "not-yanked"]
    name: str
    release: str
    """The version, or the range, that was named."""
    latest_version: str | None
    """What a new install without a range takes now; empty: nothing is left; None: nobody knows."""
    text: str = ""
    """The message or the reason."""


async def deprecate(
    session: Session, wanted: Requirement, message: str, report: Report = silent, *, successor: str = ""
) -> Withdrawal:
    """Marks the releases in the range, with what to use instead; without either it takes that back.

    Raises `Forbidden` for somebody else's plugin, `InvalidRequest` when no release is in the range.
    """
    account = await account_client(session)
    wish = Deprecation(version=wanted.range.text, message=message, successor=successor)
    await account.deprecate(wanted.name, wish)
    is_made = bool(message or successor)
    is_followed = await follow(session, "deprecated" if is_made else "taken back", report)
    return Withdrawal(
        state="deprecated" if is_made else "not-deprecated",
        name=wanted.name,
        release=wanted.range.text,
        latest_version=_latest(session, wanted.name) if is_followed else None,
        text=message or (f"use `{successor}`" if successor else ""),
    )


async def yank(session: Session, name: str, version: str, reason: str, report: Report = silent) -> Withdrawal:
    """Hides one release from new resolutions; who has it locked still gets it.

    Raises `Forbidden`, `VersionNotFound`.
    """
    await (await account_client(session)).yank(name, version, reason)
    latest = _latest(session, name) if await follow(session, "yanked", report) else None
    return Withdrawal(state="yanked", name=name, release=version, latest_version=latest, text=reason)


async def unyank(session: Session, name: str, version: str, report: Report = silent) -> Withdrawal:
    await (await account_client(session)).unyank(name, version)
    latest = _latest(session, name) if await follow(session, "unyanked", report) else None
    return Withdrawal(state="not-yanked", name=name, release=version, latest_version=latest)


def parse_release(text: str, verb: str) -> tuple[str, str]:
    """Name and version of `auth@1.2.0`: one release, no range.

    Raises `InvalidRequest` without a version, `InvalidName` or `InvalidVersion`.
    """
    name, _, version = text.partition("@")
    check_name(name)
    if not version:
        raise InvalidRequest(
            f"`{name}` names no release",
            detail=f"to {verb} is for one release at a time",
            hint=f"donkeytui {verb} {name}@1.2.0",
        )
    return name, parse_version(version).text


def _latest(session: Session, name: str) -> str:
    """Empty when the plugin has no release that a new install takes."""
    document = session.catalogue.get(name)
    if document is None or document.is_deprecated:
        return ""
    return document.latest_version
