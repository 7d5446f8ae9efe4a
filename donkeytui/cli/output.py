"""The streams of a command: lines for a terminal, records for a pipe, one JSON object; progress; problems.

The only writer of the command line. All text goes through `clean` first, so that nothing an author
or a server wrote reaches the terminal as a control sequence.
"""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TextIO
from unicodedata import east_asian_width

import msgspec
from msgspec import Struct

from donkeytui.events import Event, Notice, OutputLine, StageAdvanced, StageFinished, StageStarted
from registry_server.contract.foreign import clean
from registry_server.contract.problems import Problem

SCHEMA = "donkeytui/1"
PROGRESS_AFTER_SECONDS = 0.15
PROGRESS_EVERY_SECONDS = 0.1
LINE_MAX = 4000

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "match": "1;4"}
_STAGE_WORDS = {
    "starter": "setting up the embedded registry",
    "feed": "reading the catalogue",
    "index": "building the search index",
    "resolve": "resolving",
    "download": "downloading",
    "verify": "verifying",
    "stage": "unpacking",
    "commit": "changing the project",
    "pack": "packing",
    "upload": "uploading",
    "npm": "installing npm packages",
    "hook": "running the hook",
}


class Streams(Struct, frozen=True, kw_only=True):
    """Where a command reads and writes, and what kind of places those are."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    is_stdin_terminal: bool
    is_stdout_terminal: bool
    is_stderr_terminal: bool
    width: int


def system_streams() -> Streams:
    return Streams(
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        is_stdin_terminal=sys.stdin is not None and sys.stdin.isatty(),
        is_stdout_terminal=sys.stdout.isatty(),
        is_stderr_terminal=sys.stderr.isatty(),
        width=shutil.get_terminal_size((80, 24)).columns,
    )


class Output:
    """One command's way to speak."""

    def __init__(self, streams: Streams, *, is_json: bool, is_quiet: bool, has_color: bool) -> None:
        self.streams = streams
        self.is_json = is_json
        self.is_quiet = is_quiet
        self.is_terminal = streams.is_stdout_terminal
        self._has_color = has_color
        self._notices: list[Notice] = []
        self._stage_since = 0.0
        self._last_progress = 0.0
        self._has_progress_line = False

    # Data, on stdout.

    def line(self, *parts: "str | Styled") -> None:
        """One line of data; parts are texts or `styled(...)`."""
        self._write(self.streams.stdout, parts, has_color=self.is_terminal and self._has_color)

    def record(self, *fields: object) -> None:
        """One line of tab-separated fields, nothing cut: what a pipe gets."""
        self.streams.stdout.write("\t".join(clean(str(field), LINE_MAX) for field in fields) + "\n")

    def block(self, text: str) -> None:
        """Several lines of foreign text."""
        self.streams.stdout.write(clean(text, 1_000_000, multiline=True).rstrip("\n") + "\n")

    def result(self, data: object, *, is_ok: bool = True) -> None:
        """The one JSON object of `--json`. ASCII, so that no terminal can be addressed through it."""
        self._envelope({"ok": is_ok, "data": data, "problem": None})

    def json_problem(self, problem: Problem) -> None:
        self._envelope({"ok": False, "data": None, "problem": problem})

    def _envelope(self, content: dict[str, object]) -> None:
        document = {"schema": SCHEMA, **content, "warnings": self._notices}
        builtins = msgspec.to_builtins(document, str_keys=True)
        self.streams.stdout.write(json.dumps(builtins, indent=2) + "\n")

    # Words, on stderr.

    def say(self, *parts: "str | Styled") -> None:
        if not self.is_quiet:
            self.clear_progress()
            self._write(self.streams.stderr, parts, has_color=self._has_stderr_color)

    def problem(self, problem: Problem) -> None:
        """`error:`, `because:` and `hint:` lines."""
        self.clear_progress()
        self._label("error", "red", problem.title)
        for number, text in enumerate(line for line in problem.detail.splitlines() if line):
            self._label("because" if number == 0 else "", "dim", text)
        for number, text in enumerate(line for line in problem.hint.splitlines() if line):
            self._label("hint" if number == 0 else "", "cyan", text)

    def notice(self, notice: Notice) -> None:
        self._notices.append(notice)
        if self.is_json or self.is_quiet:
            return
        self.clear_progress()
        word, style = ("warning", "yellow") if notice.severity != "note" else ("note", "dim")
        self._label(word, style, notice.text)
        if notice.hint:
            self._label("hint", "cyan", notice.hint)

    def report(self, event: Event) -> None:
        """The reporter for operations: notices as lines, progress as one line that is drawn over."""
        if isinstance(event, Notice):
            self.notice(event)
        elif isinstance(event, StageStarted):
            self._stage_since = time.monotonic()
        elif isinstance(event, StageFinished):
            self.clear_progress()
        elif isinstance(event, OutputLine):
            if not self.is_json:
                self.say(styled(f"  {event.text}", "dim"))
        else:
            self._progress(event)

    def confirm(self, question: str, *, is_yes_usual: bool = True) -> bool | None:
        """The person's answer; None when nobody can be asked, or was not shown what it is about."""
        is_blind = self.is_json or self.is_quiet
        if is_blind or not (self.streams.is_stdin_terminal and self.streams.is_stderr_terminal):
            return None
        self.clear_progress()
        self.streams.stderr.write(f"{question} {'[Y/n]' if is_yes_usual else '[y/N]'} ")
        self.streams.stderr.flush()
        answer = self.streams.stdin.readline()
        if not answer:
            self.streams.stderr.write("\n")
            return None
        said = answer.strip().lower()
        return said in ("y", "yes") or (is_yes_usual and not said)

    def clear_progress(self) -> None:
        if self._has_progress_line:
            self.streams.stderr.write("\r\x1b[K")
            self.streams.stderr.flush()
            self._has_progress_line = False

    @property
    def _has_stderr_color(self) -> bool:
        return self.streams.is_stderr_terminal and self._has_color

    def _label(self, word: str, style: str, text: str) -> None:
        label = f"{word}:" if word else " " * len("because:")
        self._write(self.streams.stderr, (Styled(label, style), " ", text), has_color=self._has_stderr_color)

    def _progress(self, event: StageAdvanced) -> None:
        now = time.monotonic()
        is_wanted = self.streams.is_stderr_terminal and not self.is_quiet and not self.is_json
        if not is_wanted or now - self._stage_since < PROGRESS_AFTER_SECONDS:
            return
        if now - self._last_progress < PROGRESS_EVERY_SECONDS:
            return
        self._last_progress = now
        of_total = f" of {event.total}" if event.total else ""
        text = f"{_STAGE_WORDS[event.stage]}: {event.done}{of_total} {clean(event.subject, 60)}"
        self.streams.stderr.write(f"\r\x1b[K{cut(text, self.streams.width - 1)}")
        self.streams.stderr.flush()
        self._has_progress_line = True

    def _write(self, stream: TextIO, parts: Sequence["str | Styled"], *, has_color: bool) -> None:
        stream.write("".join(_rendered(part, has_color=has_color) for part in parts) + "\n")


class Styled(Struct, frozen=True):
    """A text with one of our styles."""

    text: str
    style: str


def styled(text: str, style: str) -> Styled:
    return Styled(text, style)


def cut(text: str, cells: int) -> str:
    """`text` in at most `cells` terminal cells, `…` where something is missing."""
    if cell_width(text) <= cells:
        return text
    kept, width = "", 0
    for character in text:
        width += cell_width(character)
        if width > cells - 1:
            break
        kept += character
    return kept + "…" if cells > 0 else ""


def padded(text: str, cells: int) -> str:
    shown = cut(text, cells)
    return shown + " " * (cells - cell_width(shown))


def cell_width(text: str) -> int:
    if text.isascii():
        return len(text)
    from unicodedata import combining

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _rendered(part: str | Styled, *, has_color: bool) -> str:
    if isinstance(part, str):
        return clean(part, LINE_MAX)
    text = clean(part.text, LINE_MAX)
    return f"\x1b[{_STYLES[part.style]}m{text}\x1b[0m" if has_color and part.style and text else text
