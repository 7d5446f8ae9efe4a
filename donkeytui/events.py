"""Event union and Report; nothing else crosses from a running operation to a face.

A reporter is synchronous, quick and never raises; `list.append` is one. Results are returned and
failures raised, never reported.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from registry_server.contract.problems import Severity

Stage = Literal[
    "starter",
    "feed",
    "index",
    "resolve",
    "download",
    "verify",
    "stage",
    "commit",
    "pack",
    "upload",
    "npm",
    "hook",
]


class StageStarted(Struct, frozen=True, kw_only=True, tag="started", tag_field="event"):
    stage: Stage
    total: int = 0
    """0 when nobody knows yet."""
    unit: str = ""


class StageAdvanced(Struct, frozen=True, kw_only=True, tag="advanced", tag_field="event"):
    stage: Stage
    done: int
    total: int = 0
    subject: str = ""
    """What is being worked on, a plugin's name most often."""


class StageFinished(Struct, frozen=True, kw_only=True, tag="finished", tag_field="event"):
    stage: Stage


class Notice(Struct, frozen=True, kw_only=True, tag="notice", tag_field="event"):
    """Something a person should know that stops nothing."""

    severity: Severity
    code: str
    text: str
    hint: str = ""


class OutputLine(Struct, frozen=True, kw_only=True, tag="output", tag_field="event"):
    """A line that a program we started has written; cleaned."""

    stage: Stage
    text: str


Event = StageStarted | StageAdvanced | StageFinished | Notice | OutputLine
Report = Callable[[Event], None]


def silent(_: Event) -> None:
    """The reporter of who does not listen."""
