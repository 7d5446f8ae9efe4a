"""What the sections share while the app runs: session, basket, and what was last read of the project."""

from collections.abc import Sequence

from msgspec import Struct

from donkeytui.operations.installed import InstalledList
from donkeytui.operations.sync import CatalogueState, catalogue_state
from donkeytui.session import Session
from donkeytui.tui.basket import Basket
from donkeytui.tui.lines.listing import ProjectState
from registry_server.contract.problems import Problem, ProblemError
from registry_server.contract.versions import Version
from registry_server.contract.wire import PluginDocument


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
        self._catalogue: CatalogueState | None = None

    def catalogue_state(self) -> CatalogueState:
        """As it is now; as it last was when the catalogue cannot be read."""
        try:
            self._catalogue = catalogue_state(self.session)
        except ProblemError:
            registry = self.session.settings.registry
            self._catalogue = self._catalogue or CatalogueState(
                registry=registry.name,
                url=registry.url,
                plugins=0,
                synced_at=None,
                is_offline=self.session.settings.is_offline,
                is_stale=True,
            )
        return self._catalogue

    def documents(self, names: Sequence[str]) -> dict[str, PluginDocument]:
        """What the catalogue has of `names`; nothing when it cannot be read."""
        try:
            return self.session.catalogue.get_many(names) if names else {}
        except ProblemError:
            return {}

    def project_state(self) -> ProjectState:
        plugins = self.project.installed.plugins if self.project.installed else ()
        return ProjectState(
            installed={plugin.name: plugin.version for plugin in plugins},
            updates={plugin.name: plugin.newest_in_range for plugin in plugins if plugin.has_update},
            quarantined=frozenset(plugin.name for plugin in plugins if plugin.quarantine),
            staged=self.basket.actions,
        )
