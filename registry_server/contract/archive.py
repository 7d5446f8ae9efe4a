"""Package format on bytes: reproducible pack, bounded safe entries.

A package is a `.tar.gz` with its files below `<name>-<version>/`: sorted, without times and
owners, modes 644 and 755, no folders of their own. The same entries give the same bytes on every
machine, whatever its zlib (see `compression`). Author, server and installer read with
`read_package`, so what was judged is what is installed; `pack` writes nothing it would refuse.

The caps are absolute, not ratios: honest source compresses 300:1.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from registry_server.contract.compression import Inflated, deflate
from registry_server.contract.paths import PathClaims, check_path, shown
from registry_server.contract.problems import ArchiveUnsafe, PackageTooLarge
from registry_server.contract.tar import END, make_member, read_members

__all__ = [
    "ENTRIES_MAX",
    "ENTRY_MAX_BYTES",
    "MANIFEST_MAX_BYTES",
    "PACKAGE_MAX_BYTES",
    "UNPACKED_MAX_BYTES",
    "Entries",
    "Entry",
    "check_path",
    "pack",
    "read_package",
]

PACKAGE_MAX_BYTES = 10 * 1024 * 1024
"""Size of the package as it is downloaded."""

UNPACKED_MAX_BYTES = 64 * 1024 * 1024
"""Size of the tar archive inside: the files, and a little for each header."""

ENTRY_MAX_BYTES = 32 * 1024 * 1024
"""Size of one file."""

ENTRIES_MAX = 5000
"""Files and folders of an archive together."""

MANIFEST_MAX_BYTES = 1024 * 1024
"""Size of `package.json` and of `manifest.json`, which get parsed."""

_MANIFESTS = ("package.json", "manifest.json")


class Entry(Struct, frozen=True, kw_only=True):
    """One file inside a package."""

    data: bytes
    is_executable: bool = False


Entries = Mapping[str, Entry]
"""Path below the package's root (`index.ts`, `migrations/001_create.ts`) to entry."""


def pack(entries: Entries, *, name: str, version: str) -> bytes:
    """The package of these entries, equal bytes for equal entries in any order.

    Raises `ArchiveUnsafe` for a path that `read_package` would refuse, `PackageTooLarge` above a cap.
    """
    root = f"{name}-{version}"
    if "/" in root:
        raise ArchiveUnsafe(
            f"`{shown(root)}` cannot be a package's root folder",
            detail="name and version become one folder, so neither can hold a slash",
            hint="correct name and version in package.json",
        )
    _check_count(len(entries))
    claims = PathClaims()
    blocks = []
    size_bytes = len(END)
    for path, entry in sorted(entries.items()):
        full_path = f"{root}/{path}"
        check_path(full_path)
        claims.claim(full_path, is_folder=False)
        _check_size(path, entry, ENTRY_MAX_BYTES)
        blocks.append(make_member(full_path, entry.data, is_executable=entry.is_executable))
        size_bytes += len(blocks[-1])
        if size_bytes > UNPACKED_MAX_BYTES:
            raise _too_large("the package unpacks to more than is allowed", size_bytes, UNPACKED_MAX_BYTES)
    _check_content(entries)
    package = deflate(b"".join(blocks) + END)
    _check_package(package)
    return package


def read_package(data: bytes) -> dict[str, Entry]:
    """The files of a package, sorted by path.

    A root folder that all members share is taken off, whatever it is called (npm says `package/`).
    Folders are judged like files and then dropped. Check the digest of `data` before.

    Raises `ArchiveUnsafe` for anything but a plain, unambiguous archive, `PackageTooLarge` above a cap.
    """
    _check_package(data)
    source = Inflated(data, limit_bytes=UNPACKED_MAX_BYTES)
    claims = PathClaims()
    paths: list[str] = []
    found: dict[str, Entry] = {}
    for member in read_members(source, entry_max_bytes=ENTRY_MAX_BYTES):
        check_path(member.path)
        claims.claim(member.path, is_folder=member.is_folder)
        paths.append(member.path)
        _check_count(len(paths))
        if not member.is_folder:
            found[member.path] = Entry(data=member.data, is_executable=member.is_executable)
    source.close()
    root = _shared_root(paths, files=found)
    entries = {path.removeprefix(root): found[path] for path in sorted(found)}
    _check_content(entries)
    return entries


def _shared_root(paths: Iterable[str], *, files: Entries) -> str:
    """The one folder everything lies in, with its slash; empty when there is none."""
    roots = {path.partition("/")[0] for path in paths}
    if len(roots) != 1 or roots & files.keys():
        return ""
    return f"{roots.pop()}/"


def _check_package(package: bytes) -> None:
    if len(package) > PACKAGE_MAX_BYTES:
        raise _too_large("the package is larger than is allowed", len(package), PACKAGE_MAX_BYTES)


def _check_count(count: int) -> None:
    if count > ENTRIES_MAX:
        raise PackageTooLarge(
            "the package has more entries than are allowed",
            detail=f"more than {ENTRIES_MAX} files and folders",
            hint="the author has to take out what is not source",
        )


def _check_content(entries: Entries) -> None:
    if not entries:
        raise ArchiveUnsafe(
            "the package holds no file",
            detail="a package has at least its package.json",
            hint="publish from the plugin's own folder",
        )
    for path in _MANIFESTS:
        if path in entries:
            _check_size(path, entries[path], MANIFEST_MAX_BYTES)


def _check_size(path: str, entry: Entry, limit_bytes: int) -> None:
    if len(entry.data) > limit_bytes:
        raise _too_large(f"`{shown(path)}` is larger than a file may be", len(entry.data), limit_bytes)


def _too_large(title: str, size_bytes: int, limit_bytes: int) -> PackageTooLarge:
    return PackageTooLarge(
        title,
        detail=f"{size_bytes} bytes, {limit_bytes} are allowed",
        hint="the author has to take out what is not source",
    )
