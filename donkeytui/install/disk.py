"""The state-changing calls of a commit, one method each; tests stop before the n-th of them."""

import os
import shutil
from pathlib import Path


class Disk:
    """Durable file operations: what a method did is on the disk when `sync` of its folder returns."""

    def make_folder(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        """A new file, mode 0644, fsynced; refuses to follow a link or replace a file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

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
        """Everything in it as it is: bytes, modes, links as links; fsynced."""
        shutil.copytree(source, target, symlinks=True)
        for folder, _, names in os.walk(target):
            for path in (Path(folder) / name for name in names):
                if not path.is_symlink():
                    self.sync(path)
            self.sync(Path(folder))

    def remove_empty(self, folder: Path, root: Path) -> None:
        """`folder` and those above it, below `root`, as far as they are empty."""
        while folder != root and root in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def remove_folder(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)

    def sync(self, folder: Path) -> None:
        """Makes names in `folder` (or a file) durable; file systems that cannot do it are left alone."""
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError:
            return
        try:
            os.fsync(descriptor)
        except OSError:
            return
        finally:
            os.close(descriptor)
