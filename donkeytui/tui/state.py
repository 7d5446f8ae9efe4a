"""What the sections share while the app runs: session, basket, and what was last read of the project."""

from msgspec import Struct

from donkeytui.operations.installed import InstalledList
from donkeytui.session import Session
from donkeytui.tui.basket import Basket
from donkeytui.tui.lines.listing import ProjectState
from registry_server.contract.problems import Problem
from registry_server.contract.versions import Version


class ProjectView(Struct, frozen=True, kw_only=True):
    """The project as last read; `problem` says why there is none."""

    installed: InstalledList | None = None
    framework: Version | None = None
    problem: Problem | None = None


class AppState:
    """Holds, does not act; sections read it when they draw."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.basket = Basket()
        self.project = ProjectView()

    def project_state(self) -> ProjectState:
        plugins = self.project.installed.plugins if self.project.installed else ()
        return ProjectState(
            installed={plugin.name: plugin.version for plugin in plugins},
            updates={plugin.name: plugin.newest_in_range for plugin in plugins if plugin.has_update},
            staged=self.basket.actions,
        )
