"""Lists of plugins: pages of ready summaries, counts by label, totals."""

import msgspec
from msgspec import Struct

from registry_server.contract.wire import PluginSummary, Sort
from registry_server.store.database import Connection
from registry_server.store.plugins import IMAGINED_RATINGS, IMAGINED_SUM, make_document, summary_of


def stored_summary(connection: Connection, plugin: int) -> PluginSummary:
    """What lists say of it; made for one that is held, and so in no list."""
    row = connection.execute("SELECT summary FROM plugins WHERE id = ?", (plugin,)).fetchone()
    if row["summary"]:
        return decode_summary(row["summary"])
    return summary_of(make_document(connection, plugin))


class Filter(Struct, frozen=True, kw_only=True):
    category: str = ""
    tag: str = ""
    author: str = ""
    verified: bool | None = None


_ORDERS: dict[Sort, str] = {
    "downloads": "downloads DESC, updated_at DESC, name",
    "relevance": "downloads DESC, updated_at DESC, name",
    "rating": f"(rating_sum + {IMAGINED_SUM}) / (rating_count + {IMAGINED_RATINGS}) DESC,"
    " rating_count DESC, downloads DESC, name",
    "recent": "updated_at DESC, name",
    "name": "lookalike",
}


def list_summaries(
    connection: Connection, wanted: Filter, *, sort: Sort, offset: int, limit: int
) -> tuple[list[PluginSummary], int]:
    """One page and the number of all that match."""
    where, values = _where(wanted)
    total = connection.execute(f"SELECT count(*) FROM plugins WHERE {where}", values).fetchone()[0]  # noqa: S608
    rows = connection.execute(
        f"SELECT summary FROM plugins WHERE {where} ORDER BY {_ORDERS[sort]} LIMIT ? OFFSET ?",  # noqa: S608
        (*values, limit, offset),
    )
    return [decode_summary(row["summary"]) for row in rows], total


def label_counts(connection: Connection, kind: str, wanted: Filter | None = None) -> dict[str, int]:
    where, values = _where(wanted or Filter())
    query = (
        "SELECT label, count(*) AS count FROM labels WHERE kind = ? AND plugin_id IN"  # noqa: S608
        f" (SELECT id FROM plugins WHERE {where}) GROUP BY label ORDER BY count DESC, label LIMIT 200"
    )
    return {row["label"]: row["count"] for row in connection.execute(query, (kind, *values))}


def label_counts_of(connection: Connection, kind: str, names: tuple[str, ...]) -> dict[str, int]:
    """The same over the plugins of these names."""
    rows = connection.execute(
        "SELECT label, count(*) AS count FROM labels JOIN plugins ON plugins.id = plugin_id"
        " JOIN json_each(?) ON plugins.name = json_each.value WHERE kind = ? GROUP BY label"
        " ORDER BY count DESC, label LIMIT 200",
        (msgspec.json.encode(names).decode(), kind),
    )
    return {row["label"]: row["count"] for row in rows}


def summaries_by_name(connection: Connection, names: list[str]) -> dict[str, PluginSummary]:
    marks = ",".join("?" * len(names))
    rows = connection.execute(f"SELECT name, summary FROM plugins WHERE name IN ({marks})", names)  # noqa: S608
    return {row["name"]: decode_summary(row["summary"]) for row in rows if row["summary"]}


def counts(connection: Connection) -> tuple[int, int, int, int]:
    """Plugins, releases, downloads, ratings."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(downloads), 0), coalesce(sum(rating_count), 0) FROM plugins"
        " WHERE document IS NOT NULL"
    ).fetchone()
    releases = connection.execute(
        "SELECT count(*) FROM releases JOIN plugins ON plugins.id = plugin_id WHERE document IS NOT NULL"
    ).fetchone()[0]
    return row[0], releases, row[1], row[2]


_summary_decoder = msgspec.json.Decoder(PluginSummary)


def decode_summary(data: bytes) -> PluginSummary:
    return _summary_decoder.decode(data)


def _where(wanted: Filter) -> tuple[str, list[object]]:
    clauses, values = ["document IS NOT NULL"], list[object]()
    for kind, label in (("category", wanted.category), ("tag", wanted.tag)):
        if label:
            clauses.append("id IN (SELECT plugin_id FROM labels WHERE kind = ? AND label = ?)")
            values += [kind, label]
    if wanted.author:
        clauses.append("author_name = ? COLLATE NOCASE")
        values.append(wanted.author)
    if wanted.verified is not None:
        clauses.append("verified = ?")
        values.append(int(wanted.verified))
    return " AND ".join(clauses), values
