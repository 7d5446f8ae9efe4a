"""One byte range of a response (RFC 9110 section 14), for resumed downloads."""

import re
from collections.abc import Mapping

from registry_server.contract.problems import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


def requested_range(headers: Mapping[str, str], size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte wanted, or None for the whole.

    Several ranges, another unit or an outdated `If-Range` mean the whole, as the standard allows.
    Raises `RangeNotSatisfiable` for a range that begins beyond the end.
    """
    match = _RANGE.match(headers.get("range", ""))
    if match is None or headers.get("if-range", etag) != etag or not (match[1] or match[2]):
        return None
    if not match[1]:
        first, last = max(0, size - int(match[2])), size - 1
        if int(match[2]) == 0:
            raise _unsatisfiable(size)
        return first, last
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if first >= size:
        raise _unsatisfiable(size)
    return (first, last) if first <= last else None


def _unsatisfiable(size: int) -> RangeNotSatisfiable:
    return RangeNotSatisfiable(
        f"the package has {size} bytes", hint="download it from the start", extra={"size": size}
    )
