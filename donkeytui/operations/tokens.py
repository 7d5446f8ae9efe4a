"""Access tokens at the registry: list, make, end."""

from donkeytui.operations.calling import account_client
from donkeytui.session import Session
from registry_server.contract.account_wire import IssuedToken, TokenInfo, TokenRequest


async def list_tokens(session: Session) -> tuple[TokenInfo, ...]:
    """Yours that work; never their text."""
    return tuple(await (await account_client(session)).list_tokens())


async def create_token(session: Session, request: TokenRequest) -> IssuedToken:
    """One more; what is returned has its text, which exists nowhere else.

    Raises `Forbidden` for more than the token in use may itself.
    """
    return await (await account_client(session)).create_token(request)


async def revoke_token(session: Session, number: int) -> None:
    """Useless at once. Raises `TokenNotFound`."""
    await (await account_client(session)).revoke_token(number)
