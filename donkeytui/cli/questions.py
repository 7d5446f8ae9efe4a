"""Questions to a person at the keyboard: one line each, enter takes what is in brackets."""

from collections.abc import Callable
from typing import TypeVar

from donkeytui.cli.output import Output
from donkeytui.problems import NotConfirmed
from registry_server.contract.foreign import clean
from registry_server.contract.problems import ProblemError

T = TypeVar("T")

ANSWER_MAX = 1000


def can_ask(output: Output) -> bool:
    """Whether somebody sees the question and can answer it."""
    streams = output.streams
    is_terminal = streams.is_stdin_terminal and streams.is_stderr_terminal
    return is_terminal and not output.is_json and not output.is_quiet


def ask(output: Output, question: str, usual: str = "") -> str:
    """The answer, `usual` for none. Raises `NotConfirmed` at the end of the input."""
    shown = f" [{usual}]" if usual else ""
    output.clear_progress()
    output.streams.stderr.write(clean(f"{question}{shown}: ", ANSWER_MAX))
    output.streams.stderr.flush()
    answer = output.streams.stdin.readline()
    if not answer:
        output.streams.stderr.write("\n")
        raise NotConfirmed(
            "the questions were not answered to their end",
            detail="nothing was written",
            hint="--yes takes what is usual, without a question",
        )
    return clean(answer.strip(), ANSWER_MAX) or usual


def ask_for(output: Output, question: str, usual: str, make: Callable[[str], T]) -> T:
    """What `make` makes of the answer; asked again, with the reason, while that is a problem."""
    while True:
        answer = ask(output, question, usual)
        try:
            return make(answer)
        except ProblemError as error:
            problem = error.problem
            output.say("  ", problem.title, f" ({problem.hint})" if problem.hint else "")


def ask_whether(output: Output, question: str, *, is_usual: bool) -> bool:
    """Nothing at all is what is usual; asked again until it is a yes or a no."""
    while True:
        answer = ask(output, f"{question} ({'Y/n' if is_usual else 'y/N'})").casefold()
        if answer in ("", "y", "yes", "n", "no"):
            return answer[0] == "y" if answer else is_usual
        output.say("  y or n")
