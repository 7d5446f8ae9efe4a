"""Which entries of a package are installed, and the digest of a plugin's files as they lie there.

The package's own `package.json` would make `import "stripe"` resolve to the plugin itself, its
`manifest.json` and tests belong to the author. `schema.ts` is rewritten by `donkeylabs generate`,
so it never counts as an edit; nor do line endings or a missing final newline.
"""

from collections.abc import Iterable, Mapping

from registry_server.contract.integrity import integrity_of

GENERATED = "schema.ts"
_NOT_INSTALLED = frozenset(("package.json", "manifest.json"))


def is_installed_path(path: str) -> bool:
    """Whether an entry of a package goes into the project."""
    folders = path.split("/")[:-1]
    return path not in _NOT_INSTALLED and not (folders and folders[0] in ("tests", "test", "__tests__"))


def tree_integrity(files: Mapping[str, bytes]) -> str:
    """One digest over path and contents of all files, generated ones left out."""
    return integrity_of(_lines(files))


def _lines(files: Mapping[str, bytes]) -> Iterable[bytes]:
    for path in sorted(files):
        if path != GENERATED:
            yield f"{integrity_of(_normalised(files[path]))} {path}\n".encode("utf-8", "surrogateescape")


def _normalised(data: bytes) -> bytes:
    if b"\0" in data:
        return data
    return data.replace(b"\r\n", b"\n").rstrip(b"\n")
