"""tar headers: a strict reader and a writer without choices.

The reader knows files, folders, pax headers (`pax`) and GNU long names, as npm, bun, GNU tar and Python
write them for honest folders, and refuses the rest instead of skipping it: where two readers could
understand one archive differently, a scan would see another package than an install. So every
numeric field is read, used or not; padding must be zero; an extension may not contradict a header.

Left out on purpose: links, devices, sparse files, global pax headers, base-256 numbers, v7 headers.

Source: POSIX.1-2017 pax, section "ustar Interchange Format"; the GNU tar manual, "Basic Tar Format".
"""

import re
from collections.abc import Iterator
from typing import NoReturn, Protocol

from msgspec import Struct

from registry_server.contract.paths import PATH_MAX_BYTES, shown
from registry_server.contract.pax import PAX_MAX_BYTES, Extension, make_pax, parse_pax
from registry_server.contract.problems import ArchiveUnsafe, PackageTooLarge

END = bytes(1024)
"""What an archive ends with: two zero blocks."""

_BLOCK = 512
_ZERO_BLOCK = bytes(_BLOCK)
_DRAIN_BYTES = 64 * 1024

_FILE, _FOLDER, _PAX, _LONG_NAME = "0", "5", "x", "L"
_KNOWN = frozenset((_FILE, _FOLDER, _PAX, _LONG_NAME))
_REFUSED_KINDS = {
    "\0": "a file of an old kind",
    "1": "a hard link",
    "2": "a symbolic link",
    "3": "a character device",
    "4": "a block device",
    "6": "a FIFO",
    "7": "a contiguous file",
    "D": "a dump folder",
    "K": "a long link",
    "M": "a continued file",
    "S": "a sparse file",
    "V": "a volume label",
    "X": "an old pax header",
    "g": "a global pax header",
}

_USTAR = b"ustar\x0000"
_GNU = b"ustar  \0"
_NUMBER = re.compile(rb"([0-7]+)[ \0]+")
_NUMERIC_FIELDS = (
    ("mode", 100, 108),
    ("uid", 108, 116),
    ("gid", 116, 124),
    ("mtime", 136, 148),
    ("devmajor", 329, 337),
    ("devminor", 337, 345),
)


class Source(Protocol):
    """Where the bytes of an archive come from."""

    def take(self, size_bytes: int) -> bytes:
        """The next `size_bytes` bytes; fewer only at the end."""


class Member(Struct, frozen=True, kw_only=True):
    """A file or folder as the archive lists it; the path is not judged yet."""

    path: str
    """Without the slash that may end a folder's name."""
    is_folder: bool
    data: bytes = b""
    is_executable: bool = False


class _Header(Struct, frozen=True, kw_only=True):
    name: bytes
    kind: str
    mode: int
    size_bytes: int

    @property
    def shown(self) -> str:
        return shown(self.name.decode("utf-8", "backslashreplace"))


def read_members(source: Source, *, entry_max_bytes: int) -> Iterator[Member]:
    """The members in their order, the end of the archive checked after the last.

    Raises `ArchiveUnsafe` for anything out of the ordinary, `PackageTooLarge` for a file above
    `entry_max_bytes`, before it is read.
    """
    while (header := _take_header(source)) is not None:
        extension = Extension()
        if header.kind in (_PAX, _LONG_NAME):
            extension = _take_extension(source, header)
            described = _take_header(source)
            if described is None:
                _refuse(f"`{header.shown}` describes nothing", detail="the archive ends after the extension")
            if described.kind in (_PAX, _LONG_NAME):
                _refuse(f"`{described.shown}` follows another extension", detail="one per member is allowed")
            header = described
        yield _take_member(source, header, extension=extension, entry_max_bytes=entry_max_bytes)
    _check_end(source)


def make_member(path: str, data: bytes, *, is_executable: bool) -> bytes:
    """A file's blocks; a path that does not fit the header's 100 ASCII bytes gets a pax header."""
    mode = 0o755 if is_executable else 0o644
    blocks = []
    name = path.encode("ascii", "replace")
    if not path.isascii() or len(name) > 100:
        record = make_pax(path)
        blocks += [_make_header(b"PaxHeader", len(record), kind=b"x", mode=0o644), _pad(record)]
    blocks += [_make_header(name[:100], len(data), kind=b"0", mode=mode), _pad(data)]
    return b"".join(blocks)


def _take_header(source: Source) -> _Header | None:
    block = source.take(_BLOCK)
    if len(block) < _BLOCK:
        _refuse("the archive ends without two zero blocks")
    return None if block == _ZERO_BLOCK else _parse_header(block)


def _parse_header(block: bytes) -> _Header:
    name = shown(block[:100].partition(b"\0")[0].decode("utf-8", "backslashreplace"))
    checksum = _parse_number(block[148:156], f"the checksum of `{name}`")
    if checksum != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        _refuse(f"the header of `{name}` has a wrong checksum")
    magic = block[257:265]
    if magic not in (_USTAR, _GNU):
        _refuse(f"the header of `{name}` is neither ustar nor GNU")
    kind = chr(block[156])
    if kind not in _KNOWN:
        _refuse(f"`{name}` is {_REFUSED_KINDS.get(kind, 'of an unknown kind')}", detail=f"type {kind!r}")
    if any(block[157:257]):
        _refuse(f"`{name}` has a link target", detail="only links have one, and they are not allowed")
    numbers = {
        field: _parse_optional(block[a:b], f"`{field}` of `{name}`") for field, a, b in _NUMERIC_FIELDS
    }
    # GNU keeps times and sparse maps where ustar has the prefix; honest archives leave them empty.
    prefix = _parse_text(block[345:500], "prefix", name)
    if any(block[500:]) or (magic == _GNU and prefix):
        _refuse(f"the header of `{name}` holds fields nobody reads")
    own_name = _parse_text(block[:100], "name", name)
    return _Header(
        name=prefix + b"/" + own_name if prefix else own_name,
        kind=kind,
        mode=numbers["mode"],
        size_bytes=_parse_number(block[124:136], f"`size` of `{name}`"),
    )


def _parse_optional(field: bytes, what: str) -> int:
    # npm leaves the owner out, GNU tar the device: all zero bytes.
    return _parse_number(field, what) if any(field) else 0


def _parse_number(field: bytes, what: str) -> int:
    if field[0] & 0x80:
        _refuse(f"{what} is a base-256 number", detail="only octal digits are read")
    match = _NUMBER.fullmatch(field)
    if match is None:
        _refuse(f"{what} is not an octal number")
    return int(match[1], 8)


def _parse_text(field: bytes, what: str, name: str) -> bytes:
    text, _, rest = field.partition(b"\0")
    if any(rest):
        _refuse(f"the header of `{name}` hides bytes behind its {what}")
    return text


def _take_member(source: Source, header: _Header, *, extension: Extension, entry_max_bytes: int) -> Member:
    raw = header.name if extension.path is None else extension.path
    try:
        path = raw.decode()
    except UnicodeDecodeError:
        _refuse(f"`{shown(raw.decode('utf-8', 'backslashreplace'))}` is not UTF-8")
    if extension.size_bytes not in (None, header.size_bytes):
        _refuse(
            f"`{shown(path)}` has two sizes",
            detail=f"{header.size_bytes} in its header, {extension.size_bytes} in its pax header",
        )
    if header.kind == _FOLDER:
        if header.size_bytes:
            _refuse(f"`{shown(path)}` is a folder with content")
        return Member(path=path.removesuffix("/"), is_folder=True)
    if header.size_bytes > entry_max_bytes:
        raise PackageTooLarge(
            f"`{shown(path)}` is larger than a file may be",
            detail=f"{header.size_bytes} bytes, {entry_max_bytes} are allowed",
            hint="nothing was unpacked; the author has to take the file out of the package",
        )
    data = _take_data(source, header.size_bytes, shown(path))
    return Member(path=path, is_folder=False, data=data, is_executable=bool(header.mode & 0o100))


def _take_data(source: Source, size_bytes: int, name: str) -> bytes:
    data = source.take(size_bytes)
    padding_bytes = -size_bytes % _BLOCK
    padding = source.take(padding_bytes)
    if len(data) + len(padding) < size_bytes + padding_bytes:
        _refuse(f"`{name}` is cut short", detail=f"{size_bytes} bytes are announced")
    if any(padding):
        _refuse(f"`{name}` has bytes in its padding")
    return data


def _take_extension(source: Source, header: _Header) -> Extension:
    limit = PAX_MAX_BYTES if header.kind == _PAX else PATH_MAX_BYTES + 2
    if header.size_bytes > limit:
        _refuse(
            f"`{header.shown}` is an extension too large",
            detail=f"{header.size_bytes} bytes, {limit} are allowed",
        )
    data = _take_data(source, header.size_bytes, header.shown)
    if header.kind == _PAX:
        return parse_pax(data)
    if not data.endswith(b"\0"):
        _refuse(f"`{header.shown}` does not end its long name")
    return Extension(path=data[:-1])


def _check_end(source: Source) -> None:
    """After the first zero block: one more, then nothing but zeros in whole blocks."""
    size_bytes = 0
    while chunk := source.take(_DRAIN_BYTES):
        if chunk.strip(b"\0"):
            if not size_bytes and any(chunk[:_BLOCK]):
                _refuse("the archive has a single zero block in its middle")
            _refuse("the archive goes on after its end")
        size_bytes += len(chunk)
    if size_bytes < _BLOCK or size_bytes % _BLOCK:
        _refuse("the archive ends without two zero blocks")


def _make_header(name: bytes, size_bytes: int, *, kind: bytes, mode: int) -> bytes:
    zero = b"%07o\0" % 0
    before = (
        name.ljust(100, b"\0") + b"%07o\0" % mode + zero + zero + b"%011o\0" % size_bytes + b"%011o\0" % 0
    )
    after = kind + bytes(100) + _USTAR + bytes(64) + zero + zero + bytes(167)
    checksum = sum(before) + 8 * ord(" ") + sum(after)
    return before + b"%06o\0 " % checksum + after


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)


def _refuse(title: str, *, detail: str = "") -> NoReturn:
    raise ArchiveUnsafe(
        title,
        detail=detail or "a strict reader knows only what every reader understands alike",
        hint="nothing was unpacked; the author has to pack it again with donkeytui publish",
    )
