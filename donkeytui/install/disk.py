"""The state-changing calls of a commit, one method each; tests stop before the n-th of them."""

import os
import shutil
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SYNCS_AT_ONCE = 16


class NewFile(NamedTuple):
    path: Path
    data: bytes
    is_executable: bool


class Disk:
    """What a method did is on the disk for good when `sync` of its folder, or `sync_all`, returns."""

    def make_folder(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        """A new file, mode 0644, durable after `sync_all`; follows no link and replaces no file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)

    def write_files(self, files: Sequence[NewFile]) -> None:
        """New files in folders that are there, durable; several at once, so that none waits for another."""

        def write(file: NewFile) -> None:
            Disk.write(self, file.path, file.data)
            if file.is_executable:
                Disk.make_executable(self, file.path)
            _sync_file(file.path)

        with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
            list(pool.map(write, files))

    def make_executable(self, path: Path) -> None:
        path.chmod(0o755)

    def copy_mode(self, source: Path, target: Path) -> None:
        """`target` gets the permissions of `source`, when there is one."""
        if source.exists():
            target.chmod(source.stat().st_mode & 0o777)

    def move(self, source: Path, target: Path) -> None:
        """Within one file system; replaces a file, never a folder with contents."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def copy_folder(self, source: Path, target: Path) -> None:
        """Everything in it as it is: bytes, modes, links as links; durable after `sync_all`."""
        if source.is_symlink():
            target.symlink_to(source.readlink())
            return
        copied: list[tuple[Path, Path]] = []
        for current, folders, files in os.walk(source, onerror=_raise):
            folder = Path(current)
            there = target / folder.relative_to(source)
            there.mkdir()
            copied.append((folder, there))
            for name in (*folders, *files):
                if (folder / name).is_symlink():
                    (there / name).symlink_to((folder / name).readlink())
                elif name in files:
                    shutil.copy2(folder / name, there / name)
        for folder, there in reversed(copied):
            shutil.copystat(folder, there)

    def remove_empty(self, folder: Path, root: Path) -> None:
        """`folder` and those above it, below `root`, as far as they are empty."""
        while folder != root and root in folder.parents:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return
            folder = folder.parent

    def remove_folder(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)

    def sync_all(self, folder: Path, *, but: Collection[Path] = ()) -> None:
        """Makes everything in `folder` durable, files before the names of them.

        `but` are files that are durable already. Several at once: a journalling file system then
        writes many with one commit.
        """
        durable = frozenset(but)
        files: list[Path] = []
        folders: list[Path] = []
        for current, _, names in os.walk(folder):
            folders.append(Path(current))
            paths = (Path(current) / name for name in names)
            files += [path for path in paths if path not in durable and not path.is_symlink()]
        with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
            list(pool.map(_sync_file, files))
            list(pool.map(_sync_folder, folders))

    def sync(self, folder: Path) -> None:
        """Makes the names in `folder` durable."""
        _sync_folder(folder)


def _raise(error: OSError) -> None:
    raise error


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """File systems that cannot do it are left alone."""
    with suppress(OSError):
        _sync_file(folder)
