"""pack: the package of a folder as a file, the same bytes on every machine."""

from pathlib import Path

from msgspec import Struct

from donkeytui.operations.plugin_source import open_source, prepare_package
from donkeytui.problems import SourceUnreadable
from donkeytui.session import Session
from donkeytui.whole_file import write_whole
from registry_server.contract.problems import Finding

_GZIP = b"\x1f\x8b"


class PackReport(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    file: str
    """Where it was written."""
    size_bytes: int
    integrity: str
    files: tuple[tuple[str, int], ...]
    """Path and size in bytes."""
    findings: tuple[Finding, ...]


async def pack_folder(
    session: Session, folder: Path, target: Path | None, working_folder: Path
) -> PackReport:
    """`target`: a file, or a folder for a file of the usual name; None is the working folder.

    Raises what preparing raises, and `SourceUnreadable` when it cannot be written there.
    """
    source = await session.in_thread(open_source, folder)
    package = await session.in_thread(prepare_package, source)
    place = target or working_folder
    if place.is_dir():
        place = place / f"{package.name}-{package.version}.tar.gz"
    await session.in_thread(_write, place, package.archive)
    return PackReport(
        name=package.name,
        version=package.version,
        file=str(place),
        size_bytes=len(package.archive),
        integrity=package.integrity,
        files=source.files,
        findings=source.findings,
    )


def _write(place: Path, archive: bytes) -> None:
    try:
        if place.exists() and not _is_archive(place):
            raise SourceUnreadable(
                f"{place} is there, and is no package",
                detail="it stays as it is",
                hint="name another file with --out",
            )
        write_whole(place, archive)
    except OSError as error:
        raise SourceUnreadable(
            f"{place} cannot be written", detail=str(error.strerror), hint="name another place with --out"
        ) from error


def _is_archive(place: Path) -> bool:
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return file.read(2) == _GZIP
