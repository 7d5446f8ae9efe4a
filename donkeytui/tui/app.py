"""The app: themes, the stylesheet, the main screen on an open session."""

import asyncio
from collections.abc import Sequence

from textual.app import App
from textual.filter import LineFilter
from textual.theme import Theme

from donkeytui.session import Session, open_session
from donkeytui.settings import Settings
from donkeytui.tui.screens.main import MainScreen
from donkeytui.tui.state import AppState
from donkeytui.tui.text import ControlFilter

DARK = Theme(
    name="donkey-dark",
    primary="#5fc9b8",
    secondary="#8fb4e8",
    accent="#f0b35f",
    foreground="#e4e4df",
    background="#16181c",
    surface="#16181c",
    panel="#24282e",
    success="#86c871",
    warning="#e8b04f",
    error="#f2837b",
    dark=True,
    variables={"soft": "#a2a59f"},
)
LIGHT = Theme(
    name="donkey-light",
    primary="#0b6b5e",
    secondary="#2a5aa0",
    accent="#8a5200",
    foreground="#22242a",
    background="#fbfaf7",
    surface="#fbfaf7",
    panel="#e9e7e1",
    success="#2f6d1c",
    warning="#7d5200",
    error="#b3261e",
    dark=False,
    variables={"soft": "#62645f"},
)


class DonkeyApp(App[None]):
    """Nothing but frame: what it shows is in the screens, what it does in the operations."""

    TITLE = "donkeytui"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._state = AppState(session)
        self._control_filter = ControlFilter()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name
        self.animation_level = "none"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """For themes that are not ours."""
        return {"soft": "#8a8a8a"}

    def on_mount(self) -> None:
        self.push_screen(MainScreen(self._state))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual advises against filters of an app's own; this one is a wall, not an effect."""
        return [*super().get_line_filters(), self._control_filter]


def run_app(settings: Settings) -> int:
    """Runs until the user leaves; the exit status."""

    async def run() -> int:
        async with open_session(settings) as session:
            app = DonkeyApp(session)
            await app.run_async()
            return app.return_code or 0

    return asyncio.run(run())
