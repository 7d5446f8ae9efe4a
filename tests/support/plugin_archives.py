"""A plugin that is fine, as an archive byte by byte, and what it takes to make one of it that is not."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from tests.support.builders import plugin_files
from tests.support.tar_builder import END, archive, member, pax, pax_path, record

ROOT = "auth-1.0.0"
FILES = {path: text.encode() for path, text in plugin_files("auth").items() if path != "tests/index.test.ts"}
"""What a package holds that is fine."""

"""What an install says of a package.json that cannot be understood."""


class Hostile(Struct, frozen=True, kw_only=True):
    """One kind, and how it is refused."""

    build: Callable[[], bytes]
    code: str
    word: str
    """Stands in the title or in the detail of the refusal at publish: the thing, by its name."""
    code_at_install: str
    word_at_install: str


def blocks(files: Mapping[str, bytes], *, root: str = ROOT) -> bytes:
    """The members of `files`, in a tar archive without its end."""
    prefix = f"{root}/" if root else ""
    return b"".join(member(f"{prefix}{path}".encode(), data) for path, data in files.items())


PLUGIN = blocks(FILES)
GOOD = archive(PLUGIN)
TAR = PLUGIN + END
LAST = f"{ROOT}/x.ts".encode()


def sealed(*parts: bytes, end: bytes = END) -> bytes:
    """The plugin that is fine, then `parts`."""
    return archive(PLUGIN, *parts, end=end)


def with_files(**files: bytes) -> bytes:
    """The plugin that is fine with other or more files."""
    return archive(blocks({**FILES, **files}))


def named(path: str) -> bytes:
    """With one more file, of this path below the package's root."""
    return sealed(pax_path(f"{ROOT}/{path}"), member(b"x"))


def named_bytes(path: bytes) -> bytes:
    return sealed(pax(record(b"path", path)), member(b"x"))


def hostile(build: Callable[[], bytes], word: str, code: str = "archive-unsafe") -> Hostile:
    return Hostile(build=build, code=code, word=word, code_at_install=code, word_at_install=word)


def unread(build: Callable[[], bytes], word: str) -> Hostile:
    """A manifest nobody can read: a finding of the publish, another package for the install."""
    return Hostile(
        build=build,
        code="invalid-package",
        word=word,
        code_at_install="archive-unsafe",
        word_at_install=word,
    )
