"""The log of every write, for admins."""

from registry_server.contract.account_wire import AuditEntry, AuditQuery
from registry_server.contract.problems import InvalidRequest
from registry_server.contract.wire import COUNT_MAX
from registry_server.operations.accounts import Caller, require_admin
from registry_server.registry import Registry
from registry_server.store import audit
from registry_server.store.database import Connection


def log(
    connection: Connection, registry: Registry, caller: Caller, action: str, subject: str, *, detail: str = ""
) -> None:
    """Must run inside the transaction of what it tells of."""
    audit.record(
        connection,
        actor=caller.user.name,
        action=action,
        subject=subject,
        detail=detail,
        address=caller.address,
        now=registry.clock(),
    )


def read_log(registry: Registry, caller: Caller | None, query: AuditQuery) -> list[AuditEntry]:
    """Newest first, a page at a time.

    Raises `InvalidRequest` for a `before` that is no number of an entry.
    """
    require_admin(caller)
    if query.before is not None and not 1 <= query.before <= COUNT_MAX:
        raise InvalidRequest(f"`before` is the number of an entry, not {query.before}")
    return audit.read_entries(
        registry.database.read(), before=query.before, subject=query.subject, actor=query.actor
    )
