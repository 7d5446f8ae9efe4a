"""Parse the command line and run one verb; the outermost `except` of the command line."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from donkeytui import __version__
from donkeytui.cli.group import CONTEXT, VerbGroup
from donkeytui.cli.invocation import Invocation, common_options, take_common
from donkeytui.cli.output import Streams, system_streams
from donkeytui.settings import Settings
from registry_server.contract.problems import Problem, ProblemError

EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

HELP = """The plugin registry of the DonkeyLabs framework, in your terminal.

Without a verb, donkeytui opens the app.

\b
Examples:
  donkeytui search auth
  donkeytui info auth-jwt --readme
  donkeytui install auth-jwt
  donkeytui publish ./plugins/stripe
"""


@click.group(cls=VerbGroup, help=HELP, invoke_without_command=True, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="donkeytui", message="%(prog)s %(version)s")
@common_options
@click.pass_context
def donkeytui(context: click.Context, /, **values: Any) -> None:
    invocation = context.find_object(Invocation)
    assert invocation is not None
    take_common(invocation, values)
    if context.invoked_subcommand is None:
        _open_app(context, invocation)


def run(
    arguments: Sequence[str],
    *,
    open_app: Callable[[Settings], int],
    streams: Streams | None = None,
    environ: Mapping[str, str] = os.environ,
    working_folder: Path | None = None,
) -> int:
    """The exit status of one call. Prints; raises nothing."""
    streams = streams or system_streams()
    try:
        folder = working_folder or Path.cwd()
    except OSError:
        streams.stderr.write("error: the working folder is gone\nhint: go into one that exists\n")
        return 1
    invocation = Invocation(streams=streams, environ=environ, working_folder=folder, open_app=open_app)
    try:
        with contextlib.closing(invocation):
            donkeytui.main(list(arguments), prog_name="donkeytui", standalone_mode=False, obj=invocation)
        return invocation.exit_status
    except ProblemError as error:
        return _show(invocation, error.problem, error.exit_status)
    except (click.Abort, KeyboardInterrupt):
        invocation.output.clear_progress()
        invocation.output.say("interrupted; nothing was changed that was not reported")
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        # What stands behind the fault was not read any more.
        invocation.options["is_json"] = invocation.options.get("is_json") or "--json" in arguments
        return _show_usage(invocation, error)
    except BrokenPipeError:
        # The reader has seen enough (`| head`); Python must not complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _show_bug(invocation, error)


def _open_app(context: click.Context, invocation: Invocation) -> None:
    streams = invocation.streams
    if not (streams.is_stdin_terminal and streams.is_stdout_terminal and streams.is_stderr_terminal):
        streams.stderr.write(context.get_help() + "\n\n")
        streams.stderr.write("error: the app needs a terminal; name a verb for one-shot use\n")
        invocation.exit_status = EXIT_USAGE
        return
    invocation.exit_status = invocation.open_app(invocation.settings())


def _show(invocation: Invocation, problem: Problem, status: int) -> int:
    if invocation.options.get("is_json"):
        invocation.output.json_problem(problem)
    invocation.output.problem(problem)
    return status


def _show_usage(invocation: Invocation, error: click.ClickException) -> int:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "donkeytui"
    problem = Problem(code="usage", title=message[:1].lower() + message[1:], hint=f"{command} --help")
    return _show(invocation, problem, EXIT_USAGE)


def _show_bug(invocation: Invocation, error: Exception) -> int:
    """A mistake of ours: one line, and a file with what is needed to find it."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="donkeytui-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
    ) as file:
        file.write(f"donkeytui {__version__}, Python {sys.version}\n")
        file.writelines(traceback.format_exception(error))
    problem = Problem(
        code="bug",
        title=f"this is a mistake in donkeytui ({type(error).__name__})",
        detail=f"the trace is in {file.name}",
        hint="report it, with that file",
    )
    return _show(invocation, problem, EXIT_BUG)
