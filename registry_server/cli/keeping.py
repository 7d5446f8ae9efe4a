"""stats, check, backup, restore, reindex."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_server.cli.group import (
    Call,
    data_option,
    existing_folder,
    json_option,
    named_folder,
    with_registry,
)

if TYPE_CHECKING:
    from registry_server.operations.check import CheckReport

MIB = 1 << 20


@click.command(name="stats")
@data_option
@json_option
@click.pass_obj
def stats_command(call: Call, data: str | None, is_json: bool) -> None:
    """Show counts, and what was downloaded most in the last seven days."""
    from registry_server.operations.statistics import registry_stats

    stats = with_registry(call, data, registry_stats)
    if is_json:
        call.json(stats)
        return
    call.lines(
        [
            ("plugins", stats.plugins),
            ("releases", stats.releases),
            ("downloads", stats.downloads),
            ("ratings", stats.ratings),
            *((f"week: {plugin.name}", plugin.downloads) for plugin in stats.most_downloaded),
        ]
    )


@click.command(name="check")
@data_option
@json_option
@click.option("--repair", "is_repair", is_flag=True, help="Mend what can be mended.")
@click.option("--from", "backup", metavar="DIR", help="With --repair: a backup to take lost packages from.")
@click.pass_context
def check_command(
    context: click.Context, data: str | None, is_json: bool, is_repair: bool, backup: str | None
) -> None:
    """Check rows, packages, feed, shards and index against each other.

    A server may run meanwhile. Exit status 1 when something is left that is not as it should be.
    """
    from registry_server.operations.check import check
    from registry_server.operations.repair import repair
    from registry_server.store.folder import is_served

    call: Call = context.obj
    folder = existing_folder(call, data)
    is_stopped = not is_served(folder)
    if backup and not is_repair:
        raise click.UsageError("--from goes with --repair")
    if is_repair:
        place = Path(backup).expanduser().absolute() if backup else None
        repaired = repair(folder, is_stopped=is_stopped, backup=place)
        report = repaired.remaining
        for finding in repaired.mended:
            call.say(f"mended: {finding.text}")
    else:
        report = check(folder, is_stopped=is_stopped)
    if is_json:
        call.json(report)
    else:
        _print_findings(call, report)
    if not report.is_clean:
        context.exit(1)


def _print_findings(call: Call, report: "CheckReport") -> None:
    for finding in report.findings:
        call.lines([(finding.code, finding.text, finding.hint)])
    size = f"{report.package_bytes / MIB:.1f} MiB"
    count = len(report.findings)
    state = "everything is as it should be" if not count else f"{count} finding{'s' if count != 1 else ''}"
    call.say(f"{report.plugins} plugins, {report.packages} packages ({size}): {state}")


@click.command(name="backup")
@click.argument("target", metavar="DIR")
@data_option
@click.option("--recheck", is_flag=True, help="Read the packages that are there already again.")
@click.option("--verify", is_flag=True, help="Only read every byte of the backup in DIR.")
@click.pass_obj
def backup_command(call: Call, target: str, data: str | None, recheck: bool, verify: bool) -> None:
    """Bring the backup in DIR up to date, or make one there, while the registry serves.

    Database of one moment, and all packages; the next backup into DIR copies only what is new.
    """
    from registry_server.operations.backup import back_up, verify_backup

    if verify:
        manifest = verify_backup(_path(target))
        made = f"{manifest.made_at:%Y-%m-%d %H:%M} UTC"
        call.say(f"{_path(target)} is whole: {manifest.packages} packages, of {made}")
        return
    report = back_up(existing_folder(call, data), _path(target), recheck=recheck)
    call.say(
        f"backed up to {report.folder}: {report.copied} packages copied"
        f" ({report.copied_bytes / MIB:.1f} MiB), {report.kept} were there"
    )


@click.command(name="restore")
@click.argument("source", metavar="DIR")
@data_option
@click.option("--accept-lacking", is_flag=True, help="Also from a backup that lacks packages.")
@click.pass_obj
def restore_command(call: Call, source: str, data: str | None, accept_lacking: bool) -> None:
    """Make a registry from the backup in DIR, in an empty data folder, everything verified."""
    from registry_server.operations.restore import restore

    report = restore(_path(source), named_folder(call, data), accept_lacking=accept_lacking)
    call.say(f"restored {report.data} from a backup of {report.manifest.made_at:%Y-%m-%d %H:%M} UTC")
    for lacking in report.lacking:
        call.say(f"warning: the backup lacks {lacking}")


@click.command(name="reindex")
@data_option
@click.pass_obj
def reindex_command(call: Call, data: str | None) -> None:
    """Build the search index anew; searches go on in the old one meanwhile."""
    from registry_server.operations.reindex import reindex

    count = with_registry(call, data, reindex)
    call.say(f"indexed {count} plugins")


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()
