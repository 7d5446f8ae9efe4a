"""run(arguments) -> exit status; the one place where problems become text."""

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TextIO

import click

from registry_server.cli.group import Call, registry_server
from registry_server.contract.problems import ProblemError

EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


def run(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str] = os.environ,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """The exit status of one call."""
    source = stdin or sys.stdin
    call = Call(
        environ=environ,
        stdin=source,
        stdout=stdout or sys.stdout,
        stderr=stderr or sys.stderr,
        is_terminal=stdin is None and source is not None and source.isatty(),
    )
    try:
        # What `context.exit` was told; every command returns None.
        status = registry_server.main(
            list(arguments), prog_name="registry-server", standalone_mode=False, obj=call
        )
    except ProblemError as error:
        problem = error.problem
        call.say(f"error: {problem.title}")
        if problem.detail:
            call.say(f"because: {problem.detail}")
        if problem.hint:
            call.say(f"hint: {problem.hint}")
        return error.exit_status
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        message = error.format_message().rstrip(".")
        context = getattr(error, "ctx", None)
        call.say(f"error: {message[:1].lower()}{message[1:]}")
        call.say(f"hint: {context.command_path if context else 'registry-server'} --help")
        return EXIT_USAGE
    except Exception as error:
        call.say(traceback.format_exc().rstrip())
        call.say(f"error: this is a mistake in registry-server ({type(error).__name__})")
        call.say("hint: report it, with the lines above")
        return EXIT_BUG
    return int(status or 0)
