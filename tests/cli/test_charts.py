"""Charts in characters: any numbers and any width, and what is above zero is always seen."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donkeytui.charts import (
    ASCII_BLOCKS,
    BLOCKS,
    DailySeries,
    bar,
    column_rows,
    daily_chart,
    daily_series,
    grouped,
)

TODAY = date(2026, 11, 22)
COUNTS = st.lists(st.integers(-5, 10**40), min_size=1, max_size=60)


def series(*counts: int) -> DailySeries:
    return DailySeries(first_day=TODAY - timedelta(days=len(counts) - 1), counts=counts)


def test_days_without_downloads_are_zero() -> None:
    made = daily_series([("2026-11-20", 3), ("2026-11-22", 5)], last_day=TODAY, days=4)

    assert made.counts == (0, 3, 0, 5)
    assert (made.first_day, made.last_day) == (date(2026, 11, 19), TODAY)


def test_days_outside_and_what_is_no_day_are_left_out() -> None:
    counted = [("2026-11-18", 9), ("2026-11-23", 9), ("soon", 9), ("", 9), ("2026-11-21", 1)]

    assert daily_series(counted, last_day=TODAY, days=4).counts == (0, 0, 1, 0)


def test_a_chart_says_its_scale_and_its_days() -> None:
    assert daily_chart(series(*[0] * 26, 1, 2, 0, 1204), width=60, height=2) == (
        "1,204 ┤                             █",
        "      ┤                          ▁▁ █",
        "    0 └──────────────────────────────",
        "       2026-10-24          2026-11-22",
    )


def test_a_chart_in_ascii() -> None:
    assert daily_chart(series(*range(21)), width=60, height=1, is_ascii=True) == (
        "20 | .......:::::|||||###",
        " 0 +---------------------",
        "    2026-11-02 2026-11-22",
    )


def test_where_there_is_no_room_days_are_added_up() -> None:
    chart = daily_chart(series(*[1] * 29, 3), width=20, height=1)

    assert chart[0] == "4 ┤▄▄▄▄▄▄▄▄▄▄▄▄▄▄█"
    assert chart[-1] == "a column: 2 days"


def test_the_newest_column_is_a_whole_one() -> None:
    assert grouped((1, 2, 3, 4, 5), 2) == (1, 5, 9)


@given(COUNTS, st.integers(0, 90), st.integers(1, 6), st.booleans())
def test_no_line_is_wider_than_there_is_room(counts: list[int], width: int, height: int, plain: bool) -> None:
    chart = daily_chart(series(*counts), width=width, height=height, is_ascii=plain)

    assert all(len(line) <= width for line in chart)
    assert not plain or "".join(chart).isascii()


@given(COUNTS, st.integers(1, 6), st.booleans())
def test_what_is_above_zero_is_seen_and_zero_is_not(counts: list[int], height: int, plain: bool) -> None:
    rows = column_rows(counts, height=height, is_ascii=plain)

    assert len(rows) == height
    assert set("".join(rows)) <= set(ASCII_BLOCKS if plain else BLOCKS)
    for number, count in enumerate(counts):
        assert (rows[-1][number] != " ") == (count > 0)


@given(COUNTS, st.integers(1, 6))
def test_more_is_never_drawn_lower(counts: list[int], height: int) -> None:
    rows = column_rows(counts, height=height)

    levels = [sum(BLOCKS.index(row[number]) for row in rows) for number in range(len(counts))]
    by_count = [level for _, level in sorted(zip(counts, levels, strict=True))]
    assert by_count == sorted(by_count)
    assert max(counts) <= 0 or max(levels) == 8 * height


@given(st.integers(-5, 10**40), st.integers(-5, 10**40), st.integers(-1, 100), st.booleans())
def test_a_bar_fits_and_shows_what_is_above_zero(count: int, most: int, width: int, plain: bool) -> None:
    drawn = bar(count, most, width=width, is_ascii=plain)

    assert len(drawn) <= max(0, width)
    assert bool(drawn) == (count > 0 and width > 0)


@pytest.mark.parametrize(("count", "expected"), [(10, "██████████"), (5, "█████"), (1, "█"), (0, "")])
def test_a_bar_beside_the_longest(count: int, expected: str) -> None:
    assert bar(count, 10, width=10) == expected
