"""Verbs that only read: search, info, list, sync."""

from typing import TYPE_CHECKING

import click

from donkeytui.cli.group import verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, Styled, cell_width, cut, padded, styled

if TYPE_CHECKING:
    from donkeytui.operations.search import Hit, SearchPage
    from donkeytui.operations.sync import CatalogueState
    from donkeytui.session import Session
    from registry_server.contract.review_wire import ReviewSort
    from registry_server.contract.wire import PluginDocument, Release

SORTS = ("relevance", "downloads", "rating", "recent", "name")
REVIEW_SORTS = ("recent", "helpful", "highest", "lowest")
RELEASES_SHOWN = 10


@verb(name="search", epilog="Example: donkeytui search 'auth category:security is:verified' --limit 5")
@click.argument("query", nargs=-1)
@click.option("--category", default="", metavar="NAME")
@click.option("--tag", default="", metavar="NAME")
@click.option("--author", default="", metavar="NAME")
@click.option("--verified", is_flag=True, help="Only verified plugins.")
@click.option("--sort", type=click.Choice(SORTS))
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@click.option("--page", type=click.IntRange(1, 1000), default=1, show_default=True)
def search_command(
    invocation: Invocation,
    query: tuple[str, ...],
    category: str,
    tag: str,
    author: str,
    verified: bool,
    sort: str | None,
    limit: int,
    page: int,
) -> None:
    """Find plugins by name, words and qualifiers, from the catalogue on this machine.

    Inside the query: "a phrase", -word, category:x, tag:x, author:x, is:verified, sort:downloads.
    """
    from msgspec import convert

    from donkeytui.operations.search import SearchFilters, search
    from donkeytui.operations.sync import catalogue_state, refresh_if_stale

    filters = convert(
        {"category": category, "tag": tag, "author": author, "is_verified": verified or None, "sort": sort},
        SearchFilters,
    )

    async def operation(session: "Session") -> "tuple[SearchPage, CatalogueState]":
        await refresh_if_stale(session, invocation.output.report, with_index=True)
        found = search(session, " ".join(query), filters=filters, limit=limit, offset=(page - 1) * limit)
        return found, catalogue_state(session)

    found, state = invocation.run(operation)
    output = invocation.output
    if output.is_json:
        output.result(
            {
                "query": " ".join(query),
                "total": found.total,
                "is_corrected": found.is_corrected,
                "plugins": found.hits,
            }
        )
        return
    _print_hits(output, found)
    _say_total(output, found, state, page)


def _print_hits(output: Output, found: "SearchPage") -> None:
    from registry_server.search.highlight import highlight

    if not output.is_terminal:
        for hit in found.hits:
            output.record(hit.name, hit.version, hit.downloads, ",".join(hit.categories), hit.description)
        return
    width = output.streams.width
    names = min(28, max((cell_width(hit.name) for hit in found.hits), default=0))
    versions = min(16, max((cell_width(hit.version) for hit in found.hits), default=0))
    for hit in found.hits:
        name = cut(hit.name, names)
        marked = _marked(name, highlight(name, found.query), "bold")
        rest = width - names - versions - 4
        text = cut(_described(hit), rest)
        output.line(
            *marked,
            " " * (names - cell_width(name)),
            "  ",
            styled(padded(hit.version, versions), "dim"),
            "  ",
            *_marked(text, highlight(text, found.query), ""),
        )


def _described(hit: "Hit") -> str:
    state = "✗ quarantined · " if hit.is_quarantined else "deprecated · " if hit.is_deprecated else ""
    return f"{state}{hit.description}"


def _marked(text: str, spans: tuple[tuple[int, int], ...], style: str) -> list[str | Styled]:
    parts: list[str | Styled] = []
    at = 0
    for start, end in spans:
        parts += [styled(text[at:start], style), styled(text[start:end], "match")]
        at = end
    return [*parts, styled(text[at:], style)]


def _say_total(output: Output, found: "SearchPage", state: "CatalogueState", page: int) -> None:
    for text in found.query.unknown:
        output.say(styled("note:", "dim"), f" `{text}` is not a filter and was left out")
    if found.total and not found.hits:
        output.say(f"there are {found.total}, and fewer pages than {page}")
    elif not found.total and found.query.filters:
        output.say(f"no plugin fits these filters among the {state.plugins} of registry `{state.registry}`")
    elif not found.total:
        output.say(
            f"no plugin fits `{found.query.text}` among the {state.plugins} of registry `{state.registry}`"
        )
        output.say(styled("hint:", "cyan"), " try fewer words, or only the beginning of one")
    elif found.is_corrected:
        output.say(f"{found.total} near what you typed, nothing fits exactly")
    elif found.total > len(found.hits):
        output.say(f"{len(found.hits)} of {found.total}; --page {page + 1} shows more")


@verb(name="info", epilog="Example: donkeytui info auth-jwt@^1.0.0 --readme")
@click.argument("plugin")
@click.option("--readme", is_flag=True, help="Print the README of the release.")
@click.option("--reviews", "has_reviews", is_flag=True, help="Print what others think of the plugin.")
@click.option("--sort", type=click.Choice(REVIEW_SORTS), help="With --reviews.  [default: recent]")
@click.option("--page", type=click.IntRange(1, 1000), help="With --reviews.")
def info_command(
    invocation: Invocation,
    plugin: str,
    readme: bool,
    has_reviews: bool,
    sort: "ReviewSort | None",
    page: int | None,
) -> None:
    """Show everything about PLUGIN (a name, or name@range)."""
    if has_reviews and readme:
        raise click.UsageError("--readme and --reviews are two questions: choose one")
    if not has_reviews and (sort or page):
        raise click.UsageError("--sort and --page go with --reviews")
    if has_reviews:
        _show_reviews(invocation, plugin, sort or "recent", page or 1)
    else:
        _show_info(invocation, plugin, readme=readme)


def _show_reviews(invocation: Invocation, plugin: str, sort: "ReviewSort", page: int) -> None:
    from donkeytui.cli.reviews import print_reviews
    from donkeytui.operations.rating import read_reviews
    from registry_server.contract.ranges import parse_requirement

    name = parse_requirement(plugin).name
    found = invocation.run(lambda session: read_reviews(session, name, sort=sort, page=page))
    if invocation.output.is_json:
        invocation.output.result({"plugin": name, "page": page, "sort": sort, "reviews": found})
    else:
        print_reviews(invocation.output, name, found, number=page)


def _show_info(invocation: Invocation, plugin: str, *, readme: bool) -> None:
    from donkeytui.operations.show import choose_release, read_readme, show
    from donkeytui.operations.sync import refresh_if_stale
    from registry_server.contract.ranges import parse_requirement

    wanted = parse_requirement(plugin)

    async def operation(session: "Session") -> "tuple[PluginDocument, Release, str]":
        await refresh_if_stale(session, invocation.output.report)
        document = show(session, wanted.name)
        release = choose_release(document, wanted)
        return document, release, await read_readme(session, document.name, release) if readme else ""

    document, release, text = invocation.run(operation)
    output = invocation.output
    if output.is_json:
        output.result({"plugin": document, "release": release, "readme": text or None})
    elif readme:
        output.block(text or "This release has no README.")
    else:
        _print_info(output, document, release)


def _standing(release: "Release") -> tuple[str, str]:
    """What is worst about a release, and why; both empty for most."""
    if release.quarantine:
        return "✗ quarantined", release.quarantine
    if release.yanked:
        return "yanked", release.yank_reason
    return ("deprecated" if release.deprecated else "", release.deprecation)


def _print_info(output: Output, document: "PluginDocument", release: "Release") -> None:
    output.line(styled(document.name, "bold"), f" {release.version}  ", document.display_name)
    output.line(document.description)
    if release.quarantine:
        output.line(styled(f"✗ quarantined, nobody can install it: {release.quarantine}", "red"))
    output.line("")
    for label, value in _facts(document, release):
        if value:
            output.line(styled(padded(label, 12), "dim"), value)
    output.line("")
    output.line(styled("releases", "bold"))
    for shown in document.versions[:RELEASES_SHOWN]:
        state, reason = _standing(shown)
        note = f"{state}: {reason}" if state and reason else state
        output.line(
            f"  {padded(shown.version, 16)} {shown.created_at:%Y-%m-%d}  {shown.size / 1024:7.1f} KiB  ",
            styled(note, "yellow"),
        )
    if len(document.versions) > RELEASES_SHOWN:
        output.line(styled(f"  and {len(document.versions) - RELEASES_SHOWN} older", "dim"))


def _facts(document: "PluginDocument", release: "Release") -> list[tuple[str, str]]:
    rating = f"{document.rating:.1f} of 5, {document.rating_count} ratings" if document.rating_count else ""
    packages = ", ".join(f"{name} {range_}" for name, range_ in release.dependencies.packages.items())
    engine = ", ".join(
        f"{name} {range_}"
        for name, range_ in (("bun", release.engine.bun), ("node", release.engine.node))
        if range_
    )
    framework = f"@donkeylabs/server {release.framework}"
    return [
        ("author", document.author.name),
        ("licence", document.license),
        ("repository", document.repository or ""),
        ("categories", ", ".join(document.categories)),
        ("tags", ", ".join(document.tags)),
        ("downloads", f"{document.downloads:,}" if document.downloads else ""),
        ("rating", rating),
        ("verified", "yes" if document.verified else ""),
        ("plugins", ", ".join(release.dependencies.plugins) or "none needed"),
        ("npm", packages),
        ("framework", f"{framework}{', ' + engine if engine else ''}"),
        ("integrity", release.checksum),
        ("install", f"donkeytui install {document.name}"),
    ]


@verb(name="sync", epilog="Example: donkeytui sync --registry https://registry.example.com")
def sync_command(invocation: Invocation) -> None:
    """Bring the catalogue up to date. Searching and installing do it by themselves when it is old."""
    from donkeytui.operations.sync import sync

    report = invocation.run(lambda session: sync(session, invocation.output.report))
    output = invocation.output
    if output.is_json:
        output.result(report)
        return
    changed = f"{report.changed} changed" if report.changed else "nothing new"
    output.line(f"{report.registry}: {report.plugins} plugins, {changed}")
