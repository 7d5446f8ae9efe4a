"""The log of every write: who did what to what, and from where. Written in the write's transaction."""

from datetime import datetime

from registry_server.contract.account_wire import AuditEntry
from registry_server.store.database import Connection

PAGE_SIZE = 100


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    address: str,
    now: datetime,
    detail: str = "",
) -> None:
    connection.execute(
        "INSERT INTO audit (at, actor, action, subject, detail, address) VALUES (?, ?, ?, ?, ?, ?)",
        (now.isoformat(), actor, action, subject, detail, address),
    )


def read_entries(connection: Connection, *, before: int | None, subject: str, actor: str) -> list[AuditEntry]:
    """Newest first, at most `PAGE_SIZE`; an empty `subject` or `actor` means any.

    The name of a plugin means its releases (`auth 1.2.0`) too.
    """
    rows = connection.execute(
        "SELECT * FROM audit WHERE id < coalesce(:before, id + 1) AND (:subject = '' OR subject = :subject"
        " OR substr(subject, 1, length(:subject) + 1) = :subject || ' ')"
        " AND (:actor = '' OR actor = :actor) ORDER BY id DESC LIMIT :limit",
        {"before": before, "subject": subject, "actor": actor, "limit": PAGE_SIZE},
    )
    return [
        AuditEntry(
            id=row["id"],
            at=datetime.fromisoformat(row["at"]),
            actor=row["actor"],
            action=row["action"],
            subject=row["subject"],
            detail=row["detail"],
            address=row["address"],
        )
        for row in rows
    ]
