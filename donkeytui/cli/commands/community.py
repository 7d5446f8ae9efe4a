"""Verbs about what others think and take: rate, review, stats."""

from datetime import date
from typing import TYPE_CHECKING

import click

from donkeytui.cli.group import CONTEXT, verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, cell_width, cut, padded, styled
from donkeytui.cli.reviews import can_draw, stars_text
from registry_server.contract.routes import REVIEW_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from donkeytui.session import Session
    from registry_server.contract.review_wire import (
        AuthorStats,
        DailyDownloads,
        OwnedPluginStats,
        PluginStats,
        RegistryStats,
    )

DAYS = 30
CHART_WIDTH_MAX = 80
BAR_WIDTH = 24
VERSIONS_SHOWN = 10


@verb(name="rate", epilog="Example: donkeytui rate auth 5 --review 'does what it says'")
@click.argument("name")
@click.argument("stars", type=click.IntRange(1, 5), required=False)
@click.option("--review", metavar="TEXT|-", help="What you think of it; - reads it from stdin.")
@click.option("--remove", "is_removed", is_flag=True, help="Take your rating and review back.")
def rate_command(
    invocation: Invocation, name: str, stars: int | None, review: str | None, is_removed: bool
) -> None:
    """Give NAME 1 to 5 STARS, and say why. Again, it replaces them; without --review the words stay."""
    from donkeytui.operations.rating import rate, take_rating_back

    output = invocation.output
    if is_removed:
        if stars is not None or review is not None:
            raise click.UsageError("--remove goes with neither STARS nor --review")
        invocation.run(lambda session: take_rating_back(session, name, output.report))
        _done(invocation, f"took your rating of {name} back")
        return
    if stars is None:
        raise click.UsageError("say how many STARS, 1 to 5")
    text = _text(invocation, review) if review is not None else None
    invocation.run(lambda session: rate(session, name, stars, text, output.report))
    shown = stars_text(stars, is_ascii=not can_draw(output))
    _done(invocation, f"rated {name} {shown}{' with a review' if (text or '').strip() else ''}")


@click.group(name="review", context_settings=CONTEXT)
def review_command() -> None:
    """Commend, report or answer the review that AUTHOR wrote of NAME."""


@verb(below=review_command, name="helpful", epilog="Example: donkeytui review helpful auth grace")
@click.argument("name")
@click.argument("author")
@click.option("--undo", "is_taken_back", is_flag=True, help="Take it back.")
def helpful_command(invocation: Invocation, name: str, author: str, is_taken_back: bool) -> None:
    """Say that a review helped you."""
    from donkeytui.operations.rating import vote_helpful

    invocation.run(lambda session: vote_helpful(session, name, author, is_helpful=not is_taken_back))
    said = "took back that it helped" if is_taken_back else "said that it helped"
    _done(invocation, f"{said}: the review of {name} by {author}")


@verb(
    below=review_command,
    name="report",
    epilog="Example: donkeytui review report auth eve --reason advertising",
)
@click.argument("name")
@click.argument("author")
@click.option("--reason", default="", metavar="TEXT", help="What is wrong with it.")
def report_command(invocation: Invocation, name: str, author: str, reason: str) -> None:
    """Report a review to the admins of the registry."""
    from donkeytui.operations.rating import report_review

    invocation.run(lambda session: report_review(session, name, author, reason.strip()))
    _done(invocation, f"reported the review of {name} by {author} to the admins")


@verb(
    below=review_command, name="reply", epilog="Example: donkeytui review reply auth grace 'mended in 1.2.1'"
)
@click.argument("name")
@click.argument("author")
@click.argument("text", default="", metavar="TEXT|-")
@click.option("--remove", "is_removed", is_flag=True, help="Take your answer back.")
def reply_command(invocation: Invocation, name: str, author: str, text: str, is_removed: bool) -> None:
    """Answer a review of your own plugin; - reads the answer from stdin."""
    from donkeytui.operations.rating import reply_to_review

    reply = _text(invocation, text).strip()
    if bool(reply) == is_removed:
        raise click.UsageError("say the answer, in TEXT, or --remove without one")
    invocation.run(lambda session: reply_to_review(session, name, author, reply))
    said = "took the answer back below" if is_removed else "answered"
    _done(invocation, f"{said} the review of {name} by {author}")


@verb(name="stats", epilog="Example: donkeytui stats auth")
@click.argument("name", default="")
@click.option("--mine", "is_mine", is_flag=True, help="Your own plugins, and how they do.")
def stats_command(invocation: Invocation, name: str, is_mine: bool) -> None:
    """Show downloads over time: of the registry, of the plugin NAME, or of your own plugins.

    Versions are shown for plugins of yours. Days are those of UTC.
    """
    from donkeytui.operations.statistics import own_stats, plugin_stats, registry_stats

    if name and is_mine:
        raise click.UsageError("--mine is about all your plugins: leave NAME out")
    output = invocation.output

    async def operation(session: "Session") -> "tuple[RegistryStats | PluginStats | AuthorStats, date]":
        today = session.clock().date()
        if is_mine:
            return await own_stats(session), today
        return await (plugin_stats(session, name) if name else registry_stats(session)), today

    stats, today = invocation.run(operation)
    if output.is_json:
        output.result(stats)
    else:
        _print_stats(output, stats, today)


def _print_stats(output: Output, stats: "RegistryStats | PluginStats | AuthorStats", today: date) -> None:
    from registry_server.contract.review_wire import PluginStats, RegistryStats

    match stats:
        case RegistryStats():
            _print_registry(output, stats, today)
        case PluginStats():
            _print_plugin(output, stats, today)
        case _:
            _print_mine(output, stats, today)


def _print_registry(output: Output, stats: "RegistryStats", today: date) -> None:
    figures = (
        ("plugins", stats.plugins),
        ("releases", stats.releases),
        ("downloads", stats.downloads),
        ("ratings", stats.ratings),
    )
    if output.is_terminal:
        output.line(", ".join(f"{count:,} {word if count != 1 else word[:-1]}" for word, count in figures))
    else:
        for word, count in figures:
            output.record(word, count)
    _print_days(output, stats.days, today)
    most = [(plugin.name, plugin.downloads) for plugin in stats.most_downloaded]
    _print_bars(output, "most downloaded in the last 7 days", "most-downloaded", most)


def _print_plugin(output: Output, stats: "PluginStats", today: date) -> None:
    if output.is_terminal:
        many = f"{stats.downloads:,} download{'' if stats.downloads == 1 else 's'}"
        output.line(styled(stats.name, "bold"), f"  {many}")
    else:
        output.record("downloads", stats.downloads)
    _print_days(output, stats.days, today)
    versions = [(version.version, version.downloads) for version in stats.versions]
    _print_bars(output, "by version", "version", versions)


def _print_mine(output: Output, stats: "AuthorStats", today: date) -> None:
    if not stats.plugins:
        output.say(f"no plugin here belongs to {stats.user}")
        output.say(styled("hint:", "cyan"), " donkeytui new NAME begins one")
    elif output.is_terminal:
        names = min(28, max(cell_width(plugin.name) for plugin in stats.plugins))
        heading = f"{padded('', names)}  {'downloads':>10}  {f'{DAYS} days':>8}  rating"
        output.line(styled(heading, "dim"))
        for plugin in stats.plugins:
            _print_own(output, plugin, names)
    else:
        for plugin in stats.plugins:
            output.record(
                "plugin",
                plugin.name,
                plugin.latest_version,
                plugin.downloads,
                plugin.recent_downloads,
                plugin.rating,
                plugin.rating_count,
                plugin.state,
                plugin.reason,
            )
    if stats.plugins:
        _print_days(output, stats.days, today)


def _print_own(output: Output, plugin: "OwnedPluginStats", names: int) -> None:
    rating = f"{plugin.rating:.1f} ({plugin.rating_count:,})" if plugin.rating_count else "-"
    state = f"{plugin.state}: {plugin.reason}" if plugin.reason else plugin.state
    output.line(
        styled(padded(plugin.name, names), "bold"),
        f"  {plugin.downloads:>10,}  {plugin.recent_downloads:>8,}  {padded(rating, 14)}",
        styled(f"  {state}" if state else "", "yellow"),
    )


def _print_days(output: Output, days: "Iterable[DailyDownloads]", today: date) -> None:
    from datetime import timedelta

    from donkeytui.charts import daily_chart, daily_series

    series = daily_series(((each.day, each.downloads) for each in days), last_day=today, days=DAYS)
    if not output.is_terminal:
        for number, count in enumerate(series.counts):
            output.record("day", series.first_day + timedelta(days=number), count)
        return
    output.line("")
    if not any(series.counts):
        output.line(f"no downloads in the last {DAYS} days")
        return
    output.line(styled(f"downloads a day, the last {DAYS} days", "bold"))
    width = min(output.streams.width, CHART_WIDTH_MAX)
    for line in daily_chart(series, width=width, is_ascii=not can_draw(output)):
        output.line(line)


def _print_bars(output: Output, title: str, word: str, counts: list[tuple[str, int]]) -> None:
    from donkeytui.charts import bar

    if not output.is_terminal:
        for name, count in counts:
            output.record(word, name, count)
        return
    if not counts:
        return
    output.line("")
    output.line(styled(title, "bold"))
    names = min(28, max(cell_width(name) for name, _ in counts))
    most = max(count for _, count in counts)
    is_ascii = not can_draw(output)
    for name, count in counts[:VERSIONS_SHOWN]:
        drawn = padded(bar(count, most, width=BAR_WIDTH, is_ascii=is_ascii), BAR_WIDTH)
        output.line(f"  {padded(cut(name, names), names)}  ", styled(drawn, "cyan"), f" {count:,}")
    if len(counts) > VERSIONS_SHOWN:
        output.line(styled(f"  and {len(counts) - VERSIONS_SHOWN} more", "dim"))


def _text(invocation: Invocation, text: str) -> str:
    """`text`, or for `-` what stdin has; no more is read than could be sent."""
    return invocation.streams.stdin.read(REVIEW_MAX + 2) if text == "-" else text


def _done(invocation: Invocation, text: str) -> None:
    output = invocation.output
    if output.is_json:
        output.result({"done": text})
    else:
        output.line(styled("✓ ", "green"), text)
