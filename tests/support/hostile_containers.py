"""Hostile archives whose container is wrong: gzip, tar headers, the end, long names and pax headers."""

import zlib
from collections.abc import Iterator
from functools import partial

from tests.support.plugin_archives import GOOD, LAST, PLUGIN, ROOT, TAR, Hostile, hostile, sealed
from tests.support.tar_builder import END, folder, gzipped, header, long_name, member, pax, record

# gzip.


def _changed(data: bytes, place: int, value: bytes) -> bytes:
    return data[:place] + value + data[place + len(value) :]


def _stream(body: bytes) -> bytes:
    """GOOD's frame about another deflate stream."""
    return GOOD[:10] + body + GOOD[-8:]


def _without_an_end() -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return _stream(deflater.compress(TAR) + deflater.flush(zlib.Z_SYNC_FLUSH))


_GZIP_FLAGS = {
    "text": (0x01, b"", "optional fields"),
    "header checksum": (0x02, b"\0\0", "optional fields"),
    "extra field": (0x04, b"\x04\0AB\0\0", "optional fields"),
    "comment": (0x10, b"comment\0", "optional fields"),
    "name and comment": (0x18, b"name\0comment\0", "optional fields"),
    "reserved 0x20": (0x20, b"", "reserved flags"),
    "reserved 0x40": (0x40, b"", "reserved flags"),
    "reserved 0x80": (0x80, b"", "reserved flags"),
    "every flag": (0xFF, b"", "reserved flags"),
}
_NO_GZIP = {
    "nothing": b"",
    "one byte": b"\x1f",
    "a tar archive": TAR,
    "a zip archive": b"PK\x03\x04" + bytes(60),
    "bzip2": b"BZh91AY&SY" + bytes(60),
    "xz": b"\xfd7zXZ\0" + bytes(60),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(60),
    "compress": b"\x1f\x9d\x90" + bytes(60),
    "a zlib stream": zlib.compress(TAR),
    "a web page": b"<!doctype html><title>welcome</title>",
    "a byte before the header": b"\0" + GOOD,
}
_GZIP_CUTS = {
    "behind the magic": 2,
    "in the header": 9,
    "behind the header": 10,
    "in the first bytes of the stream": 12,
    "in the middle of the stream": len(GOOD) // 2,
    "in the last byte of the stream": len(GOOD) - 9,
    "before the checksum": len(GOOD) - 8,
    "in the checksum": len(GOOD) - 6,
    "before the length": len(GOOD) - 4,
    "in the length": len(GOOD) - 1,
}
_STREAMS = {
    "noise": b"\xff" * 40,
    "a reserved block type": b"\x07" + bytes(20),
    "a stored block of two lengths": b"\x01\x05\x00\x00\x00hello",
    "a distance before the beginning": b"\x03\x02\x00\x00",
    "a zlib header": zlib.compress(TAR),
}


def gzip() -> Iterator[tuple[str, Hostile]]:
    for name, data in _NO_GZIP.items():
        yield f"no gzip: {name}", hostile(partial(bytes, data), "not a gzip file")
    for name, (flags, optional, word) in _GZIP_FLAGS.items():
        yield f"flag: {name}", hostile(partial(gzipped, TAR, flags=flags, optional=optional), word)
    for name, size in _GZIP_CUTS.items():
        yield f"cut {name}", hostile(partial(bytes, GOOD[:size]), "cut short")
    for name, body in _STREAMS.items():
        yield f"stream: {name}", hostile(partial(_stream, body), "damaged")
    yield "a method that is not deflate", hostile(partial(_changed, GOOD, 2, b"\x07"), "not deflate")
    yield (
        "a name without an end",
        hostile(partial(bytes, b"\x1f\x8b\x08\x08" + bytes(6) + b"name"), "name does not end"),
    )
    yield (
        "a name of a mebibyte",
        hostile(partial(gzipped, TAR, flags=8, optional=b"n" * (1 << 20) + b"\0"), "name does not end"),
    )
    yield "a stream that never ends", hostile(_without_an_end, "is damaged")
    yield "a wrong checksum", hostile(partial(gzipped, TAR, crc=zlib.crc32(TAR) ^ 1), "checksum is wrong")
    yield "a wrong length", hostile(partial(gzipped, TAR, size=len(TAR) + 1), "length is wrong")
    yield "a length of nothing", hostile(partial(gzipped, TAR, size=0), "length is wrong")
    yield "a checksum of other contents", hostile(partial(gzipped, TAR, crc=0), "checksum is wrong")
    yield "a second member", hostile(partial(bytes, GOOD + GOOD), "second gzip member")
    yield "a second member that is empty", hostile(partial(bytes, GOOD + gzipped(b"")), "second gzip member")
    yield (
        "a tar archive in two members",
        hostile(partial(bytes, gzipped(PLUGIN) + gzipped(END)), "without two zero blocks"),
    )
    yield "a byte after the member", hostile(partial(bytes, GOOD + b"x"), "goes on after the gzip stream")
    yield (
        "zeros after the member",
        hostile(partial(bytes, GOOD + bytes(512)), "goes on after the gzip stream"),
    )
    yield (
        "a script after the member",
        hostile(partial(bytes, GOOD + b"#!/bin/sh\n"), "goes on after the gzip stream"),
    )
    yield "gzip in gzip", hostile(partial(gzipped, GOOD), "without two zero blocks")
    yield "a member of nothing", hostile(partial(gzipped, b""), "without two zero blocks")


# tar headers.

_TYPES = {
    b"\0": "a file of an old kind",
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"7": "a contiguous file",
    b"8": "of an unknown kind",
    b"9": "of an unknown kind",
    b"A": "of an unknown kind",
    b"D": "a dump folder",
    b"E": "of an unknown kind",
    b"I": "of an unknown kind",
    b"K": "a long link",
    b"M": "a continued file",
    b"N": "of an unknown kind",
    b"S": "a sparse file",
    b"V": "a volume label",
    b"X": "an old pax header",
    b"g": "a global pax header",
    b"l": "of an unknown kind",
    b" ": "of an unknown kind",
    b"\xff": "of an unknown kind",
}
_FIELD_SIZES = {
    "mode": 8,
    "uid": 8,
    "gid": 8,
    "size": 12,
    "mtime": 12,
    "checksum": 8,
    "devmajor": 8,
    "devminor": 8,
}


def _bad_numbers(size: int) -> dict[str, tuple[bytes, str]]:
    digits = b"0" * (size - 2)
    return {
        "base-256": (b"\x80" + bytes(size - 2) + b"\x01", "is a base-256 number"),
        "negative base-256": (b"\xff" * size, "is a base-256 number"),
        "spaces": (b" " * size, "is not an octal number"),
        "no octal digit": (digits + b"8\0", "is not an octal number"),
        "hexadecimal": (b"0x" + digits[2:] + b"1\0", "is not an octal number"),
        "minus": (b"-" + digits + b"\0", "is not an octal number"),
        "leading spaces": (b" " * (size - 2) + b"0\0", "is not an octal number"),
        "two numbers": (b"0\0" + digits[1:] + b"\0", "is not an octal number"),
        "no end": (b"0" * size, "is not an octal number"),
    }


_HEADERS: dict[str, tuple[bytes, str]] = {
    "a link target on a file": (member(LAST, linkname=b"/etc/passwd"), "link target"),
    "a link target on a folder": (folder(LAST, linkname=b".."), "link target"),
    "a symbolic link upwards": (header(LAST, kind=b"2", linkname=b"../../.."), "a symbolic link"),
    "a symbolic link and a file through it": (
        header(LAST, kind=b"2", linkname=b"/tmp") + member(LAST + b"/owned"),
        "a symbolic link",
    ),
    "a hard link to the manifest": (
        header(LAST, kind=b"1", linkname=f"{ROOT}/package.json".encode()),
        "a hard link",
    ),
    "a device": (header(LAST, kind=b"3", devmajor=b"0000001\0", devminor=b"0000003\0"), "character device"),
    "a wrong checksum": (member(LAST, checksum=b"000001\0 "), "wrong checksum"),
    "no checksum": (member(LAST, checksum=bytes(8)), "the checksum"),
    "no size": (member(LAST, size=bytes(12)), "`size`"),
    "no magic": (member(LAST, magic=bytes(8)), "neither ustar nor GNU"),
    "a magic of blanks": (member(LAST, magic=b"ustar   "), "neither ustar nor GNU"),
    "another version of ustar": (member(LAST, magic=b"ustar\x0001"), "neither ustar nor GNU"),
    "the magic of star": (member(LAST, rest=bytes(8) + b"tar\0"), "fields nobody reads"),
    "a prefix in the GNU form": (member(LAST, magic=b"ustar  \0", prefix=b"up"), "fields nobody reads"),
    "a sparse map in the GNU form": (
        member(LAST, magic=b"ustar  \0", prefix=bytes(41) + b"00000000000\0"),
        "hides bytes behind its prefix",
    ),
    "bytes behind the fields": (member(LAST, rest=b"\0\0hidden"), "fields nobody reads"),
    "bytes behind the name": (member(LAST + b"\0.js"), "hides bytes behind its name"),
    "bytes behind the prefix": (member(b"x", prefix=b"up\0down"), "hides bytes behind its prefix"),
    "no name": (member(b""), "empty component"),
    "a prefix and no name": (member(b"", prefix=ROOT.encode()), "empty component"),
    "a prefix upwards": (member(b"x", prefix=b"../.."), "`..`"),
    "an absolute prefix": (member(b"x", prefix=b"/etc"), "absolute"),
    "a name that is not UTF-8": (member(LAST + b"\xe9"), "not UTF-8"),
    "a folder with content": (header(LAST, 1, kind=b"5") + b"x" + bytes(511), "folder with content"),
    "a folder with a huge size": (header(LAST, 0o7777777777, kind=b"5"), "folder with content"),
    "bytes in the padding": (member(LAST, b"x", padding=b"y"), "bytes in its padding"),
}


def _signed_checksum() -> bytes:
    """As some old programs sum it up: bytes above 127 count as negative."""
    name = f"{ROOT}/é.ts".encode()
    block = header(name, checksum=b" " * 8)
    return sealed(header(name, checksum=b"%06o\0 " % sum(b - 256 * (b > 127) for b in block)))


def tar_headers() -> Iterator[tuple[str, Hostile]]:
    for kind, word in _TYPES.items():
        part = header(LAST, kind=kind, linkname=b"x" if kind in b"12" else b"")
        yield f"type {kind!r}", hostile(partial(sealed, part), word)
    for field, size in _FIELD_SIZES.items():
        what = f"the checksum of `{ROOT}/x.ts`" if field == "checksum" else f"`{field}` of `{ROOT}/x.ts`"
        for name, (value, word) in _bad_numbers(size).items():
            part = header(LAST, **{field: value})
            yield f"{field}: {name}", hostile(partial(sealed, part), f"{what} {word}")
    for name, (part, word) in _HEADERS.items():
        yield name, hostile(partial(sealed, part), word)
    yield "a checksum of signed bytes", hostile(_signed_checksum, "wrong checksum")


# The end of the archive, and sizes beyond it.

_ENDS: dict[str, tuple[bytes, bytes, str]] = {
    "no end": (b"", b"", "without two zero blocks"),
    "one zero block": (b"", bytes(512), "without two zero blocks"),
    "one and a half zero blocks": (b"", bytes(768), "without two zero blocks"),
    "two and a half zero blocks": (b"", bytes(1280), "without two zero blocks"),
    "a file behind one zero block": (b"", bytes(512) + member(LAST) + END, "a single zero block"),
    "a file behind the end": (b"", END + member(LAST) + END, "goes on after its end"),
    "a second archive behind the end": (b"", END + TAR, "goes on after its end"),
    "text behind the end": (b"", END + b"hidden", "goes on after its end"),
    "text far behind the end": (b"", bytes(200_000) + b"hidden", "goes on after its end"),
    "a header that is cut": (header(LAST)[:300], b"", "without two zero blocks"),
    "a file that is cut": (header(LAST, 2000) + b"x" * 900, b"", "cut short"),
    "a padding that is cut": (header(LAST, 5) + b"hello" + bytes(9), b"", "cut short"),
    "a size beyond the end": (header(LAST, 4096), END, "cut short"),
    "a size that takes in the end": (header(LAST, 1024), END, "without two zero blocks"),
}


def ends() -> Iterator[tuple[str, Hostile]]:
    for name, (part, end, word) in _ENDS.items():
        yield name, hostile(partial(sealed, part, end=end), word)


# Extensions: GNU long names and pax headers.

_LONG = f"{ROOT}/{'l' * 120}.ts".encode()
_LONG_NAMES: dict[str, tuple[bytes, str]] = {
    "unterminated": (long_name(_LONG) + member(LAST), "does not end its long name"),
    "with a NUL inside": (long_name(_LONG + b"\0hidden\0") + member(LAST), "a control character"),
    "with two NULs": (long_name(_LONG + b"\0\0") + member(LAST), "a control character"),
    "too long": (long_name(b"l" * 1026 + b"\0") + member(LAST), "too large"),
    "far too long": (header(b"././@LongLink", 0o77777777777, kind=b"L"), "too large"),
    "twice": (long_name(_LONG + b"\0") * 2 + member(LAST), "follows another extension"),
    "at the end": (long_name(_LONG + b"\0"), "describes nothing"),
    "of nothing": (long_name(b"") + member(LAST), "does not end its long name"),
    "empty": (long_name(b"\0") + member(LAST), "empty component"),
    "not UTF-8": (long_name(b"\xff\xfe\0") + member(LAST), "not UTF-8"),
    "upwards": (long_name(b"../../x\0") + member(LAST), "`..`"),
    "absolute": (long_name(b"/etc/cron.d/x\0") + member(LAST), "absolute"),
    "before a pax header": (long_name(_LONG + b"\0") + pax() + member(LAST), "follows another extension"),
    "behind a pax header": (pax() + long_name(_LONG + b"\0") + member(LAST), "follows another extension"),
    "for a symbolic link": (
        long_name(_LONG + b"\0") + header(LAST, kind=b"2", linkname=b"x"),
        "a symbolic link",
    ),
    "of a link": (header(b"././@LongLink", 4, kind=b"K") + b"/tmp" + bytes(508), "a long link"),
    "of a path beyond the limit": (long_name(b"l/" * 512 + b"l\0") + member(LAST), "longer than 1024"),
}
_PATH = record(b"path", LAST)
_RECORDS: dict[str, tuple[bytes, str]] = {
    "linkpath": (record(b"linkpath", b"/etc"), "`linkpath`"),
    "hdrcharset": (record(b"hdrcharset", b"BINARY"), "`hdrcharset`"),
    "GNU.sparse.major": (record(b"GNU.sparse.major", b"1"), "`GNU.sparse.major`"),
    "GNU.sparse.map": (record(b"GNU.sparse.map", b"0,1"), "`GNU.sparse.map`"),
    "GNU.sparse.name": (record(b"GNU.sparse.name", b"../x"), "`GNU.sparse.name`"),
    "GNU.sparse.realsize": (record(b"GNU.sparse.realsize", b"9"), "`GNU.sparse.realsize`"),
    "GNU.sparse.offset": (record(b"GNU.sparse.offset", b"9"), "`GNU.sparse.offset`"),
    "GNU.volume.label": (record(b"GNU.volume.label", b"v"), "`GNU.volume.label`"),
    "SCHILY.realsize": (record(b"SCHILY.realsize", b"9"), "`SCHILY.realsize`"),
    "SCHILY.filetype": (record(b"SCHILY.filetype", b"2"), "`SCHILY.filetype`"),
    "LIBARCHIVE.symlinktype": (record(b"LIBARCHIVE.symlinktype", b"dir"), "`LIBARCHIVE.symlinktype`"),
    "charset": (record(b"charset", b"UTF-8"), "`charset`"),
    "an unknown key": (record(b"ACME.magic", b"1"), "`ACME.magic`"),
    "size unequal": (record(b"size", b"9"), "two sizes"),
    "size in octal": (record(b"size", b"0o1"), "malformed `size`"),
    "size negative": (record(b"size", b"-1"), "malformed `size`"),
    "size empty": (record(b"size", b""), "malformed `size`"),
    "size of many digits": (record(b"size", b"0" * 21), "malformed `size`"),
    "uid in words": (record(b"uid", b"root"), "malformed `uid`"),
    "gid negative": (record(b"gid", b"-2"), "malformed `gid`"),
    "mtime that is no number": (record(b"mtime", b"nan"), "malformed `mtime`"),
    "mtime with an exponent": (record(b"mtime", b"1e400"), "malformed `mtime`"),
    "atime with a comma": (record(b"atime", b"1,5"), "malformed `atime`"),
    "ctime empty": (record(b"ctime", b""), "malformed `ctime`"),
    "path twice": (_PATH + _PATH, "`path` twice"),
    "two paths": (_PATH + record(b"path", b"/etc/passwd"), "`path` twice"),
    "mtime twice": (record(b"mtime", b"1") * 2, "`mtime` twice"),
    "path empty": (record(b"path", b""), "malformed `path`"),
    "path not UTF-8": (record(b"path", b"auth-1.0.0/\xe9"), "not UTF-8"),
    "path in overlong UTF-8": (record(b"path", b"auth-1.0.0/\xc0\xae\xc0\xae/x"), "not UTF-8"),
    "path with half a surrogate pair": (record(b"path", b"auth-1.0.0/\xed\xa0\x80"), "not UTF-8"),
    "path with a NUL": (record(b"path", LAST + b"\0.js"), "a control character"),
    "path upwards": (record(b"path", b"auth-1.0.0/../../x"), "`..`"),
    "path absolute": (record(b"path", b"/etc/passwd"), "absolute"),
    "path of a folder for a file": (record(b"path", b"auth-1.0.0/x/"), "empty component"),
    "a length too short": (b"9 path=auth-1.0.0/x\n", "malformed record"),
    "a length too long": (b"99 path=auth-1.0.0/x\n", "malformed record"),
    "a length of nothing": (b"0 path=x\n", "malformed record"),
    "a length with a zero before": (b"010 path=x\n", "malformed record"),
    "a negative length": (b"-9 path=x\n", "malformed record"),
    "a length of many digits": (b"9" * 5000 + b" path=x\n", "malformed record"),
    "a length that is no number": (b"ten path=x\n", "malformed record"),
    "a length alone": (b"2 ", "malformed record"),
    "no length": (b"path=x\n", "malformed record"),
    "a length that ends in the key": (b"4 path=auth-1.0.0/x\n", "malformed record"),
    "no newline": (b"9 path=xx", "malformed record"),
    "no equals sign": (b"9 path x\n", "malformed record"),
    "no space": (b"8path=x\n", "malformed record"),
    "no key": (record(b"", b"x"), "malformed record"),
    "a key with a space": (record(b"pa th", b"x"), "malformed record"),
    "a key that is not ASCII": (record("päth".encode(), b"x"), "malformed record"),
    "a key of a kibibyte": (record(b"k" * 1024, b"x"), "malformed record"),
    "zeros behind the records": (_PATH + bytes(8), "malformed record"),
    "a line behind the records": (_PATH + b"\n", "malformed record"),
}


def extensions() -> Iterator[tuple[str, Hostile]]:
    for name, (part, word) in _LONG_NAMES.items():
        yield f"long name: {name}", hostile(partial(sealed, part), word)
    for name, (data, word) in _RECORDS.items():
        yield f"pax: {name}", hostile(partial(sealed, pax(data), member(LAST, b"x")), word)
    whole: dict[str, tuple[bytes, str]] = {
        "huge": (pax(record(b"comment", b"c" * 70_000)) + member(LAST), "too large"),
        "of eight gibibytes": (header(b"PaxHeader", 0o77777777777, kind=b"x"), "too large"),
        "twice": (pax(_PATH) + pax(_PATH) + member(LAST), "follows another extension"),
        "at the end": (pax(_PATH), "describes nothing"),
        "cut": (header(b"PaxHeader", 2000, kind=b"x") + _PATH, "cut short"),
        "bytes in the padding": (pax(_PATH, padding=b"y") + member(LAST), "bytes in its padding"),
        "global": (member(b"pax_global_header", record(b"path", b"x"), kind=b"g"), "a global pax header"),
        "global with a comment": (
            member(b"pax_global_header", record(b"comment", b"0" * 40), kind=b"g"),
            "a global pax header",
        ),
        "of Solaris": (member(b"PaxHeader", _PATH, kind=b"X"), "an old pax header"),
        "before a symbolic link": (
            pax(_PATH) + header(LAST, kind=b"2", linkname=b"/etc"),
            "a symbolic link",
        ),
        "size for a folder": (pax(record(b"size", b"512")) + folder(LAST), "two sizes"),
    }
    for name, (part, word) in whole.items():
        yield f"pax header: {name}", hostile(partial(sealed, part, end=b"" if name == "cut" else END), word)
