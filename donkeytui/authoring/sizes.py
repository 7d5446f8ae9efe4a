"""Sizes in words, and the largest files of a package."""

from collections.abc import Iterable

LARGEST = 5


def size_text(size_bytes: int) -> str:
    """`640 B`, `1.2 KiB`, `31.0 MiB`."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    if size_bytes < 1 << 20:
        return f"{size_bytes / 1024:.1f} KiB"
    return f"{size_bytes / (1 << 20):.1f} MiB"


def largest_text(files: Iterable[tuple[str, int]]) -> str:
    """The five largest of `files` (path, bytes) as one line."""
    largest = sorted(files, key=lambda file: (-file[1], file[0]))[:LARGEST]
    return "the largest: " + ", ".join(f"{path} ({size_text(size)})" for path, size in largest)
