"""One writer at a time in a project; a second one waits a moment, then learns who the first is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from donkeytui.install.journal import FOLDER, refuse_links
from donkeytui.problems import ProjectBusy, ProjectNotWritable
from registry_server.contract.foreign import clean

WAIT_SECONDS = 10.0
HOLDER = "lock-holder.json"
HOLDER_MAX_BYTES = 10_000


class _Holder(Struct, frozen=True, kw_only=True):
    process: Annotated[int, Meta(gt=0, lt=1 << 32)]
    task: str


@contextmanager
def project_lock(root: Path, *, task: str = "", wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """`task` is what a process that has to wait is told.

    Raises `ProjectBusy`, or `ProjectNotWritable` when the project cannot be written at all, or our
    folder in it leads elsewhere.
    """
    from filelock import FileLock, Timeout

    folder = root / FOLDER
    for name in ("lock", ".gitignore", HOLDER):
        refuse_links(root, folder / name)
    try:
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")
        lock = FileLock(folder / "lock", timeout=wait_seconds)
        lock.acquire()
    except Timeout as error:
        raise ProjectBusy(
            "another process is changing this project",
            detail=f"{_holder(folder)}; it has held the lock for over {wait_seconds:.0f} s",
            hint="wait for it to end, and try again",
        ) from error
    except OSError as error:
        raise not_writable(error, folder) from error
    try:
        with suppress(OSError):
            _write_holder(folder, _Holder(process=os.getpid(), task=clean(task)))
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink()
        lock.release()


def not_writable(error: OSError, place: Path) -> ProjectNotWritable:
    return ProjectNotWritable(
        "the project cannot be written",
        detail=f"{error.strerror or error}: {error.filename or place}",
        hint="mend its rights, or free some space; nothing was changed",
    )


def _write_holder(folder: Path, holder: _Holder) -> None:
    """A file of our own, whatever lay there: opening a pipe would wait for ever."""
    (folder / HOLDER).unlink(missing_ok=True)
    with (folder / HOLDER).open("xb") as file:
        file.write(msgspec.json.encode(holder))


def _holder(folder: Path) -> str:
    """Who has it, as far as it said so."""
    if not (folder / HOLDER).is_file():
        return "it did not say who it is"
    try:
        with (folder / HOLDER).open("rb") as file:
            said = msgspec.json.decode(file.read(HOLDER_MAX_BYTES), type=_Holder)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return "it did not say who it is"
    return f"process {said.process} ({clean(said.task, 100) or 'donkeytui'})"
