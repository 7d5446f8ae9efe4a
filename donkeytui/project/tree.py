"""Which entries of a package are installed, and the digest of a plugin's files as they lie there.

The package's own `package.json` would make `import "stripe"` resolve to the plugin itself, its
`manifest.json` and tests belong to the author. `schema.ts` is rewritten by `donkeylabs generate`,
so it never counts as an edit; nor do line endings or a missing final newline.
"""

from collections.abc import Iterable, Mapping

from registry_server.contract.integrity import integrity_of
from registry_server.contract.paths import check_path
from registry_server.contract.problems import ArchiveUnsafe

GENERATED = "schema.ts"


def is_place(path: str) -> bool:
    """Whether a plugin's file may lie at `path` of the project, outside of its folder.

    Never a hidden file or folder, where editors, agents, git and our own journal keep what they run.
    """
    try:
        check_path(path)
    except ArchiveUnsafe:
        return False
    parts = path.split("/")
    return not any(part.startswith(".") for part in parts) and "node_modules" not in parts


def file_integrity(data: bytes) -> str:
    """Of one file, as an edit is told: line endings and a final newline do not count."""
    return integrity_of(normalised(data))


def tree_integrity(files: Mapping[str, bytes]) -> str:
    """One digest over path and contents of all files, generated ones left out."""
    return integrity_of(_lines(files))


def normalised(data: bytes) -> bytes:
    """`data` without what is no edit: text with LF only, and without newlines at its end."""
    if b"\0" in data:
        return data
    return data.replace(b"\r\n", b"\n").rstrip(b"\n")


def _lines(files: Mapping[str, bytes]) -> Iterable[bytes]:
    for path in sorted(files):
        if path != GENERATED:
            yield f"{integrity_of(normalised(files[path]))} {path}\n".encode("utf-8", "surrogateescape")
