"""Verbs for authors: validate, publish."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from donkeytui.cli.group import verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, styled
from registry_server.contract.problems import Finding

if TYPE_CHECKING:
    from donkeytui.operations.publish import PreparedPackage
    from donkeytui.session import Session
    from registry_server.contract.wire import CheckReport, PublishReceipt

_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


@verb(name="validate", epilog="Example: donkeytui validate ./plugins/stripe")
@click.argument("folder", default=".", metavar="[DIR]")
def validate_command(invocation: Invocation, folder: str) -> None:
    """Check a plugin's folder by all rules of the registry. Exit status 1 when there are errors."""
    from donkeytui.operations.publish import validate

    check = validate((invocation.working_folder / folder).absolute())
    output = invocation.output
    if output.is_json:
        output.result(check, is_ok=not check.errors)
    else:
        print_findings(output, check.findings, Path(folder))
        name = f"{check.name} {check.version}".strip() or folder
        warnings = sum(finding.severity == "warning" for finding in check.findings)
        if check.errors:
            output.say(f"{name}: {_count(len(check.errors), 'error')}, {_count(warnings, 'warning')}")
        else:
            note = f" ({_count(warnings, 'warning')})" if warnings else ""
            output.line(styled("✓ ", "green"), f"{name} can be published{note}")
    if check.errors:
        invocation.exit_status = 1


@verb(name="publish", epilog="Example: donkeytui publish ./plugins/stripe --dry-run")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--dry-run", is_flag=True, help="Check here and in the registry, and publish nothing.")
def publish_command(invocation: Invocation, folder: str, dry_run: bool) -> None:
    """Check, pack and publish a plugin's folder.

    A registry across a network wants a token, in DONKEYTUI_TOKEN; the embedded one does not.
    """
    from donkeytui.operations.publish import check_publish, prepare_package, publish
    from donkeytui.problems import PackageRefused
    from registry_server.contract.problems import InvalidPackage

    output = invocation.output
    path = (invocation.working_folder / folder).absolute()

    async def operation(session: "Session") -> "tuple[PreparedPackage, PublishReceipt | CheckReport]":
        package = prepare_package(path)
        if dry_run:
            return package, await check_publish(session, package)
        return package, await publish(session, package, output.report)

    try:
        package, answer = invocation.run(operation)
    except InvalidPackage as error:
        if not output.is_json:
            print_findings(output, error.problem.findings, Path(folder))
        raise
    if output.is_json:
        output.result(answer)
        return
    print_findings(output, answer.findings or package.check.findings, Path(folder))
    if not answer.success:
        raise PackageRefused(f"the registry would refuse {package.name} {package.version}")
    _print_answer(output, package, answer, invocation.settings().registry.name)


def _print_answer(
    output: Output, package: "PreparedPackage", answer: "PublishReceipt | CheckReport", registry: str
) -> None:
    from registry_server.contract.wire import PublishReceipt

    size = f"{len(package.check.files)} files, {len(package.archive) / 1024:.1f} KiB"
    if not isinstance(answer, PublishReceipt):
        output.line(styled("✓ ", "green"), f"{package.name} {package.version} would be published ({size})")
        return
    word = "published" if answer.created else "was published before, with these very bytes:"
    output.line(
        styled("✓ ", "green"),
        f"{word} ",
        styled(package.name, "bold"),
        f" {package.version} to {registry} ({size})",
    )
    output.line("  ", styled(answer.integrity, "dim"))


def print_findings(output: Output, findings: tuple[Finding, ...], folder: Path) -> None:
    for finding in findings:
        place = f"{folder / finding.path}:{finding.line}" if finding.line else str(folder / finding.path)
        label = styled(f"{finding.severity}:", _STYLES[finding.severity])
        output.say(label, f" {finding.text} ", styled(f"({place}) [{finding.code}]", "dim"))
        if finding.hint:
            output.say("  ", styled("hint:", "cyan"), f" {finding.hint}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
