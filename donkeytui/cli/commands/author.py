"""Verbs for authors: new, validate, pack, publish."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from donkeytui.cli.author_output import (
    count,
    print_check,
    print_contents,
    print_files,
    print_findings,
    print_mends,
    print_receipt,
    say_suggestion,
    tool_sayer,
)
from donkeytui.cli.group import verb
from donkeytui.cli.invocation import Invocation
from donkeytui.cli.output import Output, styled
from donkeytui.cli.questions import ask_for, ask_whether, can_ask

if TYPE_CHECKING:
    from donkeytui.authoring.scaffold import NewPlugin
    from donkeytui.operations.mend import MendReport
    from donkeytui.operations.publish import PublishReport
    from donkeytui.operations.tool_checks import ToolChecks
    from donkeytui.operations.validate import SourceCheck
    from donkeytui.session import Session

T = TypeVar("T")

_BUMPS = ("major", "minor", "patch", "auto")


@verb(name="new", epilog="Example: donkeytui new stripe --needs 'users@^2' --with-config")
@click.argument("name")
@click.argument("place", default="", metavar="[DIR]")
@click.option("--dir", "folder", metavar="DIR", help="Where to make it, as the second argument.")
@click.option("--display-name", metavar="TEXT", help="The name for people.")
@click.option("--description", metavar="TEXT", help="What it does, in a sentence.")
@click.option("--category", "categories", multiple=True, metavar="NAME", help="May be given several times.")
@click.option("--tag", "tags", multiple=True, metavar="NAME", help="May be given several times.")
@click.option("--license", "licence", default="MIT", show_default=True, metavar="SPDX", help="The licence.")
@click.option("--author", default="", metavar="TEXT", help="For example 'Ada <ada@example.com>'.")
@click.option("--schema/--no-schema", "has_schema", default=None, help="Tables of its own, and a migration.")
@click.option("--with-config/--no-config", "has_config", default=None, help="Settings at registration.")
@click.option("--needs", multiple=True, metavar="NAME[@RANGE]", help="A plugin it needs; may be repeated.")
@click.option("--tests/--no-tests", "has_tests", default=None, help="Tests for bun; made unless told.")
@click.option("--yes", "-y", "is_yes", is_flag=True, help="Ask nothing, take what is usual.")
def new_command(invocation: Invocation, **values: Any) -> None:
    """Begin a plugin: code, tests and papers that pass validate.

    It is made in the plugins folder of the project this folder is in, else in DIR/NAME or ./NAME. On
    a terminal it asks for what no option says. Nothing that is there is overwritten.
    """
    from donkeytui.operations.new import NewReport, check_free, create_plugin, place_of
    from registry_server.contract.names import check_name

    if values["place"] and values["folder"] and values["place"] != values["folder"]:
        raise click.UsageError("DIR and --dir name two places")
    output = invocation.output
    name = check_name(values["name"])
    told = values["place"] or values["folder"]
    wanted_place = invocation.working_folder / told if told else None

    async def begin(session: "Session") -> "tuple[Session, Path]":
        folder = place_of(session, name, invocation.working_folder, wanted_place)
        check_free(folder)
        return session, folder

    # The questions are outside of the event loop, so that Ctrl-C at one ends them at once.
    session, folder = invocation.run(begin)
    wanted = _wanted(output, session, values, is_asking=can_ask(output) and not values["is_yes"])

    async def operation(session: "Session") -> NewReport:
        return await create_plugin(session, wanted, folder, output.report)

    made = invocation.run(operation)
    if output.is_json:
        output.result(made)
        return
    shown = _shown(Path(made.folder), invocation.working_folder)
    print_findings(output, made.findings, Path(shown))
    output.line(styled("✓ ", "green"), "made ", styled(made.name, "bold"), f" in {shown}")
    print_files(output, made.files)
    output.say("next:")
    for line in (*made.registration, f"donkeytui validate {shown}", f"donkeytui publish {shown}"):
        output.say(f"  {line}")


@verb(name="validate", epilog="Example: donkeytui validate ./plugins/stripe --fix")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--fix", "is_mending", is_flag=True, help="Mend what is mechanical and safe, and say what.")
@click.option("--diff", "has_diff", is_flag=True, help="With --fix: show the changes line by line.")
@click.option("--no-tools", "has_no_tools", is_flag=True, help="Leave out tsc and bun test.")
def validate_command(
    invocation: Invocation, folder: str, is_mending: bool, has_diff: bool, has_no_tools: bool
) -> None:
    """Check a plugin's folder by all rules of the registry. Exit status 1 when there are errors.

    Where tsc and bun are installed, types are checked and tests are run; what they find is a warning.
    """
    from msgspec import structs

    from donkeytui.operations.mend import mend_source
    from donkeytui.operations.validate import validate

    if has_diff and not is_mending:
        raise click.UsageError("--diff goes with --fix")
    output = invocation.output
    path = _absolute(invocation, folder)

    async def operation(session: "Session") -> "tuple[MendReport | None, SourceCheck]":
        mended = await mend_source(session, path) if is_mending else None
        if mended is not None and not output.is_json:
            print_mends(output, mended, Path(folder), has_diff=has_diff)
        on_tool = tool_sayer(output)
        return mended, await validate(session, path, has_tools=not has_no_tools, on_tool=on_tool)

    mended, check = invocation.run(operation)
    if output.is_json:
        mends = mended.mends if mended is not None else ()
        output.result(structs.replace(check, mended=mends), is_ok=not check.errors)
    else:
        print_check(output, check, Path(folder))
    if check.errors:
        invocation.exit_status = 1


@verb(name="pack", epilog="Example: donkeytui pack ./plugins/stripe --out stripe.tar.gz")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--out", metavar="FILE", help="Where to write it; NAME-VERSION.tar.gz here unless told.")
def pack_command(invocation: Invocation, folder: str, out: str | None) -> None:
    """Make the package of a plugin's folder as a file.

    The same source gives the same bytes on every machine.
    """
    from donkeytui.authoring.sizes import size_text
    from donkeytui.operations.pack import pack_folder

    output = invocation.output
    here = invocation.working_folder
    path, target = _absolute(invocation, folder), here / out if out else None
    made = _with_findings(invocation, folder, lambda session: pack_folder(session, path, target, here))
    if output.is_json:
        output.result(made)
        return
    print_findings(output, made.findings, Path(folder))
    print_files(output, made.files, limit=len(made.files))
    unpacked = size_text(sum(size for _, size in made.files))
    place, files = _shown(Path(made.file), here), count(len(made.files), "file")
    output.line(styled("✓ ", "green"), f"{place}: {files}, {unpacked}, packed {size_text(made.size_bytes)}")
    output.line("  ", styled(made.integrity, "dim"))


@verb(name="publish", epilog="Example: donkeytui publish ./plugins/stripe --dry-run")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--dry-run", is_flag=True, help="Check here and in the registry, and publish nothing.")
@click.option(
    "--bump",
    type=click.Choice(_BUMPS),
    help="Raise the version in package.json before; auto: as the changes ask for.",
)
@click.option(
    "--suggest", "is_suggesting", is_flag=True, help="Publish nothing; say which version is next, and why."
)
@click.option("--no-tools", "has_no_tools", is_flag=True, help="Leave out tsc and bun test.")
def publish_command(
    invocation: Invocation,
    folder: str,
    dry_run: bool,
    bump: str | None,
    is_suggesting: bool,
    has_no_tools: bool,
) -> None:
    """Check, pack and publish a plugin's folder.

    A registry across a network wants a token: donkeytui login, or DONKEYTUI_TOKEN.
    """
    from msgspec import structs

    from donkeytui.operations.publish import Bump, check_publish, prepare_release, publish
    from donkeytui.operations.tool_checks import left_out_tools, run_tools
    from donkeytui.problems import PackageRefused

    output = invocation.output
    path = _absolute(invocation, folder)
    level: Bump | None = next((known for known in get_args(Bump) if known == bump), None)

    async def operation(session: "Session") -> "tuple[PublishReport, ToolChecks]":
        package = await prepare_release(session, path, level, output.report)
        if not output.is_json:
            print_contents(output, package)
        tools = left_out_tools()
        if not has_no_tools:
            tools = await run_tools(path, session.settings.environment, on_tool=tool_sayer(output))
        if dry_run or is_suggesting:
            return await check_publish(session, package, is_suggesting=is_suggesting), tools
        return await publish(session, package, output.report), tools

    made, tools = _with_findings(invocation, folder, operation)
    made = structs.replace(made, findings=(*made.findings, *tools.findings), tools=tools.runs)
    if output.is_json:
        output.result(made, is_ok=made.state != "would-be-refused")
    else:
        print_findings(output, made.findings, Path(folder))
        if made.suggestion is not None:
            say_suggestion(output, made.suggestion)
        if made.state != "would-be-refused":
            print_receipt(output, made, invocation.settings().registry.name)
    if made.state == "would-be-refused":
        if output.is_json:
            invocation.exit_status = 1
        else:
            raise PackageRefused(f"the registry would refuse {made.name} {made.version}")


# What a new plugin is to be.


def _wanted(output: Output, session: "Session", values: dict[str, Any], *, is_asking: bool) -> "NewPlugin":
    from msgspec import structs

    from donkeytui.authoring.scaffold import (
        NewPlugin,
        check_new,
        usual_description,
        usual_display_name,
    )

    name = values["name"]
    display, description = usual_display_name(name), usual_description(name)

    def text(key: str, question: str, usual: str) -> str:
        def make(answer: str) -> str:
            check_new(structs.replace(NewPlugin(name=name), **{key: answer}))
            return answer

        given: str | None = values[key]
        if given is not None:
            return given
        return ask_for(output, question, usual, make) if is_asking else usual

    def categories(words: tuple[str, ...]) -> tuple[str, ...]:
        check_new(NewPlugin(name=name, categories=words))
        return words

    def needs(words: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        found = _needs(session, words)
        check_new(NewPlugin(name=name, needs=found))
        return found

    def listed(key: str, question: str, make: Callable[[tuple[str, ...]], T]) -> T:
        if values[key] or not is_asking:
            return make(values[key])
        return ask_for(output, question, "", lambda answer: make(_words(answer)))

    def whether(key: str, question: str, *, is_usual: bool) -> bool:
        given: bool | None = values[key]
        if given is not None:
            return given
        return ask_whether(output, question, is_usual=is_usual) if is_asking else is_usual

    # A name that cannot be is told before the first question.
    check_new(NewPlugin(name=name))
    wanted = NewPlugin(
        name=name,
        display_name=text("display_name", "display name", display),
        description=text("description", "description", description),
        categories=listed("categories", "categories (auth, payments, ...; none)", categories),
        tags=values["tags"],
        license=values["licence"],
        author=values["author"],
        has_schema=whether("has_schema", "does it have tables of its own?", is_usual=False),
        has_config=whether("has_config", "does it take a config?", is_usual=False),
        needs=listed("needs", "plugins it needs (users@^2, email; none)", needs),
        has_tests=whether("has_tests", "begin with tests?", is_usual=True),
    )
    check_new(wanted)
    return wanted


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _needs(session: "Session", texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    from donkeytui.operations.suggest import usual_range
    from registry_server.contract.ranges import parse_requirement

    needs: dict[str, str] = {}
    for text in texts:
        wanted = parse_requirement(text)
        has_range = not wanted.range.is_any
        needs[wanted.name] = wanted.range.text if has_range else usual_range(session, wanted.name)
    return tuple(sorted(needs.items()))


def _with_findings(invocation: Invocation, folder: str, operation: "Callable[[Session], Awaitable[T]]") -> T:
    """The operation's result; the findings of a package that is refused are printed before it is."""
    from registry_server.contract.problems import InvalidPackage

    try:
        return invocation.run(operation)
    except InvalidPackage as error:
        if not invocation.output.is_json:
            print_findings(invocation.output, error.problem.findings, Path(folder))
        raise


def _absolute(invocation: Invocation, folder: str) -> Path:
    """Without `..` and links: what lies above it decides which project it is in."""
    return (invocation.working_folder / folder).resolve()


def _shown(path: Path, here: Path) -> str:
    """From here, where it lies below; else in full."""
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
