"""pax extended headers: the records that may stand before a member.

Only `path` says anything here, and `size` may repeat the header's. Owners, times and attributes are
checked and ignored. Every other key is refused, because some reader would obey it: `linkpath`,
`hdrcharset`, the GNU and star keys for sparse files.

Source: POSIX.1-2017 pax, section "pax Extended Header".
"""

import re
from typing import NoReturn

from msgspec import Struct

from registry_server.contract.paths import shown
from registry_server.contract.problems import ArchiveUnsafe

PAX_MAX_BYTES = 64 * 1024
"""Size of one pax header; a path takes 1 KiB, the rest is attributes nobody reads here."""

_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ([A-Za-z0-9._-]{1,256})=")
_DECIMAL = re.compile(rb"[0-9]{1,20}")
_TIME = re.compile(rb"-?[0-9]{1,20}(\.[0-9]{0,20})?")
_IGNORED_KEYS = frozenset(
    (
        "LIBARCHIVE.creationtime",
        "RHT.security.selinux",
        "SCHILY.dev",
        "SCHILY.fflags",
        "SCHILY.ino",
        "SCHILY.nlink",
        "comment",
        "gname",
        "uname",
    )
)
_IGNORED_FAMILIES = ("LIBARCHIVE.xattr.", "SCHILY.acl.", "SCHILY.xattr.")


class Extension(Struct, frozen=True, kw_only=True):
    """What an extension header says about the member after it."""

    path: bytes | None = None
    """The member's path in place of the header's; None keeps that one."""
    size_bytes: int | None = None
    """A repetition of the member's size, to be compared; None if it is not repeated."""


def parse_pax(data: bytes) -> Extension:
    """Raises `ArchiveUnsafe` for a malformed record, a key that occurs twice, a key with effects."""
    records: dict[str, bytes] = {}
    start = 0
    while start < len(data):
        match = _RECORD.match(data, start)
        end = start + int(match[1]) if match else 0
        if match is None or end <= match.end() or data[end - 1 : end] != b"\n":
            _refuse("a pax header has a malformed record", detail=f"at byte {start}")
        key, value = match[2].decode(), data[match.end() : end - 1]
        if key in records:
            _refuse(f"a pax header has `{shown(key)}` twice")
        _check_record(key, value)
        records[key] = value
        start = end
    size = records.get("size")
    return Extension(path=records.get("path"), size_bytes=None if size is None else int(size))


def make_pax(path: str) -> bytes:
    """One record, `<length> path=<path>`, where the length counts its own digits."""
    rest = b" path=" + path.encode() + b"\n"
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return b"%d" % length + rest


def _check_record(key: str, value: bytes) -> None:
    match key:
        case "path":
            is_fine = bool(value)
        case "size" | "uid" | "gid":
            is_fine = _DECIMAL.fullmatch(value) is not None
        case "mtime" | "atime" | "ctime":
            is_fine = _TIME.fullmatch(value) is not None
        case _ if key in _IGNORED_KEYS or key.startswith(_IGNORED_FAMILIES):
            is_fine = True
        case _:
            _refuse(f"a pax header has `{shown(key)}`", detail="it could change what the member is")
    if not is_fine:
        _refuse(f"a pax header has a malformed `{key}`")


def _refuse(title: str, *, detail: str = "") -> NoReturn:
    raise ArchiveUnsafe(
        title,
        detail=detail or "a strict reader knows only what every reader understands alike",
        hint="nothing was unpacked; the author has to pack it again with donkeytui publish",
    )
