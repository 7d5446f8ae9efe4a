"""A good archive that was changed at random is refused as a problem, or is exactly what it says.

"Exactly" is put to the proof by two witnesses: what was read can be packed and read again, and
Python's own `tarfile` finds the same files in the archive. The kinds with a name are tried in
`tests/flows`; here are those that nobody thought of.
"""

import io
import tarfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.archive import Entry, pack, read_package
from registry_server.contract.problems import ArchiveUnsafe, PackageTooLarge, Problem
from registry_server.contract.validation import check_package
from tests.support.hostile_archives import FAMILIES, KINDS
from tests.support.plugin_archives import FILES, GOOD, PLUGIN, ROOT
from tests.support.tar_builder import END, folder, gzipped, long_name, member, pax, record

_ROOT = ROOT.encode()
SAMPLE = b"".join(
    [
        folder(_ROOT + b"/"),
        PLUGIN,
        pax(record(b"path", _ROOT + "/é.ts".encode()), record(b"mtime", b"1.5"), record(b"size", b"3")),
        member(b"?", b"abc"),
        long_name(_ROOT + b"/" + b"l" * 120 + b"\0"),
        member(_ROOT, b"xyz" * 300, magic=b"ustar  \0"),
        folder(_ROOT + b"/empty"),
        member(b"tail.ts", b"", prefix=_ROOT + b"/in"),
        END,
    ]
)
PACKED = gzipped(SAMPLE)
BLOCKS = len(SAMPLE) // 512

places = st.integers(0, len(SAMPLE) - 1)
header_places = st.sampled_from(
    [place for place in range(0, len(SAMPLE), 512) if SAMPLE[place + 257 : place + 262] == b"ustar"]
)
bits = st.tuples(places, st.integers(0, 7))
header_fields = st.tuples(header_places, st.integers(0, 511), st.binary(min_size=1, max_size=12))
splices = st.tuples(st.integers(0, BLOCKS - 1), st.integers(1, 4), st.integers(0, BLOCKS - 1))
"""(from block, how many, to block): moved there, over what is there or in between."""


def with_right_checksums(data: bytes | bytearray) -> bytes:
    """Lets changes past the first gate: every block that may be a header gets its checksum."""
    mended = bytearray(data)
    for start in range(0, len(mended) - 511, 512):
        if mended[start + 257 : start + 262] == b"ustar":
            mended[start + 148 : start + 156] = b" " * 8
            mended[start + 148 : start + 156] = b"%06o\0 " % sum(mended[start : start + 512])
    return bytes(mended)


def read(archive: bytes) -> tuple[dict[str, Entry], Problem | None]:
    try:
        return read_package(archive), None
    except (ArchiveUnsafe, PackageTooLarge) as error:
        return {}, error.problem


def assert_refused_or_exact(archive: bytes) -> None:
    entries, problem = read(archive)
    if problem is not None:
        assert problem.title
        assert problem.detail
        assert problem.hint
        return
    check_package(entries)
    assert read_package(pack(entries, name="auth", version="1.0.0")) == entries
    assert seen_by_tarfile(archive) == seen_by_tarfile(pack(entries, name="auth", version="1.0.0"))


def seen_by_tarfile(archive: bytes) -> list[tuple[str, bytes, bool]]:
    """Path below the root, contents and right to execute of every file, as another program finds them."""
    found = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        members = opened.getmembers()
        roots = {each.name.partition("/")[0] for each in members}
        prefix = (
            f"{roots.pop()}/" if len(roots) == 1 and all("/" in m.name for m in members if m.isfile()) else ""
        )
        for each in members:
            if each.isfile():
                content = opened.extractfile(each)
                assert content is not None
                found.append((each.name.removeprefix(prefix), content.read(), bool(each.mode & 0o100)))
            else:
                assert each.isdir()
    return sorted(found)


def test_the_sample_is_sound_and_both_witnesses_see_it() -> None:
    extra = {"é.ts": b"abc", "l" * 120: b"xyz" * 300, "in/tail.ts": b""}
    expected = {**FILES, **extra}

    assert {path: entry.data for path, entry in read_package(PACKED).items()} == expected
    assert seen_by_tarfile(PACKED) == sorted((path, data, False) for path, data in expected.items())


def test_a_difference_between_two_readers_would_be_noticed() -> None:
    honest = pack({"a": Entry(data=b"1")}, name="auth", version="1.0.0")
    other = gzipped(member(_ROOT + b"/a", b"2") + END)

    assert seen_by_tarfile(honest) != seen_by_tarfile(other)


@settings(max_examples=250, deadline=None)
@given(st.lists(bits, min_size=1, max_size=6), st.booleans())
def test_flipped_bits(flips: list[tuple[int, int]], is_mended: bool) -> None:
    data = bytearray(SAMPLE)
    for place, bit in flips:
        data[place] ^= 1 << bit

    assert_refused_or_exact(gzipped(with_right_checksums(data) if is_mended else bytes(data)))


@settings(max_examples=400, deadline=None)
@given(st.lists(header_fields, min_size=1, max_size=3))
def test_other_bytes_in_headers(changes: list[tuple[int, int, bytes]]) -> None:
    data = bytearray(SAMPLE)
    for start, offset, value in changes:
        value = value[: 512 - offset]
        data[start + offset : start + offset + len(value)] = value

    assert_refused_or_exact(gzipped(with_right_checksums(data)))


@settings(max_examples=250, deadline=None)
@given(st.lists(splices, min_size=1, max_size=3), st.booleans())
def test_blocks_in_other_places(moves: list[tuple[int, int, int]], is_inserted: bool) -> None:
    data = SAMPLE
    for source, count, target in moves:
        piece = data[source * 512 : (source + count) * 512]
        rest = target * 512 if is_inserted else target * 512 + len(piece)
        data = data[: target * 512] + piece + data[rest:]

    assert_refused_or_exact(gzipped(data))


@settings(max_examples=150, deadline=None)
@given(places, st.binary(max_size=1024))
def test_cut_and_continued(place: int, more: bytes) -> None:
    assert_refused_or_exact(gzipped(SAMPLE[:place] + more))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(PACKED) - 1), st.integers(0, 255)), max_size=4), st.integers(0, 40)
)
def test_changed_gzip(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(PACKED)
    for place, value in changes:
        data[place] = value

    assert_refused_or_exact(bytes(data[: len(data) - cut]))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FAMILIES["extensions"] | FAMILIES["headers"])), st.lists(bits, max_size=2))
def test_hostile_kinds_with_a_few_bits_flipped(name: str, flips: list[tuple[int, int]]) -> None:
    kind = (FAMILIES["extensions"] | FAMILIES["headers"])[name]
    data = bytearray(zlib.decompress(kind.build(), wbits=31))
    for place, bit in flips:
        data[place % len(data)] ^= 1 << bit

    assert_refused_or_exact(gzipped(with_right_checksums(data)))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=1500), st.booleans())
def test_a_path_of_any_bytes(path: bytes, is_pax: bool) -> None:
    extension = pax(record(b"path", path)) if is_pax else long_name(path + b"\0")

    assert_refused_or_exact(gzipped(PLUGIN + extension + member(b"x", b"1") + END))


@pytest.mark.parametrize("cut", range(0, len(GOOD), 7))
def test_no_beginning_of_an_archive_is_one(cut: int) -> None:
    with pytest.raises(ArchiveUnsafe):
        read_package(GOOD[:cut])


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(KINDS) == sum(map(len, FAMILIES.values())) + sum(name.startswith("severe: ") for name in KINDS)
