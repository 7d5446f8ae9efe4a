"""Plugins of about the size that real ones have, and the same files as an npm tarball."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import NamedTuple

from registry_server.contract.archive import Entry, pack
from tests.support.builders import plugin_files

FILES = 12
LINES = 28


class SamplePlugin(NamedTuple):
    name: str
    version: str
    package: bytes
    """As our registry takes it."""
    npm_tarball: bytes
    npm_manifest: dict[str, object]


def sample_plugin(number: int, *, lines: int = LINES) -> SamplePlugin:
    """With the usual number of lines, a package of about 20 KB with a dozen files of TypeScript."""
    name, version = f"sample-{number:02d}", "1.0.0"
    sources = {
        f"service/part{part:02d}.ts": "".join(_line(f"{name} {part} {line}") for line in range(lines))
        for part in range(FILES)
    }
    files = plugin_files(name, version, description="A plugin of a real one's size.", extra=sources)
    entries = {path: Entry(data=text.encode()) for path, text in files.items()}
    return SamplePlugin(
        name=name,
        version=version,
        package=pack(entries, name=name, version=version),
        npm_tarball=_npm_tarball(files),
        npm_manifest=json.loads(files["package.json"]),
    )


def _line(seed: str) -> str:
    """A function whose names and numbers no compression can guess, and whose rest it can."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    return (
        f"export const of{digest[:12]} = (input: number): number => "
        f"(input * 0x{digest[12:20]}) % 0x{digest[20:28]};\n"
    )


def _npm_tarball(files: Mapping[str, str]) -> bytes:
    """The form of `npm pack`: everything below `package/`."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path, text in files.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
