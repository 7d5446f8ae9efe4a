"""Which files this process changes, told by Python's own audit events: nothing has to be patched.

A hook cannot be taken away again, so there is one for all, and it sleeps while nobody watches.
SQLite and other libraries in C write without an event; of them only the opening is seen.

Source: PEP 578; the audit events table of the Python documentation.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHANGING = {"os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"} | {
    *("os.symlink", "os.truncate", "os.utime", "sqlite3.connect"),
}
_OF_TWO_PATHS = {"os.link", "os.rename", "os.symlink"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_QUIET = ("/dev/null", "__pycache__")


class _Watch:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_hooked = False
        self.paths: list[str] | None = None


_watch = _Watch()


@contextmanager
def watched_writes() -> Iterator[list[str]]:
    """Fills the list with every path that is opened for writing, made, moved, changed or removed."""
    with _watch.lock:
        if not _watch.is_hooked:
            sys.addaudithook(_note)
            _watch.is_hooked = True
        paths: list[str] = []
        _watch.paths = paths
        try:
            yield paths
        finally:
            _watch.paths = None


def outside(paths: list[str], folder: Path) -> list[str]:
    """Those that do not lie in `folder`; a relative path must go down from an open folder."""
    root = folder.resolve()
    strays = []
    for text in paths:
        path = Path(text)
        if any(word in text for word in _QUIET):
            continue
        if path.is_absolute():
            place = path.parent.resolve() / path.name
            is_inside = place.is_relative_to(root) and path.name != ".."
        else:
            is_inside = ".." not in path.parts
        if not is_inside:
            strays.append(text)
    return strays


def _note(event: str, args: tuple[object, ...]) -> None:
    paths = _watch.paths
    if paths is None:
        return
    if event == "open":
        flags = args[2]
        touched = args[:1] if isinstance(flags, int) and flags & _WRITING else ()
    elif event in _CHANGING:
        touched = args[:2] if event in _OF_TWO_PATHS else args[:1]
    else:
        return
    paths.extend(os.fsdecode(path) for path in touched if isinstance(path, str | bytes))
