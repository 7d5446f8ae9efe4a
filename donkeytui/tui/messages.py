"""What the runner and the widgets tell the screens."""

from textual.message import Message

from donkeytui.events import Event, StageAdvanced
from registry_server.contract.problems import Problem


class OperationEvent(Message):
    """An event of a running operation."""

    def __init__(self, group: str, event: Event) -> None:
        super().__init__()
        self.group = group
        self.event = event

    def can_replace(self, message: Message) -> bool:
        """A later advance of the same stage stands for an earlier one that still waits."""
        return (
            isinstance(message, OperationEvent)
            and isinstance(self.event, StageAdvanced)
            and isinstance(message.event, StageAdvanced)
            and self.event.stage == message.event.stage
            and self.group == message.group
        )


class OperationDone(Message):
    """An operation has returned."""

    def __init__(self, group: str, result: object) -> None:
        super().__init__()
        self.group = group
        self.result = result


class ProblemShown(Message):
    """An operation has raised a problem."""

    def __init__(self, group: str, problem: Problem) -> None:
        super().__init__()
        self.group = group
        self.problem = problem


class StatusChanged(Message):
    """Something to say in the status line."""

    def __init__(self, text: str, *, is_warning: bool = False) -> None:
        super().__init__()
        self.text = text
        self.is_warning = is_warning


class StagingWanted(Message):
    """A key asks to stage (or take back) an action on a plugin."""

    def __init__(self, name: str, action: str) -> None:
        super().__init__()
        self.name = name
        self.action = action


class ProjectChanged(Message):
    """A plan was applied: everything that shows the project reads it again."""


class DetailWanted(Message):
    """Show this plugin in Browse."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class SectionWanted(Message):
    """Go to a section, by its id."""

    def __init__(self, section: str) -> None:
        super().__init__()
        self.section = section


class BasketChanged(Message):
    """What is staged, or how far it is, has changed."""


class OperationCancelled(Message):
    """An operation was stopped before it did anything that lasts."""

    def __init__(self, group: str) -> None:
        super().__init__()
        self.group = group
