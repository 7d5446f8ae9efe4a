"""Which new names may be published, which wait for an admin, and which are refused."""

from registry_server.contract.names import are_confusable, lookalike_key
from registry_server.contract.problems import NameReserved, NameTaken
from registry_server.operations.accounts import Caller
from registry_server.store import moderation, owners, plugins
from registry_server.store.database import Connection

POPULAR_DOWNLOADS = 100
"""From here on a plugin is worth being taken for."""

_RESERVED = {
    **dict.fromkeys(("donkeylabs", "donkeytui", "donkey", "official"), "it belongs to the framework"),
    **dict.fromkeys(
        ("server", "core", "framework", "plugin", "plugins", "registry", "admin", "root", "system"),
        "the framework's own words are given away by an admin",
    ),
    **dict.fromkeys(
        ("node", "bun", "npm", "deno", "typescript", "javascript", "kysely", "zod"),
        "it would be taken for the tool of this name",
    ),
    **dict.fromkeys(
        ("api", "test", "tests", "example", "template", "undefined", "null", "nan", "true", "false"),
        "a word that means something else in code",
    ),
    **dict.fromkeys(
        (
            "con",
            "prn",
            "aux",
            "nul",
            *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)),
        ),
        "Windows has a device of this name",
    ),
}
"""Look-alike key -> why only an admin gives it away."""


def check_new_name(connection: Connection, caller: Caller, name: str) -> str:
    """Why the name must wait for an admin; empty when it need not.

    Raises `NameTaken` for a name that is another's but for case and dashes, `NameReserved`.
    """
    taken = plugins.name_of_lookalike(connection, name)
    if taken not in (None, name):  # `name` itself: somebody published it a moment ago
        raise NameTaken(
            f"`{name}` is too close to `{taken}`",
            detail="names that differ only in case and dashes are one name, and the first published keeps it",
            hint="choose another name",
        )
    if caller.is_admin:
        return ""
    reason = moderation.reserved_reason(connection, name)
    if reason is None:
        reason = _RESERVED.get(lookalike_key(name))
    if reason is not None:
        raise NameReserved(
            f"the name `{name}` is reserved",
            detail=reason,
            hint="choose another name, or ask an admin of the registry to publish it first",
        )
    return _confusion(connection, caller, name)


def _confusion(connection: Connection, caller: Caller, name: str) -> str:
    for known in moderation.popular_names(connection, POPULAR_DOWNLOADS):
        if are_confusable(name, known):
            plugin = plugins.plugin_id(connection, known)
            if plugin is not None and owners.is_owner(connection, plugin, caller.user):
                continue
            return f"`{name}` can be taken for `{known}`, which many use; an admin looks at it first"
    return ""
