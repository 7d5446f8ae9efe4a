"""Archives made byte by byte, so that a test can say exactly what is wrong with one.

Nothing here is checked: every field takes the bytes it is given. Only the checksum is right unless
a test sets it.
"""

import zlib

END = bytes(1024)

_FIELDS = {
    "name": (0, 100),
    "mode": (100, 108),
    "uid": (108, 116),
    "gid": (116, 124),
    "size": (124, 136),
    "mtime": (136, 148),
    "checksum": (148, 156),
    "kind": (156, 157),
    "linkname": (157, 257),
    "magic": (257, 265),
    "uname": (265, 297),
    "gname": (297, 329),
    "devmajor": (329, 337),
    "devminor": (337, 345),
    "prefix": (345, 500),
    "rest": (500, 512),
}
_PLAIN = {
    "mode": b"0000644\0",
    "uid": b"0000000\0",
    "gid": b"0000000\0",
    "mtime": b"00000000000\0",
    "kind": b"0",
    "magic": b"ustar\x0000",
}


def header(name: bytes, size_bytes: int = 0, /, **fields: bytes) -> bytes:
    """One header block; `fields` replace what a plain file would have."""
    block = bytearray(512)
    plain = {**_PLAIN, "name": name, "size": b"%011o\0" % size_bytes, "checksum": b" " * 8}
    for field, value in {**plain, **fields}.items():
        start, end = _FIELDS[field]
        assert len(value) <= end - start, f"{field} takes {end - start} bytes"
        block[start : start + len(value)] = value
    if "checksum" not in fields:
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name: bytes, data: bytes = b"", *, padding: bytes = b"\0", **fields: bytes) -> bytes:
    return header(name, len(data), **fields) + data + padding * (-len(data) % 512)


def folder(name: bytes, **fields: bytes) -> bytes:
    return header(name, kind=b"5", **fields)


def record(key: bytes, value: bytes) -> bytes:
    """A pax record with the right length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = next(n for n in range(len(rest), len(rest) + 9) if n == len(rest) + len(str(n)))
    return b"%d" % length + rest


def pax(*records: bytes, **fields: bytes) -> bytes:
    return member(b"PaxHeader", b"".join(records), kind=b"x", **fields)


def pax_path(path: str) -> bytes:
    return pax(record(b"path", path.encode("utf-8", "surrogatepass")))


def long_name(name: bytes) -> bytes:
    return member(b"././@LongLink", name, kind=b"L", magic=b"ustar  \0")


def gzipped(
    data: bytes, *, flags: int = 0, optional: bytes = b"", crc: int | None = None, size: int | None = None
) -> bytes:
    """`data` as a gzip member; `optional` stands between header and stream."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflater.compress(data) + deflater.flush()
    trailer_crc = zlib.crc32(data) if crc is None else crc
    trailer_size = len(data) if size is None else size
    start = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + optional
    return start + body + trailer_crc.to_bytes(4, "little") + trailer_size.to_bytes(4, "little")


def archive(*parts: bytes, end: bytes = END) -> bytes:
    return gzipped(b"".join(parts) + end)
