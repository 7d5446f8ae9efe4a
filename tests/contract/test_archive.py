"""The package format: what `pack` writes, what `read_package` refuses, and why."""

import gzip
import hashlib
import io
import shutil
import subprocess
import tarfile
import tracemalloc
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from registry_server.contract.archive import (
    ENTRIES_MAX,
    ENTRY_MAX_BYTES,
    MANIFEST_MAX_BYTES,
    PACKAGE_MAX_BYTES,
    UNPACKED_MAX_BYTES,
    Entry,
    check_path,
    pack,
    read_package,
)
from registry_server.contract.problems import ArchiveUnsafe, PackageTooLarge
from tests.support.tar_builder import (
    END,
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

PLUGIN = {
    "package.json": Entry(data=b'{"name":"demo","version":"1.0.0"}\n'),
    "index.ts": Entry(data=b"export const demo = 1\n"),
    "migrations/001_create.ts": Entry(data=b"export {}\n"),
    "bin/seed": Entry(data=b"#!/usr/bin/env bun\n", is_executable=True),
    "empty.txt": Entry(data=b""),
}

GOLDEN_TAR = "1c98c23eeb98c29251d3ae9cb55d4edaf1572a5c7d637d34a0fc7f2e78ffb053"
GOLDEN_PACKAGE = "2996a14bd44603506fe15bbf433cc4d706f7f411c18dab9b91a2068d413b7595"

PLAIN = member(b"demo/index.ts", b"x")
TAR = PLAIN + END


def packed(entries: dict[str, Entry] = PLUGIN) -> bytes:
    return pack(entries, name="demo", version="1.0.0")


def at(path: str) -> bytes:
    """An archive with one file of this path, whatever the path is."""
    return archive(pax_path(path), member(b"x"))


# What is refused: paths.

DEEP = "/".join("d" * 33)
LONG_COMPONENT = "é" * 121
LONG_PATH = "/".join(["e" * 200] * 6)

HOSTILE_PATHS = [
    ("/etc/passwd", "`/etc/passwd` is an absolute path"),
    ("//server/share", "`//server/share` is an absolute path"),
    ("demo/../../x", "`demo/../../x` has `..` as a component"),
    ("..", "`..` has `..` as a component"),
    ("./index.ts", "`./index.ts` has `.` as a component"),
    ("demo/./index.ts", "`demo/./index.ts` has `.` as a component"),
    ("demo/\u2025/x", "`demo/‥/x` has `..` as a component"),
    ("demo/\uff0e\uff0e/x", "`demo/．．/x` has `..` as a component"),
    ("demo//index.ts", "`demo//index.ts` has an empty component"),
    ("demo/index.ts/", "`demo/index.ts/` has an empty component"),
    ("demo\\..\\x", r"`demo\..\x` holds `\`"),
    ("C:/x", "`C:/x` holds `:`"),
    ("C:x", "`C:x` holds `:`"),
    ("demo/a.ts:stream", "`demo/a.ts:stream` holds `:`"),
    ("demo/a\uff1ab", "`demo/a：b` holds a look-alike of `:`"),
    ("demo/a\uff0fb", "`demo/a／b` holds a look-alike of `/`"),
    ("demo/\u2105", "`demo/℅` holds a look-alike of `/`"),
    ("demo/a\uff3cb", "`demo/a＼b` holds a look-alike of `\\`"),
    ("demo/*.ts", "`demo/*.ts` holds `*`"),
    ("demo/what?", "`demo/what?` holds `?`"),
    ('demo/"q"', '`demo/"q"` holds `"`'),
    ("demo/<x", "`demo/<x` holds `<`"),
    ("demo/>x", "`demo/>x` holds `>`"),
    ("demo/a|b", "`demo/a|b` holds `|`"),
    ("demo/CON", "`demo/CON` has the name of a Windows device"),
    ("demo/nul.txt", "`demo/nul.txt` has the name of a Windows device"),
    ("demo/Aux.d/x", "`demo/Aux.d/x` has the name of a Windows device"),
    ("demo/com1 .ts", "`demo/com1 .ts` has the name of a Windows device"),
    ("demo/COM\u00b9", "`demo/COM¹` has the name of a Windows device"),
    ("demo/\uff4c\uff50\uff54\uff11", "`demo/ｌｐｔ１` has the name of a Windows device"),
    ("demo/conin$", "`demo/conin$` has the name of a Windows device"),
    ("demo/x.", "`demo/x.` has a component with a dot or space at its end"),
    ("demo/x /y", "`demo/x /y` has a component with a dot or space at its end"),
    ("demo/x\u00a0", "`demo/x\u00a0` has a component with a dot or space at its end"),
    ("demo/a\nb", "`demo/a b` holds a control character"),
    ("demo/\x1b[2Jx", "`demo/\u241b[2Jx` holds a control character"),
    ("demo/a\0b", "`demo/a\u2400b` holds a control character"),
    ("demo/a\x7f", "`demo/a\u2421` holds a control character"),
    ("demo/\u202etxt.ts", "`demo/\ufffdtxt.ts` holds a format character"),
    ("demo/a\ufeff", "`demo/a\ufffd` holds a format character"),
    ("demo/a\u200bb", "`demo/a\ufffdb` holds a format character"),
    ("demo/\ue000", "`demo/\ufffd` holds a private character"),
    ("demo/\U000fffff", "`demo/\ufffd` holds an unassigned character"),
    ("demo/a\u2028b", "`demo/a\ufffdb` holds a line separator"),
    ("demo/a\u2029b", "`demo/a\ufffdb` holds a paragraph separator"),
    ("demo/.git/config", "`demo/.git/config` looks like git's own folder"),
    ("demo/.GIT", "`demo/.GIT` looks like git's own folder"),
    ("demo/git~1/config", "`demo/git~1/config` looks like git's own folder"),
    ("demo/.g\u200cit/x", "`demo/.git/x` holds a format character"),
    ("demo/\uff0egit", "`demo/．git` looks like git's own folder"),
    ("demo/.gi\u034ft", "`demo/.gi\u034ft` looks like git's own folder"),
    ("demo/.git .", "`demo/.git .` has a component with a dot or space at its end"),
    ("demo/" + LONG_COMPONENT, f"`demo/{LONG_COMPONENT[:114]}…` has a component longer than 240 bytes"),
    (LONG_PATH, f"`{LONG_PATH[:119]}…` is longer than 1024 bytes"),
    (DEEP, f"`{DEEP}` is more than 32 levels deep"),
]


@pytest.mark.parametrize(("path", "title"), HOSTILE_PATHS)
def test_path_is_refused_in_an_archive_with_its_reason(path: str, title: str) -> None:
    with pytest.raises(ArchiveUnsafe) as refused:
        read_package(at(path))

    assert refused.value.problem.title == title
    assert refused.value.problem.detail
    assert refused.value.problem.hint


@pytest.mark.parametrize("path", [path for path, _ in HOSTILE_PATHS])
def test_path_that_reading_refuses_is_never_packed(path: str) -> None:
    with pytest.raises(ArchiveUnsafe):
        packed({"index.ts": Entry(data=b""), path: Entry(data=b"")})


def test_half_a_surrogate_pair_is_refused_before_it_can_fail_to_encode() -> None:
    with pytest.raises(ArchiveUnsafe, match="holds half a surrogate pair"):
        check_path("demo/\ud800")


@pytest.mark.parametrize(
    "path",
    [
        "index.ts",
        "a b.ts",
        ".github/workflows/ci.yml",
        ".gitignore",
        ".gitattributes",
        "git.ts",
        "console.ts",
        "nullable.ts",
        "com10.ts",
        "a.con",
        "...a",
        "näif/日本語.ts",
        "cafe\u0301.md",
        "❤️.ts",
        "[slug]/(group)/+page@.svelte",
        "d/" * 31 + "x",
        "e" * 240,
    ],
)
def test_honest_path_passes(path: str) -> None:
    check_path(path)


# What is refused: tar.


def broken_pax(*records: bytes) -> bytes:
    return archive(pax(*records), PLAIN)


SURPLUS_PAX = archive(header(b"PaxHeader", 70_000, kind=b"x"), bytes(70_144), PLAIN)

HOSTILE_TARS = {
    "symbolic link": (
        archive(PLAIN, header(b"demo/link", kind=b"2", linkname=b"/etc/passwd")),
        "`demo/link` is a symbolic link",
    ),
    "hard link": (
        archive(PLAIN, header(b"demo/hard", kind=b"1", linkname=b"demo/index.ts")),
        "`demo/hard` is a hard link",
    ),
    "character device": (archive(header(b"demo/tty", kind=b"3")), "`demo/tty` is a character device"),
    "block device": (archive(header(b"demo/sda", kind=b"4")), "`demo/sda` is a block device"),
    "FIFO": (archive(header(b"demo/pipe", kind=b"6")), "`demo/pipe` is a FIFO"),
    "contiguous file": (archive(member(b"demo/c", b"x", kind=b"7")), "`demo/c` is a contiguous file"),
    "sparse file": (
        archive(member(b"demo/s", b"x", kind=b"S", magic=b"ustar  \0")),
        "`demo/s` is a sparse file",
    ),
    "GNU long link": (
        archive(member(b"././@LongLink", b"/etc\0", kind=b"K"), PLAIN),
        "`././@LongLink` is a long link",
    ),
    "volume label": (archive(header(b"label", kind=b"V"), PLAIN), "`label` is a volume label"),
    "multi-volume": (archive(header(b"demo/m", kind=b"M")), "`demo/m` is a continued file"),
    "dump folder": (archive(header(b"demo/", kind=b"D")), "`demo/` is a dump folder"),
    "Solaris pax": (archive(header(b"demo/x", kind=b"X")), "`demo/x` is an old pax header"),
    "global pax": (
        archive(member(b"pax_global_header", record(b"comment", b"abc"), kind=b"g"), PLAIN),
        "`pax_global_header` is a global pax header",
    ),
    "old-style file": (archive(member(b"demo/o", b"x", kind=b"\0")), "`demo/o` is a file of an old kind"),
    "unknown type": (archive(header(b"demo/z", kind=b"Z")), "`demo/z` is of an unknown kind"),
    "file with a link target": (
        archive(member(b"demo/f", b"x", linkname=b"/etc")),
        "`demo/f` has a link target",
    ),
    "folder with content": (
        archive(member(b"demo/d/", b"x", kind=b"5")),
        "`demo/d/` is a folder with content",
    ),
    "v7 header": (
        archive(member(b"demo/v", b"x", magic=b"")),
        "the header of `demo/v` is neither ustar nor GNU",
    ),
    "odd magic": (
        archive(member(b"demo/v", b"x", magic=b"ustar\x0001")),
        "the header of `demo/v` is neither ustar nor GNU",
    ),
    "wrong checksum": (
        archive(member(b"demo/f", b"x", checksum=b"000001\0 ")),
        "the header of `demo/f` has a wrong checksum",
    ),
    "no checksum": (
        archive(member(b"demo/f", b"x", checksum=bytes(8))),
        "the checksum of `demo/f` is not an octal number",
    ),
    "base-256 size": (
        archive(header(b"demo/f", size=b"\x80" + bytes(10) + b"\x01"), b"x".ljust(512, b"\0")),
        "`size` of `demo/f` is a base-256 number",
    ),
    "negative base-256 size": (
        archive(header(b"demo/f", size=b"\xff" * 12)),
        "`size` of `demo/f` is a base-256 number",
    ),
    "size that is not octal": (
        archive(header(b"demo/f", size=b"00000000009\0")),
        "`size` of `demo/f` is not an octal number",
    ),
    "size with a sign": (
        archive(header(b"demo/f", size=b"-0000000001\0")),
        "`size` of `demo/f` is not an octal number",
    ),
    "size with an underscore": (
        archive(header(b"demo/f", size=b"0000000_001\0")),
        "`size` of `demo/f` is not an octal number",
    ),
    "size in two parts": (
        archive(header(b"demo/f", size=b"0000001\0001\0\0\0")),
        "`size` of `demo/f` is not an octal number",
    ),
    "no size": (archive(header(b"demo/f", size=bytes(12))), "`size` of `demo/f` is not an octal number"),
    "size without an end": (
        archive(header(b"demo/f", size=b"0" * 12)),
        "`size` of `demo/f` is not an octal number",
    ),
    "odd mode": (archive(header(b"demo/f", mode=b"rw-r--r-")), "`mode` of `demo/f` is not an octal number"),
    "odd unused uid": (
        archive(header(b"demo/f", uid=b"root\0\0\0\0")),
        "`uid` of `demo/f` is not an octal number",
    ),
    "base-256 gid": (
        archive(header(b"demo/f", gid=b"\x80" + bytes(7))),
        "`gid` of `demo/f` is a base-256 number",
    ),
    "odd unused mtime": (
        archive(header(b"demo/f", mtime=b"yesterday\0")),
        "`mtime` of `demo/f` is not an octal number",
    ),
    "odd device number": (
        archive(header(b"demo/f", devmajor=b"x")),
        "`devmajor` of `demo/f` is not an octal number",
    ),
    "bytes behind the name": (
        archive(header(b"demo/f\0../evil")),
        "the header of `demo/f` hides bytes behind its name",
    ),
    "bytes behind the prefix": (
        archive(header(b"f", prefix=b"demo\0x")),
        "the header of `f` hides bytes behind its prefix",
    ),
    "prefix in a GNU header": (
        archive(header(b"f", prefix=b"demo", magic=b"ustar  \0")),
        "the header of `f` holds fields nobody reads",
    ),
    "bytes at the header's end": (
        archive(header(b"demo/f", rest=b"hidden")),
        "the header of `demo/f` holds fields nobody reads",
    ),
    "bytes in the padding": (
        archive(member(b"demo/f", b"x", padding=b"!")),
        "`demo/f` has bytes in its padding",
    ),
    "name that is not UTF-8": (archive(member(b"demo/\xff\xfe", b"x")), r"`demo/\xff\xfe` is not UTF-8"),
    "pax path that is not UTF-8": (
        archive(pax(record(b"path", b"demo/\xc0\xae")), PLAIN),
        r"`demo/\xc0\xae` is not UTF-8",
    ),
    "no name": (archive(member(b"", b"x")), "`` has an empty component"),
    "file with a folder's name": (archive(member(b"demo/", b"x")), "`demo/` has an empty component"),
    "parent through the prefix": (
        archive(member(b"x", b"", prefix=b"demo/..")),
        "`demo/../x` has `..` as a component",
    ),
    "parent through a long name": (
        archive(long_name(b"demo/../../x\0"), member(b"demo/x", b"")),
        "`demo/../../x` has `..` as a component",
    ),
    "absolute folder": (archive(folder(b"/tmp/"), PLAIN), "`/tmp` is an absolute path"),
    "root as a folder": (archive(folder(b"/"), PLAIN), "`` has an empty component"),
    "folder `.`": (archive(folder(b"./"), PLAIN), "`.` has `.` as a component"),
    "git in a dropped folder": (
        archive(folder(b"demo/.git/"), PLAIN),
        "`demo/.git` looks like git's own folder",
    ),
    "file twice": (archive(PLAIN, PLAIN), "`demo/index.ts` appears twice"),
    "folder twice": (archive(folder(b"demo/"), folder(b"demo/"), PLAIN), "`demo` appears twice"),
    "file below a file": (
        archive(member(b"demo/a", b""), member(b"demo/a/b", b"")),
        "`demo/a/b` lies below a file",
    ),
    "file over an implied folder": (
        archive(member(b"demo/a/b", b""), member(b"demo/a", b"")),
        "`demo/a` is a file and a folder",
    ),
    "file over a listed folder": (
        archive(folder(b"demo/a/"), member(b"demo/a", b"")),
        "`demo/a` is a file and a folder",
    ),
    "folder over a file": (
        archive(member(b"demo/a", b""), folder(b"demo/a")),
        "`demo/a` is a file and a folder",
    ),
    "case twins": (
        archive(member(b"demo/Index.ts", b""), PLAIN),
        "`demo/index.ts` and `demo/Index.ts` are twins",
    ),
    "folder twins": (
        archive(member(b"demo/Lib/a", b""), member(b"demo/lib/b", b"")),
        "`demo/lib/b` and `demo/Lib` are twins",
    ),
    "root twins": (
        archive(PLAIN, member(b"DEMO/x", b"")),
        "`DEMO/x` and `demo` are twins",
    ),
    "NFC and NFD twins": (
        archive(member("demo/\u00e9".encode()), member("demo/e\u0301".encode())),
        "`demo/é` and `demo/é` are twins",
    ),
    "compatibility twins": (
        archive(member(b"demo/fi.ts"), member("demo/\ufb01.ts".encode())),
        "`demo/ﬁ.ts` and `demo/fi.ts` are twins",
    ),
    "sharp s twins": (
        archive(member(b"demo/strasse"), member("demo/stra\u00dfe".encode())),
        "`demo/straße` and `demo/strasse` are twins",
    ),
    "Kelvin sign twins": (
        archive(member(b"demo/k"), member("demo/\u212a".encode())),
        "`demo/K` and `demo/k` are twins",
    ),
    "pax linkpath": (broken_pax(record(b"linkpath", b"/etc")), "a pax header has `linkpath`"),
    "pax sparse": (broken_pax(record(b"GNU.sparse.major", b"1")), "a pax header has `GNU.sparse.major`"),
    "star sparse": (broken_pax(record(b"SCHILY.realsize", b"9")), "a pax header has `SCHILY.realsize`"),
    "pax charset": (broken_pax(record(b"hdrcharset", b"BINARY")), "a pax header has `hdrcharset`"),
    "unknown pax key": (broken_pax(record(b"ACME.thing", b"1")), "a pax header has `ACME.thing`"),
    "pax key twice": (
        broken_pax(record(b"path", b"demo/a"), record(b"path", b"demo/b")),
        "a pax header has `path` twice",
    ),
    "pax size of its own": (broken_pax(record(b"size", b"0")), "`demo/index.ts` has two sizes"),
    "pax size with a sign": (broken_pax(record(b"size", b"+1")), "a pax header has a malformed `size`"),
    "endless pax size": (broken_pax(record(b"size", b"9" * 5000)), "a pax header has a malformed `size`"),
    "empty pax path": (broken_pax(record(b"path", b"")), "a pax header has a malformed `path`"),
    "pax time of words": (broken_pax(record(b"mtime", b"now")), "a pax header has a malformed `mtime`"),
    "pax record too short": (broken_pax(b"5 path=x\n"), "a pax header has a malformed record"),
    "pax record too long": (broken_pax(b"999 path=x\n"), "a pax header has a malformed record"),
    "pax record of length 0": (broken_pax(b"0 path=x\n"), "a pax header has a malformed record"),
    "pax record without a length": (broken_pax(b"path=x\n"), "a pax header has a malformed record"),
    "pax record without a newline": (broken_pax(b"9 path=xy"), "a pax header has a malformed record"),
    "pax record without a value": (broken_pax(b"7 path\n"), "a pax header has a malformed record"),
    "zeros after the pax records": (
        broken_pax(record(b"comment", b"x"), bytes(20)),
        "a pax header has a malformed record",
    ),
    "pax length of many digits": (
        broken_pax(b"1" * 5000 + b" path=x\n"),
        "a pax header has a malformed record",
    ),
    "pax header too large": (SURPLUS_PAX, "`PaxHeader` is an extension too large"),
    "pax header twice": (
        archive(pax_path("demo/a"), pax_path("demo/b"), PLAIN),
        "`PaxHeader` follows another extension",
    ),
    "pax header and long name": (
        archive(pax_path("demo/a"), long_name(b"demo/b\0"), PLAIN),
        "`././@LongLink` follows another extension",
    ),
    "extension of nothing": (archive(PLAIN, pax_path("demo/a")), "`PaxHeader` describes nothing"),
    "long name too long": (
        archive(long_name(b"a" * 1100 + b"\0"), PLAIN),
        "`././@LongLink` is an extension too large",
    ),
    "long name without an end": (
        archive(long_name(b"demo/a"), PLAIN),
        "`././@LongLink` does not end its long name",
    ),
    "long name of two": (
        archive(long_name(b"demo/a\0demo/b\0"), PLAIN),
        "`demo/a\u2400demo/b` holds a control character",
    ),
    "no end": (archive(PLAIN, end=b""), "the archive ends without two zero blocks"),
    "half an end": (archive(PLAIN, end=bytes(512)), "the archive ends without two zero blocks"),
    "end of a broken block": (archive(PLAIN, end=bytes(1100)), "the archive ends without two zero blocks"),
    "zero block in the middle": (
        archive(PLAIN, bytes(512), member(b"demo/after", b"")),
        "the archive has a single zero block in its middle",
    ),
    "member after the end": (
        archive(PLAIN, END, member(b"demo/after", b"")),
        "the archive goes on after its end",
    ),
    "bytes far after the end": (
        archive(PLAIN, end=bytes(70_000) + b"x" + bytes(1679)),
        "the archive goes on after its end",
    ),
    "file cut short": (archive(header(b"demo/f", 5000), b"x" * 512, end=b""), "`demo/f` is cut short"),
    "padding cut short": (archive(header(b"demo/f", 5), b"hello", end=b""), "`demo/f` is cut short"),
    "header cut short": (archive(PLAIN[:300], end=b""), "the archive ends without two zero blocks"),
    "nothing but an end": (archive(), "the package holds no file"),
    "nothing but folders": (archive(folder(b"demo/"), folder(b"demo/a/")), "the package holds no file"),
    "empty tar": (gzipped(b""), "the archive ends without two zero blocks"),
}

GOOD = archive(PLAIN)

HOSTILE_GZIPS = {
    "nothing": (b"", "the package is not a gzip file"),
    "bare tar": (TAR, "the package is not a gzip file"),
    "zip": (b"PK\x03\x04" + bytes(40), "the package is not a gzip file"),
    "magic alone": (b"\x1f\x8b\x08", "the gzip stream is cut short"),
    "header alone": (GOOD[:10], "the gzip stream is cut short"),
    "other method": (b"\x1f\x8b\x07" + GOOD[3:], "the gzip method is not deflate"),
    "reserved flag": (gzipped(TAR, flags=0x20), "the gzip header has reserved flags"),
    "all reserved flags": (gzipped(TAR, flags=0xE0), "the gzip header has reserved flags"),
    "extra field": (gzipped(TAR, flags=0x04, optional=b"\0\0"), "the gzip header has optional fields"),
    "comment": (gzipped(TAR, flags=0x10, optional=b"hello\0"), "the gzip header has optional fields"),
    "header checksum": (gzipped(TAR, flags=0x02, optional=b"\0\0"), "the gzip header has optional fields"),
    "endless name": (
        gzipped(TAR, flags=0x08, optional=b"n" * 2000 + b"\0"),
        "the gzip header's name does not end",
    ),
    "name without an end": (b"\x1f\x8b\x08\x08" + bytes(6) + b"name", "the gzip header's name does not end"),
    "damaged stream": (GOOD[:10] + b"\xff" * 40, "the gzip stream is damaged"),
    "stream cut": (GOOD[:-20], "the gzip stream is cut short"),
    "trailer cut": (GOOD[:-3], "the gzip stream is cut short"),
    "wrong checksum": (gzipped(TAR, crc=1), "the gzip checksum is wrong"),
    "wrong length": (gzipped(TAR, size=1), "the gzip length is wrong"),
    "second member": (GOOD + GOOD, "the archive has a second gzip member"),
    "second empty member": (GOOD + gzipped(b""), "the archive has a second gzip member"),
    "zeros after": (GOOD + bytes(16), "the archive goes on after the gzip stream"),
    "text after": (GOOD + b"x", "the archive goes on after the gzip stream"),
}


@pytest.mark.parametrize(("data", "title"), HOSTILE_TARS.values(), ids=HOSTILE_TARS.keys())
def test_tar_is_refused_with_its_reason(data: bytes, title: str) -> None:
    with pytest.raises(ArchiveUnsafe) as refused:
        read_package(data)

    assert refused.value.problem.title == title
    assert refused.value.problem.detail
    assert refused.value.problem.hint


@pytest.mark.parametrize(("data", "title"), HOSTILE_GZIPS.values(), ids=HOSTILE_GZIPS.keys())
def test_gzip_is_refused_with_its_reason(data: bytes, title: str) -> None:
    with pytest.raises(ArchiveUnsafe) as refused:
        read_package(data)

    assert refused.value.problem.title == title
    assert refused.value.problem.hint


# What is refused: sizes.


def too_large(data: bytes) -> str:
    with pytest.raises(PackageTooLarge) as refused:
        read_package(data)
    assert refused.value.problem.hint
    return refused.value.problem.title


def test_package_above_the_cap_is_not_even_looked_at() -> None:
    assert too_large(bytes(PACKAGE_MAX_BYTES + 1)) == "the package is larger than is allowed"


def test_file_above_the_cap_is_refused_from_its_header() -> None:
    data = archive(header(b"demo/big", ENTRY_MAX_BYTES + 1), end=b"")

    assert too_large(data) == "`demo/big` is larger than a file may be"


def test_bomb_stops_at_the_cap() -> None:
    file = header(b"demo/a", 30 << 20), bytes(30 << 20), header(b"demo/b", 30 << 20), bytes(30 << 20)
    data = archive(*file, header(b"demo/c", 30 << 20), bytes(5 << 20))

    assert too_large(data) == "the package unpacks to more than is allowed"


def test_bomb_behind_the_end_costs_no_memory() -> None:
    data = archive(PLAIN, end=bytes(UNPACKED_MAX_BYTES))
    tracemalloc.start()
    try:
        title = too_large(data)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert title == "the package unpacks to more than is allowed"
    assert peak_bytes < 2 * 1024 * 1024


def test_one_member_above_the_cap_is_refused() -> None:
    folders = [folder(b"demo/%d/" % number) for number in range(ENTRIES_MAX)]

    assert read_package(archive(PLAIN, *folders[:-1])) == {"index.ts": Entry(data=b"x")}
    assert too_large(archive(PLAIN, *folders)) == "the package has more entries than are allowed"


@pytest.mark.parametrize("name", ["package.json", "manifest.json"])
def test_manifest_has_a_cap_of_its_own(name: str) -> None:
    entries = {name: Entry(data=b" " * (MANIFEST_MAX_BYTES + 1))}

    assert too_large(archive(member(b"p/" + name.encode(), entries[name].data))) == (
        f"`{name}` is larger than a file may be"
    )
    with pytest.raises(PackageTooLarge):
        packed(entries)
    assert packed({f"lib/{name}": entries[name], "x": Entry(data=b"")})


def test_pack_keeps_every_cap() -> None:
    empty, half = Entry(data=b""), Entry(data=bytes(ENTRY_MAX_BYTES))
    noise = Entry(data=hashlib.shake_128(b"noise").digest(PACKAGE_MAX_BYTES))

    for entries, title in [
        ({"big": Entry(data=bytes(ENTRY_MAX_BYTES + 1))}, "`big` is larger than a file may be"),
        ({"a": half, "b": half}, "the package unpacks to more than is allowed"),
        ({"noise": noise}, "the package is larger than is allowed"),
        ({f"{n}": empty for n in range(ENTRIES_MAX + 1)}, "the package has more entries than are allowed"),
    ]:
        with pytest.raises(PackageTooLarge) as refused:
            packed(entries)
        assert refused.value.problem.title == title


# What pack refuses besides.


def test_pack_refuses_twins_and_conflicts() -> None:
    for entries in [("a.ts", "A.ts"), ("\u00e9", "e\u0301"), ("a", "a/b"), ("Lib/a", "lib/b")]:
        with pytest.raises(ArchiveUnsafe):
            packed({path: Entry(data=b"") for path in entries})


def test_pack_refuses_an_empty_package() -> None:
    with pytest.raises(ArchiveUnsafe, match="holds no file"):
        packed({})


@pytest.mark.parametrize(("name", "version"), [("a/b", "1"), ("..", "/x"), ("a", "1."), ("a:b", "1")])
def test_pack_refuses_a_root_that_is_not_one_plain_folder(name: str, version: str) -> None:
    with pytest.raises(ArchiveUnsafe):
        pack(PLUGIN, name=name, version=version)


# What is accepted.


def test_package_is_read_as_it_was_packed_and_in_order() -> None:
    found = read_package(packed())

    assert found == PLUGIN
    assert list(found) == sorted(PLUGIN)


def test_same_entries_in_another_order_give_the_same_bytes() -> None:
    assert packed(dict(reversed(PLUGIN.items()))) == packed()


def test_bytes_of_a_package_never_change() -> None:
    """A digest that moves breaks every lockfile and signature; only a new format may do that."""
    data = packed()

    assert hashlib.sha256(gzip.decompress(data)).hexdigest() == GOLDEN_TAR
    assert hashlib.sha256(data).hexdigest() == GOLDEN_PACKAGE


def test_packed_header_tells_nothing_of_the_machine() -> None:
    data = packed({"long/" * 30 + "é": Entry(data=b"x", is_executable=True), "b": Entry(data=b"")})

    assert data[:10] == b"\x1f\x8b\x08\x00\0\0\0\0\x02\xff"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive_file:
        members = archive_file.getmembers()
    assert [m.name for m in members] == ["demo-1.0.0/b", "demo-1.0.0/" + "long/" * 30 + "é"]
    assert [(m.mode, m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members] == [
        (0o644, 0, 0, 0, "", ""),
        (0o755, 0, 0, 0, "", ""),
    ]


@pytest.mark.parametrize(
    "data",
    [
        archive(member(b"package/a/b", b"x")),
        archive(folder(b"package/"), folder(b"package/a"), member(b"package/a/b", b"x")),
        archive(member(b"package/a/b", b"x"), folder(b"package/a/"), folder(b"package/")),
        archive(folder(b"package/empty/"), member(b"package/a/b", b"x")),
        archive(member(b"b", b"x", prefix=b"package/a")),
        archive(long_name(b"package/a/b\0"), member(b"pack", b"x")),
        archive(long_name(b"package/a/\0"), folder(b"pack"), member(b"package/a/b", b"x")),
        archive(pax_path("package/a/b"), member(b"???", b"x")),
        archive(pax(record(b"size", b"1"), record(b"mtime", b"1.5")), member(b"package/a/b", b"x")),
        archive(pax(record(b"mtime", b"-1"), record(b"uid", b"5000000")), member(b"package/a/b", b"x")),
        archive(pax(record(b"SCHILY.xattr.user.x", b"\n\0\xff")), member(b"package/a/b", b"x")),
        archive(member(b"package/a/b", b"x", mode=b"000644 \0", uid=bytes(8), gid=bytes(8))),
        archive(member(b"package/a/b", b"x", size=b"00000000001 ", uid=b"000000 \0", devmajor=b"000000 \0")),
        archive(member(b"package/a/b", b"x", uname=b"me", gname=b"us", devmajor=b"0000000\0")),
        archive(member(b"package/a/b", b"x"), end=bytes(10240)),
        gzipped(member(b"package/a/b", b"x") + END, flags=0x08, optional=b"p.tar\0"),
    ],
)
def test_honest_oddity_is_accepted(data: bytes) -> None:
    assert read_package(data) == {"a/b": Entry(data=b"x")}


def test_owner_may_execute_is_what_makes_an_entry_executable() -> None:
    data = archive(
        member(b"p/a", b"", mode=b"0000755\0"),
        member(b"p/b", b"", mode=b"0000655\0"),
        member(b"p/c", b"", mode=b"0104744\0"),
    )

    assert [entry.is_executable for entry in read_package(data).values()] == [True, False, True]


def test_root_folder_is_taken_off_only_if_all_share_it() -> None:
    assert list(read_package(archive(member(b"p/a"), member(b"q/a")))) == ["p/a", "q/a"]
    assert list(read_package(archive(member(b"p/a"), member(b"b")))) == ["b", "p/a"]
    assert list(read_package(archive(member(b"p/a"), folder(b"q/")))) == ["p/a"]
    assert list(read_package(archive(member(b"p/p/a")))) == ["p/a"]
    assert list(read_package(archive(member(b"alone")))) == ["alone"]


LONG = "package/" + "d" * 90 + "/" + "f" * 90 + ".ts"
DEEP_LONG = "package/" + "/".join(["l" * 60] * 6) + ".ts"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tarfile_writes_is_accepted(form: int) -> None:
    buffer = io.BytesIO()
    names = ["package/index.ts", "package/näif.ts", LONG] + [DEEP_LONG] * (form != tarfile.USTAR_FORMAT)
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as archive_file:
        root = tarfile.TarInfo("package")
        root.type, root.mode = tarfile.DIRTYPE, 0o755
        archive_file.addfile(root)
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uid, info.uname = 3, 1_700_000_000, 1000, "me"
            archive_file.addfile(info, io.BytesIO(b"abc"))

    found = read_package(buffer.getvalue())

    assert found == {name.removeprefix("package/"): Entry(data=b"abc") for name in names}


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar on this system")
@pytest.mark.parametrize("form", ["ustar", "gnu", "pax"])
def test_what_the_system_tar_writes_is_accepted(form: str, tmp_path: Path) -> None:
    files = {"index.ts": b"x", "sub/näif.ts": b"y" * 1000, "d" * 90 + "/" + "f" * 90 + ".ts": b""}
    for name, data in files.items():
        file = tmp_path / "package" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (tmp_path / "package" / "empty").mkdir()
    (tmp_path / "package" / "index.ts").chmod(0o755)
    command = ["tar", f"--format={form}", "--owner=0", "--group=0", "-czf", "out.tgz", "package"]
    if subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode:
        pytest.skip(f"this tar does not write {form} as GNU tar does")

    found = read_package((tmp_path / "out.tgz").read_bytes())

    # Some file systems hand names back decomposed.
    assert {unicodedata.normalize("NFC", path): entry.data for path, entry in found.items()} == files
    assert [path for path, entry in found.items() if entry.is_executable] == ["index.ts"]


def test_other_readers_see_the_same_package() -> None:
    long_path = "d" * 200 + "/é.ts"
    data = packed({**PLUGIN, long_path: Entry(data=b"z")})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive_file:
        seen = {}
        for info in archive_file:
            content = archive_file.extractfile(info)
            assert content is not None
            seen[info.name.removeprefix("demo-1.0.0/")] = content.read()

    assert seen == {path: entry.data for path, entry in read_package(data).items()}


# Whatever comes.


def refusal(path: str) -> str:
    """Why the path is refused; empty if it is not."""
    try:
        check_path(path)
    except ArchiveUnsafe as refused:
        return refused.problem.title
    return ""


def is_honest(path: str) -> bool:
    return not refusal(f"demo-1.0.0/{path}")


COMPONENTS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12) | st.text(
    "ab.-_ é", min_size=1, max_size=130
)
PATHS = st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join).filter(is_honest)
ENTRIES = st.dictionaries(
    PATHS, st.builds(Entry, data=st.binary(max_size=700), is_executable=st.booleans()), min_size=1, max_size=5
)


@settings(max_examples=150, deadline=None)
@given(ENTRIES)
def test_every_package_survives_the_round_trip(entries: dict[str, Entry]) -> None:
    try:
        data = packed(entries)
    except ArchiveUnsafe as refused:
        assume("twins" not in refused.problem.title and "file" not in refused.problem.title)
        raise

    assert read_package(data) == entries
    assert packed(read_package(data)) == data


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
@example("\ud800")
@example("\x1b[31m/\u202e")
def test_any_path_is_accepted_or_refused_in_words_fit_for_a_terminal(path: str) -> None:
    assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(character) for character in refusal(path)}


SAMPLE = b"".join(
    [
        folder(b"p/"),
        pax(record(b"path", "p/é".encode()), record(b"mtime", b"1.5"), record(b"size", b"3")),
        member(b"p/?", b"abc"),
        long_name(b"p/" + b"l" * 120 + b"\0"),
        member(b"p/" + b"l" * 90, b"xyz" * 300, magic=b"ustar  \0"),
        member(b"tail", b"", prefix=b"p/in"),
        END,
    ]
)


def with_right_checksums(data: bytearray) -> bytes:
    """Lets mutations past the first gate: every block that could be a header gets a right checksum."""
    for start in range(0, len(data) - 511, 512):
        if data[start + 257 : start + 262] == b"ustar":
            data[start + 148 : start + 156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    return bytes(data)


def read_or_refuse(data: bytes) -> None:
    try:
        entries = read_package(data)
    except (ArchiveUnsafe, PackageTooLarge):
        return
    assert read_package(packed(entries)) == entries


MUTATIONS = st.lists(
    st.tuples(st.integers(0, len(SAMPLE) - 1), st.binary(min_size=1, max_size=12)), min_size=1, max_size=4
)


def test_the_sample_for_mutations_is_sound() -> None:
    assert list(read_package(gzipped(SAMPLE))) == ["in/tail", "l" * 120, "é"]


@settings(max_examples=400, deadline=None)
@given(MUTATIONS, st.booleans())
def test_mutated_tar_never_raises_anything_else(mutations: list[tuple[int, bytes]], is_cut: bool) -> None:
    data = bytearray(SAMPLE)
    for position, replacement in mutations:
        data[position : position + len(replacement)] = replacement
    if is_cut:
        del data[mutations[0][0] :]
    read_or_refuse(gzipped(with_right_checksums(data)))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4), st.integers(0, 40))
def test_mutated_gzip_never_raises_anything_else(mutations: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(gzipped(SAMPLE))
    for position, value in mutations:
        data[position % len(data)] = value
    read_or_refuse(bytes(data[: len(data) - cut]))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    read_or_refuse(data)
    read_or_refuse(gzipped(data))
