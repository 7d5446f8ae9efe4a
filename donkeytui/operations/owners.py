"""Who a plugin belongs to: see, invite, remove, and answer an invitation."""

from typing import Literal

from donkeytui.operations.calling import account_client
from donkeytui.session import Session
from registry_server.contract.account_wire import Owners
from registry_server.contract.names import NAME_MAX, check_name, is_name
from registry_server.contract.problems import InvalidName


async def list_owners(session: Session, name: str) -> Owners:
    return await (await account_client(session)).owners(check_name(name))


async def invite_owner(session: Session, name: str, user: str) -> Owners:
    """They own it once they accept. Raises `UserNotFound`, `Forbidden`."""
    check_name(name)
    return await (await account_client(session)).invite_owner(name, check_user(user))


async def remove_owner(session: Session, name: str, user: str) -> None:
    """Takes a share or an invitation away. Raises `LastOwner`, `UserNotFound`, `Forbidden`."""
    check_name(name)
    await (await account_client(session)).remove_owner(name, check_user(user))


async def answer_invitation(session: Session, name: str, answer: Literal["accept", "decline"]) -> None:
    check_name(name)
    account = await account_client(session)
    if answer == "accept":
        await account.accept_invitation(name)
    else:
        await account.decline_invitation(name)


def check_user(name: str) -> str:
    """`name` unchanged. Raises `InvalidName` for what no user can be called."""
    if not is_name(name):
        raise InvalidName(
            f"`{name[:NAME_MAX]}` is not the name of a user",
            detail=f"it has lower case letters, digits and single dashes, up to {NAME_MAX}",
        )
    return name
