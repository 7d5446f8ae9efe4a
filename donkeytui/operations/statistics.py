"""Downloads and figures: of the registry, of a plugin, of one's own plugins."""

from donkeytui.operations.calling import account_client
from donkeytui.problems import CredentialsUnusable
from donkeytui.session import Session
from registry_server.contract.names import check_name
from registry_server.contract.problems import Unauthorized
from registry_server.contract.review_wire import AuthorStats, PluginStats, RegistryStats


async def registry_stats(session: Session) -> RegistryStats:
    return await (await account_client(session)).registry_stats()


async def plugin_stats(session: Session, name: str) -> PluginStats:
    """With each version's downloads for the plugin's owners; without a token that works, all but those.

    Raises `PluginNotFound`, `PluginHeld`.
    """
    account = await account_client(session)
    try:
        return await account.plugin_stats(check_name(name), is_own=True)
    except (Unauthorized, CredentialsUnusable):
        return await account.plugin_stats(name, is_own=False)


async def own_stats(session: Session) -> AuthorStats:
    """Of all plugins that belong to the holder of the token, held ones too. Raises `Unauthorized`."""
    account = await account_client(session)
    return await account.user_stats((await account.session_state()).user)
