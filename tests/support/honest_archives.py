"""Archives that look odd and are honest: what other programs write, and names people really use.

Each is a plugin that is fine with one oddity; `extra` are the files it brings beside the plugin's own.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from msgspec import Struct

from registry_server.contract.archive import ENTRIES_MAX
from tests.support.plugin_archives import FILES, GOOD, PLUGIN, ROOT, TAR, blocks, named, sealed
from tests.support.tar_builder import (
    archive,
    folder,
    gzipped,
    header,
    long_name,
    member,
    pax,
    pax_path,
    record,
)


class Honest(Struct, frozen=True, kw_only=True):
    """One oddity that is accepted."""

    build: Callable[[], bytes]
    extra: Mapping[str, bytes] = {}
    """Path below the package's root to contents, beside `FILES` or in place of them."""


_FILE = f"{ROOT}/x.ts".encode()
_LONG = f"{'l' * 120}.ts"


def _one(*parts: bytes, path: str = "x.ts", data: bytes = b"x") -> Honest:
    return Honest(build=partial(sealed, *parts), extra={path: data})


def _same(build: Callable[[], bytes]) -> Honest:
    """Only the wrapping is odd; the contents are the plugin's own."""
    return Honest(build=build)


def _deflated(*, level: int = 9, strategy: int = zlib.Z_DEFAULT_STRATEGY, piece: int = 0) -> bytes:
    """GOOD's contents by other choices of deflate; with `piece`, flushed after as many bytes."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    pieces = [TAR[at : at + piece] for at in range(0, len(TAR), piece)] if piece else [TAR]
    body = b"".join(
        deflater.compress(part) + (deflater.flush(zlib.Z_FULL_FLUSH) if piece else b"") for part in pieces
    )
    return GOOD[:10] + body + deflater.flush() + GOOD[-8:]


def _wrappings() -> Iterator[tuple[str, Honest]]:
    yield "gzip: a name", _same(partial(gzipped, TAR, flags=0x08, optional=b"auth-1.0.0.tar\0"))
    yield (
        "gzip: a name of 1,000 bytes",
        _same(partial(gzipped, TAR, flags=0x08, optional=b"n" * 1000 + b"\0")),
    )
    yield "gzip: a time", _same(partial(bytes, GOOD[:4] + b"\x78\x56\x34\x62" + GOOD[8:]))
    yield "gzip: another system", _same(partial(bytes, GOOD[:8] + b"\x04\x0b" + GOOD[10:]))
    yield "gzip: stored", _same(partial(_deflated, level=0))
    yield "gzip: fixed codes", _same(partial(_deflated, strategy=zlib.Z_FIXED))
    yield "gzip: run lengths", _same(partial(_deflated, strategy=zlib.Z_RLE))
    yield "gzip: hundreds of blocks", _same(partial(_deflated, piece=16))
    yield "end: ten kibibytes of zeros", _same(partial(archive, PLUGIN, end=bytes(10240)))
    yield "end: a mebibyte of zeros", _same(partial(archive, PLUGIN, end=bytes(1 << 20)))
    yield "root: npm's package/", _same(partial(archive, blocks(FILES, root="package")))
    yield "root: another name", _same(partial(archive, blocks(FILES, root="Whatever it is")))
    yield "root: none", _same(partial(archive, blocks(FILES, root="")))
    yield "order: the other way round", _same(partial(archive, blocks(dict(reversed(FILES.items())))))


def _folders() -> Iterator[tuple[str, Honest]]:
    root = ROOT.encode()
    yield "folder: empty", _same(partial(sealed, folder(root + b"/empty/")))
    yield "folder: empty, without a slash", _same(partial(sealed, folder(root + b"/empty")))
    yield (
        "folder: empty in empty",
        _same(partial(sealed, folder(root + b"/empty/"), folder(root + b"/empty/inner/"))),
    )
    yield "folder: the root before all", _same(partial(archive, folder(root + b"/"), PLUGIN))
    yield "folder: the root behind all", _same(partial(sealed, folder(root)))
    yield (
        "folder: before its file",
        _one(folder(root + b"/lib/"), member(root + b"/lib/x.ts", b"x"), path="lib/x.ts"),
    )
    yield (
        "folder: behind its file",
        _one(member(root + b"/lib/x.ts", b"x"), folder(root + b"/lib/"), path="lib/x.ts"),
    )
    yield (
        "folder: of a long name",
        _same(partial(sealed, long_name(root + b"/" + b"d" * 150 + b"/\0"), folder(root + b"/d"))),
    )


def _headers() -> Iterator[tuple[str, Honest]]:
    fields: dict[str, dict[str, bytes]] = {
        "owners of npm": {"uid": bytes(8), "gid": bytes(8)},
        "an owner of seven digits": {"uid": b"3641100\0", "uname": b"me", "gname": b"us"},
        "a size that ends in a space": {"size": b"00000000001 "},
        "a mode that ends in space and NUL": {"mode": b"000644 \0"},
        "a short mode": {"mode": b"644\0\0\0\0\0"},
        "a mode with bits to spare": {"mode": b"0107644\0"},
        "no rights at all": {"mode": b"0000000\0"},
        "a time of today": {"mtime": b"14567130531\0"},
        "a time far away": {"mtime": b"77777777777\0"},
        "device numbers": {"devmajor": b"0000000\0", "devminor": b"0000000\0"},
        "the GNU magic": {"magic": b"ustar  \0"},
    }
    for name, changed in fields.items():
        yield f"header: {name}", _one(member(_FILE, b"x", **changed))
    hundred = "h" * (100 - len(ROOT) - 1)
    yield "header: a name of 100 bytes", _one(member(f"{ROOT}/{hundred}".encode(), b"x"), path=hundred)
    yield "header: a prefix", _one(member(b"x.ts", b"x", prefix=f"{ROOT}/lib".encode()), path="lib/x.ts")
    yield (
        "header: a prefix of 155 bytes",
        _one(
            member(b"x.ts", b"x", prefix=f"{ROOT}/".encode().ljust(155, b"p")),
            path="p" * (155 - len(ROOT) - 1) + "/x.ts",
        ),
    )
    yield "header: an empty file", _one(member(_FILE), data=b"")
    yield "header: a file of one block", _one(member(_FILE, b"x" * 512), data=b"x" * 512)
    yield (
        "header: bytes of every kind",
        _one(member(_FILE, bytes(range(256)) * 9), data=bytes(range(256)) * 9),
    )


def _extensions() -> Iterator[tuple[str, Honest]]:
    root = ROOT.encode()
    yield (
        "long name: GNU",
        _one(long_name(f"{ROOT}/{_LONG}\0".encode()), member(root, b"x", magic=b"ustar  \0"), path=_LONG),
    )
    yield "long name: GNU, and it is short", _one(long_name(_FILE + b"\0"), member(b"y", b"x"))
    yield "long name: pax", _one(pax_path(f"{ROOT}/{_LONG}"), member(b"x", b"x"), path=_LONG)
    deep = "/".join(["d" * 200] * 4 + ["e" * 190])
    yield "long name: five folders of 200", _one(pax_path(f"{ROOT}/{deep}"), member(b"x", b"x"), path=deep)
    yield "long name: 240 bytes", _one(pax_path(f"{ROOT}/{'é' * 120}"), member(b"x", b"x"), path="é" * 120)
    levels = "/".join("d" * 31)
    yield "long name: 32 levels", _one(pax_path(f"{ROOT}/{levels}"), member(b"x", b"x"), path=levels)
    records: dict[str, tuple[bytes, ...]] = {
        "times": (
            record(b"mtime", b"1700000000.123456789"),
            record(b"atime", b"1"),
            record(b"ctime", b"2.5"),
        ),
        "a time before 1970": (record(b"mtime", b"-86400.5"),),
        "owners": (record(b"uid", b"5000000000"), record(b"gid", b"1"), record(b"uname", "Ä".encode())),
        "the size again": (record(b"size", b"1"),),
        "a comment": (record(b"comment", b"made by hand"),),
        "attributes of macOS": (record(b"LIBARCHIVE.xattr.com.apple.provenance", b"AQIA"),),
        "attributes with a NUL and a newline": (record(b"SCHILY.xattr.user.x", b"\n\0\xff=\n"),),
        "an access list": (record(b"SCHILY.acl.access", b"user::rw-"),),
        "SELinux": (record(b"RHT.security.selinux", b"u:object_r:t:s0"),),
        "the file's number": (record(b"SCHILY.dev", b"1"), record(b"SCHILY.ino", b"2")),
        "no record at all": (),
        "60 kilobytes of attribute": (record(b"SCHILY.xattr.user.x", b"x" * 60_000),),
    }
    for name, each in records.items():
        yield f"pax: {name}", _one(pax(*each), member(_FILE, b"x"))
    yield (
        "pax: before a folder",
        _same(partial(sealed, pax(record(b"mtime", b"1.5")), folder(root + b"/empty/"))),
    )


_UNICODE = {
    "composed": "h\u00e9llo.ts",
    "decomposed": "he\u0301llo.ts",
    "Cyrillic": "\u043f\u0440\u0438\u0432\u0435\u0442.ts",
    "Greek": "\u03bb\u03cc\u03b3\u03bf\u03c2.ts",
    "Chinese": "\u63d2\u4ef6/\u8bf4\u660e.md",
    "Japanese": "\u30d7\u30e9\u30b0\u30a4\u30f3.md",
    "Korean": "\ud50c\ub7ec\uadf8\uc778.md",
    "Arabic": "\u0645\u0644\u0641.md",
    "Hebrew": "\u05e7\u05d5\u05d1\u05e5.md",
    "Hindi": "\u0938\u0902\u0917\u0923\u0915.md",
    "Thai": "\u0e1b\u0e25\u0e31\u0e4a\u0e01\u0e2d\u0e34\u0e19.md",
    "emoji": "\U0001f680.svg",
    "emoji with a selector": "\u2764\ufe0f.svg",
    "full width": "\uff21\uff22.md",
    "mathematics": "\U0001d4d0.md",
}
_PLAIN = (
    *(
        "-rf",
        "--help",
        "~",
        "~user",
        "$HOME.ts",
        "%PATH%.ts",
        "#x",
        "!important",
        "a&b;c.ts",
        "`x`.ts",
        "'q'.ts",
    ),
    *(
        " before.ts",
        "in the middle.ts",
        "a..b.ts",
        "..x.ts",
        "...x",
        "x~1.ts",
        "@scope",
        "[id].ts",
        "(group)/x.ts",
    ),
    *("console.ts", "com10.ts", "com.ts", "nullable.ts", "auxiliary/x.ts", "lpt.ts", "prn-x", "context.con"),
    *(".gitignore", ".gitattributes", ".github.md", "git/x.ts", "git~x", ".gitlab", "x.git"),
    *("lib/package.json", "Env", "env.ts", "npmrc", "node_modules.md", "x", "a/a/a/a/a", "con\u0301.ts"),
)


def _names() -> Iterator[tuple[str, Honest]]:
    for name, path in _UNICODE.items():
        yield f"unicode: {name}", _one(pax_path(f"{ROOT}/{path}"), member(b"x", b"x"), path=path)
    for path in _PLAIN:
        yield f"name: {path!a}", Honest(build=partial(named, path), extra={path: b""})
    raw = "caf\u00e9.ts"
    yield "unicode: in the header itself", _one(member(f"{ROOT}/{raw}".encode(), b"x"), path=raw)


def _as_many_as_may_be() -> bytes:
    return sealed(*(header(b"auth-1.0.0/m/%d" % number) for number in range(ENTRIES_MAX - len(FILES))))


def _contents() -> Iterator[tuple[str, Honest]]:
    marked = b"\xef\xbb\xbf" + FILES["package.json"]
    yield (
        "package.json: a mark of byte order",
        Honest(
            build=partial(archive, blocks({**FILES, "package.json": marked})), extra={"package.json": marked}
        ),
    )
    spaced = b"\r\n\t" + FILES["package.json"].replace(b"\n", b"\r\n")
    yield (
        "package.json: lines as Windows ends them",
        Honest(
            build=partial(archive, blocks({**FILES, "package.json": spaced})), extra={"package.json": spaced}
        ),
    )
    yield (
        "caps: 5,000 files",
        Honest(
            build=_as_many_as_may_be, extra={f"m/{number}": b"" for number in range(ENTRIES_MAX - len(FILES))}
        ),
    )
    zeros = bytes(5 << 20)
    yield (
        "caps: five mebibytes that compress to nothing",
        _one(member(f"{ROOT}/zeros.bin".encode(), zeros), path="zeros.bin", data=zeros),
    )


ODDITIES = {
    **dict(_wrappings()),
    **dict(_folders()),
    **dict(_headers()),
    **dict(_extensions()),
    **dict(_names()),
    **dict(_contents()),
}
