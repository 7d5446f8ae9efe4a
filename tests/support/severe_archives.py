"""Archives that are meant to cost whoever reads them: time, memory or both."""

import json
import zlib
from collections.abc import Iterator
from functools import partial

from registry_server.contract.archive import (
    ENTRIES_MAX,
    ENTRY_MAX_BYTES,
    MANIFEST_MAX_BYTES,
    PACKAGE_MAX_BYTES,
)
from tests.support.plugin_archives import (
    FILES,
    GOOD,
    LAST,
    PLUGIN,
    ROOT,
    TAR,
    Hostile,
    blocks,
    hostile,
    sealed,
    unread,
    with_files,
)
from tests.support.tar_builder import END, header, member, pax, pax_path, record


def _repeated(head: bytes, mebibytes: int) -> bytes:
    """`head` and that many MiB of zeros as one gzip member, without compressing them all.

    After a full flush deflate starts anew, so the same compressed MiB may stand there again and again.
    """
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = deflater.compress(head) + deflater.flush(zlib.Z_FULL_FLUSH)
    mebibyte = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return GOOD[:10] + start + mebibyte * mebibytes + deflater.flush() + bytes(8)


def _large_package() -> bytes:
    """Above the cap because it is stored as it is."""
    deflater = zlib.compressobj(0, zlib.DEFLATED, -15)
    data = blocks({**FILES, "noise": bytes(PACKAGE_MAX_BYTES)}) + END
    body = deflater.compress(data) + deflater.flush()
    return GOOD[:10] + body + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")


def _many(count: int, *, kind: bytes) -> bytes:
    return sealed(*(header(b"auth-1.0.0/m/%d" % number, kind=kind) for number in range(count)))


def _unpacked() -> bytes:
    size = 30 << 20
    parts = [
        part
        for name in (b"a", b"b", b"c")
        for part in (header(ROOT.encode() + b"/" + name, size), bytes(size))
    ]
    return sealed(*parts)


def severe() -> Iterator[tuple[str, Hostile]]:
    code, unpacks = "package-too-large", "unpacks to more than is allowed"
    yield (
        "a package above the cap",
        Hostile(
            build=_large_package,
            code=code,
            word=f"{PACKAGE_MAX_BYTES}",
            code_at_install=code,
            word_at_install="larger than",
        ),
    )
    yield "a file too many", hostile(partial(_many, ENTRIES_MAX, kind=b"0"), "more entries", code)
    yield "a folder too many", hostile(partial(_many, ENTRIES_MAX, kind=b"5"), "more entries", code)
    yield "files above the cap together", hostile(_unpacked, unpacks, code)
    yield (
        "a bomb of ten gibibytes",
        hostile(partial(_repeated, PLUGIN + header(LAST, ENTRY_MAX_BYTES), 10_000), unpacks, code),
    )
    yield "a bomb behind the end", hostile(partial(_repeated, TAR, 10_000), unpacks, code)
    yield (
        "a bomb in an extension",
        hostile(
            partial(_repeated, PLUGIN + header(b"PaxHeader", 0o77777777777, kind=b"x"), 4000), "too large"
        ),
    )
    yield (
        "the longest paths, as many as may be, and one too many",
        hostile(_long_paths, "more entries", code),
    )
    yield "the deepest paths, and one too many", hostile(_deep_paths, "more entries", code)
    yield "the largest pax headers, as many as fit", hostile(_pax_headers, unpacks, code)
    yield "records without an end of them", hostile(_pax_records, "`ACME.magic`")
    yield (
        "a manifest of brackets",
        unread(partial(with_files, **{"package.json": b"[" * MANIFEST_MAX_BYTES}), "nested deeper"),
    )
    yield (
        "a manifest of objects in objects",
        unread(
            partial(with_files, **{"package.json": b'{"a":' * (MANIFEST_MAX_BYTES // 5)}), "nested deeper"
        ),
    )
    yield (
        "a manifest of quotes",
        unread(
            partial(with_files, **{"package.json": b'{"' + b'\\"' * (MANIFEST_MAX_BYTES // 2 - 2)}),
            "not JSON",
        ),
    )
    yield (
        "a manifest of one number",
        unread(
            partial(with_files, **{"package.json": b'{"version":' + b"9" * 1_000_000 + b"}"}),
            "a number of 1000000 digits",
        ),
    )
    yield "a manifest of many keys and one twice", unread(_many_keys, "twice")
    yield (
        "a hundred rules over five thousand files",
        hostile(_many_rules, "not in the package", "invalid-package"),
    )
    yield "a manifest of many faults", hostile(_many_faults, "`plugins` has", "invalid-package")


def _long_paths() -> bytes:
    """Characters that take the long way through every comparison: composed, wide and marked."""
    middle = "/".join("\uff21\u0301\u1e9b\u0323" * 17 for _ in range(5))
    parts = []
    for number in range(ENTRIES_MAX):
        parts.append(pax_path(f"{ROOT}/{middle[:330]}{number}"))
        parts.append(header(b"x"))
    return sealed(*parts)


def _deep_paths() -> bytes:
    parts = []
    for number in range(ENTRIES_MAX):
        parts.append(pax_path(f"{ROOT}/" + "/".join(f"\u00e9{number}" for _ in range(31))))
        parts.append(header(b"x"))
    return sealed(*parts)


def _pax_headers() -> bytes:
    comment = pax(record(b"comment", b"c" * 65_000))
    return sealed(*(comment + header(b"auth-1.0.0/%d" % number) for number in range(1100)))


def _pax_records() -> bytes:
    """Many small records, each of them looked at."""
    records = [record(b"SCHILY.xattr.%04x" % number, b"") for number in range(2200)]
    parts = [pax(*records) + header(b"auth-1.0.0/%d" % number) for number in range(300)]
    return sealed(*parts, pax(record(b"ACME.magic", b"1")), member(LAST))


def _many_keys() -> bytes:
    pairs = ",".join(f'"{number:x}":0' for number in range(90_000))
    return with_files(**{"package.json": f'{{{pairs},"0":1}}'.encode()})


def _many_rules() -> bytes:
    rules = [{"from": f"lib/{number}", "to": "public"} for number in range(100)]
    members = (header(b"auth-1.0.0/lib/m/%d" % number) for number in range(ENTRIES_MAX - 10))
    data = json.dumps({"copy": rules}).encode()
    return sealed(*members, member(f"{ROOT}/manifest.json".encode(), data))


def _many_faults() -> bytes:
    wanted = {f"../{number}": "\u202e" for number in range(40_000)}
    manifest = {**json.loads(FILES["package.json"]), "donkeylabs": {"plugins": wanted}}
    return with_files(**{"package.json": json.dumps(manifest).encode()})
