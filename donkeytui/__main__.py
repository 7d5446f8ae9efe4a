"""No verb: the app. A verb: one-shot. The only module that knows both faces."""

import sys
from typing import TYPE_CHECKING

from donkeytui.cli.run import run

if TYPE_CHECKING:
    from donkeytui.settings import Settings


def main() -> None:
    sys.exit(run(sys.argv[1:], open_app=_open_app))


def _open_app(settings: "Settings") -> int:
    from donkeytui.tui.app import run_app

    return run_app(settings)


if __name__ == "__main__":
    main()
