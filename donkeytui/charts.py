"""Charts of numbers in characters: columns over days, bars of shares. Values in, lines out.

Where the output cannot show block characters, coarser ones of ASCII stand in. Every number above zero is
seen, however small beside the others, and zero never is.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from msgspec import Struct

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII_BLOCKS = " .:|#"
"""Darker is more; like the blocks, from nothing to a full cell."""
AXIS, ASCII_AXIS = ("┤", "└", "─"), ("|", "+", "-")
NARROWEST = 12
"""Characters below which no chart says anything."""


class DailySeries(Struct, frozen=True, kw_only=True):
    """A number for each of some days in a row."""

    first_day: date
    counts: tuple[int, ...]

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(days=len(self.counts) - 1)


def daily_series(counted: Iterable[tuple[str, int]], *, last_day: date, days: int) -> DailySeries:
    """The `days` up to `last_day`. A day that was not counted is zero; what is no day, or none of them, is
    left out.
    """
    first_day = last_day - timedelta(days=days - 1)
    counts = [0] * days
    for text, count in counted:
        try:
            at = (date.fromisoformat(text) - first_day).days
        except ValueError:
            continue
        if 0 <= at < days:
            counts[at] += max(0, count)
    return DailySeries(first_day=first_day, counts=tuple(counts))


def daily_chart(
    series: DailySeries, *, width: int, height: int = 4, is_ascii: bool = False
) -> tuple[str, ...]:
    """Columns with their scale to the left and the first and last day below, in at most `width` characters.

    Where there is no room for a column a day, several days are added up in one, and the last line says
    so. Too narrow for a chart at all, it is the sum.
    """
    first, last = series.first_day.isoformat(), series.last_day.isoformat()
    sizes = range(1, len(series.counts) + 1)
    group = next((size for size in sizes if _width(grouped(series.counts, size)) <= width), 0)
    if not group or width < NARROWEST:
        return (f"{sum(series.counts):,}"[: max(0, width)],)
    columns = grouped(series.counts, group)
    scale = f"{max(columns):,}"
    tick, corner, line = ASCII_AXIS if is_ascii else AXIS
    rows = column_rows(columns, height=height, is_ascii=is_ascii)
    labels = [scale, *[""] * (height - 1)]
    lines = [f"{label:>{len(scale)}} {tick}{row}".rstrip() for label, row in zip(labels, rows, strict=True)]
    lines.append(f"{0:>{len(scale)}} {corner}{line * len(columns)}")
    lines += _day_lines(first, last, indent=len(scale) + 2, columns=len(columns), width=width)
    if group > 1:
        lines.append(f"a column: {group} days"[:width])
    return tuple(lines)


def grouped(counts: Sequence[int], size: int) -> tuple[int, ...]:
    """Sums of `size` neighbours, counted from the end, so that the newest column is a whole one."""
    start = len(counts) % size
    head = (sum(counts[:start]),) if start else ()
    return (*head, *(sum(counts[at : at + size]) for at in range(start, len(counts), size)))


def column_rows(counts: Sequence[int], *, height: int, is_ascii: bool = False) -> tuple[str, ...]:
    """The columns as `height` rows from the top; the highest fills all of them."""
    steps = (ASCII_BLOCKS if is_ascii else BLOCKS)[1:]
    most = max(counts, default=0)
    full = len(steps) * height
    # Whole numbers all the way: no count is too large, and the same counts give the same chart.
    levels = [0 if count <= 0 else max(1, (count * full + most // 2) // most) for count in counts]
    return tuple(
        "".join(_cell(level - row * len(steps), steps) for level in levels) for row in reversed(range(height))
    )


def bar(count: int, most: int, *, width: int, is_ascii: bool = False) -> str:
    """`count` beside `most`, which fills `width`."""
    if count <= 0 or width <= 0:
        return ""
    cells = (min(count, most) * width + most // 2) // most if most > 0 else 0
    return ("#" if is_ascii else "█") * max(1, cells)


def _width(columns: Sequence[int]) -> int:
    """Of a chart of these columns: scale, a space, the axis, a character each."""
    return len(f"{max(columns):,}") + 2 + len(columns)


def _cell(level: int, steps: str) -> str:
    return " " if level <= 0 else steps[min(level, len(steps)) - 1]


def _day_lines(first: str, last: str, *, indent: int, columns: int, width: int) -> list[str]:
    """Both days below the ends of the axis; where they would touch, one after the other."""
    gap = columns - len(first) - len(last)
    if first == last and indent + len(first) <= width:
        return [" " * indent + first]
    if gap >= 1:
        return [" " * indent + first + " " * gap + last]
    words = f"{first} - {last}"
    return [words] if len(words) <= width else [first[:width], last[:width]]
