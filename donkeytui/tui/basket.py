"""What is staged: the one basket that the Plan section reviews. Nothing is done by staging."""

from collections.abc import Mapping
from typing import Literal

from donkeytui.operations.changes import Changes
from donkeytui.resolution.ways_out import WayOut

Action = Literal["install", "remove", "update", "pin", "unpin"]


class Basket:
    """Plugin -> what is to be done with it; staging the same twice takes it back."""

    def __init__(self) -> None:
        self._staged: dict[str, tuple[Action, str]] = {}
        self._is_pruning = False
        self.revision = 0
        """Raised by every change, so that a plan can tell whether it is still of this basket."""

    @property
    def actions(self) -> Mapping[str, Action]:
        return {name: action for name, (action, _) in self._staged.items()}

    def __len__(self) -> int:
        return len(self._staged)

    def toggle(self, name: str, action: Action, range_text: str = "") -> bool:
        """True when it is staged now."""
        self.revision += 1
        if self._staged.get(name) == (action, range_text):
            del self._staged[name]
            return False
        self._staged[name] = (action, range_text)
        return True

    def stage(self, name: str, action: Action, range_text: str = "") -> None:
        """In place of what was staged for it."""
        self.revision += 1
        self._staged[name] = (action, range_text)

    def take(self, way: WayOut) -> bool:
        """Stages what a way out of a conflict asks for; False for one that is not for a plan."""
        match way.kind:
            case "drop":
                # With what only it needs, which would otherwise stay, and stay in the way.
                self._is_pruning = True
                self.stage(way.name, "remove")
            case "unpin":
                self.stage(way.name, "unpin")
            case "other-range" | "prerelease" | "deprecated-exact":
                for requirement in (way.requirement, *way.also):
                    name, _, range_text = requirement.partition("@")
                    self.stage(name, "install", range_text)
            case "younger" | "framework":
                return False
        return True

    def drop(self, name: str) -> None:
        self.revision += 1
        self._staged.pop(name, None)

    def clear(self) -> None:
        self.revision += 1
        self._staged.clear()
        self._is_pruning = False

    def changes(self, *, is_forced: bool = False) -> Changes:
        chosen = self._staged.items()
        return Changes(
            install=tuple(f"{n}@{r}" if r else n for n, (action, r) in chosen if action == "install"),
            uninstall=tuple(name for name, (action, _) in chosen if action == "remove"),
            update=tuple(name for name, (action, _) in chosen if action == "update"),
            pin=tuple(name for name, (action, _) in chosen if action == "pin"),
            unpin=tuple(name for name, (action, _) in chosen if action == "unpin"),
            is_forced=is_forced,
            with_orphans=self._is_pruning,
        )
