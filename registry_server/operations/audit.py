"""The log of every write, for admins."""

from registry_server.contract.account_wire import AuditEntry, AuditQuery
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
    """Newest first, a page at a time."""
    require_admin(caller)
    return audit.read_entries(
        registry.database.read(), before=query.before, subject=query.subject, actor=query.actor
    )
