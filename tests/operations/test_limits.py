"""Rate limits: so many in so long and a reserve, for each caller; never more, and never less."""

import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import registry_server.limits as limits_module
from registry_server.contract.problems import RateLimited, error_from_problem
from registry_server.limits import (
    DEFAULT_LIMITS,
    NO_LIMITS,
    RULES,
    Allowance,
    Limit,
    RateLimits,
    Rule,
    limit_headers,
    refusal_headers,
    retry_after_header,
)

SECOND = 1_000_000_000


class Ticks:
    """A monotonic clock that goes when told, from a moment as late as that of a machine long up."""

    def __init__(self) -> None:
        self.now = 90 * 86_400 * SECOND

    def __call__(self) -> int:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


def limits_of(ticks: Ticks, *, keys_max: int = 100, **rules: Limit) -> RateLimits:
    named: dict[Rule, Limit] = {rule: rules[rule] for rule in RULES if rule in rules}
    return RateLimits(named, ticks, keys_max=keys_max)


def passes(limits: RateLimits, rule: Rule, key: str = "ada") -> bool:
    try:
        limits.spend(rule, key)
    except RateLimited:
        return False
    return True


def refusal(limits: RateLimits, rule: Rule, key: str = "ada") -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        limits.spend(rule, key)
    return caught.value


# What passes


def test_the_reserve_passes_at_once_and_then_one_an_interval(ticks: Ticks) -> None:
    limits = limits_of(ticks, release=Limit(per_seconds=60, burst=3))

    assert [passes(limits, "release") for _ in range(4)] == [True, True, True, False]
    ticks.go(59)
    assert not passes(limits, "release")
    ticks.go(1)
    assert [passes(limits, "release") for _ in range(2)] == [True, False]
    ticks.go(10_000)
    assert [passes(limits, "release") for _ in range(4)] == [True, True, True, False]


def test_callers_and_rules_do_not_take_from_each_other(ticks: Ticks) -> None:
    one = Limit(per_seconds=60, burst=1)
    limits = limits_of(ticks, release=one, yank=one)

    assert passes(limits, "release", "ada")
    assert passes(limits, "release", "grace")
    assert passes(limits, "yank", "ada")
    assert not passes(limits, "release", "ada")


def test_a_refused_call_costs_nothing(ticks: Ticks) -> None:
    limits = limits_of(ticks, release=Limit(per_seconds=60, burst=1))
    limits.spend("release", "ada")
    for _ in range(50):
        refusal(limits, "release")
    ticks.go(60)

    assert passes(limits, "release")


def test_a_dear_call_takes_more_and_one_beyond_the_burst_all_there_is(ticks: Ticks) -> None:
    limits = limits_of(ticks, search=Limit(per_seconds=1, burst=5))

    taken = limits.spend("search", "ada", 3)
    assert taken is not None
    assert taken.remaining == 2
    with pytest.raises(RateLimited):
        limits.spend("search", "ada", 3)
    all_of_it = limits.spend("search", "grace", 99)
    assert all_of_it is not None
    assert all_of_it.remaining == 0


def test_a_refund_makes_the_next_call_possible_and_never_more_than_the_burst(ticks: Ticks) -> None:
    limits = limits_of(ticks, search=Limit(per_seconds=1, burst=2))
    limits.spend("search", "ada")
    limits.spend("search", "ada")
    limits.refund("search", "ada")

    assert [passes(limits, "search") for _ in range(2)] == [True, False]
    for _ in range(9):
        limits.refund("search", "ada")
    limits.refund("search", "never seen")
    assert limits.tracked() == 0
    assert [passes(limits, "search") for _ in range(3)] == [True, True, False]


def test_nothing_is_limited_for_the_embedded_registry() -> None:
    assert all(NO_LIMITS.spend(rule, "ada", 1000) is None for rule in RULES for _ in range(50))
    NO_LIMITS.refund("search", "ada")
    assert NO_LIMITS.tracked() == 0


@pytest.mark.parametrize(
    ("rule", "at_once", "then"),
    [
        ("new-plugin", 5, 600),
        ("release", 30, 60),
        ("yank", 100, 60),
        ("rating", 10, 360),
        ("search", 20, 0.2),
        ("failed-auth", 10, 6),
    ],
)
def test_the_defaults_are_those_of_the_design(ticks: Ticks, rule: Rule, at_once: int, then: float) -> None:
    limits = RateLimits(DEFAULT_LIMITS, ticks)

    assert [passes(limits, rule) for _ in range(at_once + 1)] == [True] * at_once + [False]
    ticks.go(then - 0.001)
    assert not passes(limits, rule)
    ticks.go(0.001)
    assert passes(limits, rule)


def test_every_rule_has_a_default_and_words(ticks: Ticks) -> None:
    limits = RateLimits(DEFAULT_LIMITS, ticks)
    assert set(DEFAULT_LIMITS) == set(RULES)

    for rule in RULES:
        limits.spend(rule, "ada", 10_000)
        assert refusal(limits, rule).problem.title.startswith("too many ")


limits_drawn = st.builds(
    Limit,
    count=st.integers(1, 60),
    per_seconds=st.floats(0.01, 3600),
    burst=st.integers(1, 12),
)


@given(limits_drawn, st.lists(st.tuples(st.floats(0, 100), st.integers(1, 3)), max_size=40))
def test_no_window_lets_more_pass_than_burst_and_rate_allow(
    limit: Limit, calls: list[tuple[float, int]]
) -> None:
    ticks, passed = Ticks(), list[tuple[int, int]]()
    limits = limits_of(ticks, search=limit)
    interval = limit.per_seconds / limit.count
    for pause, cost in calls:
        ticks.go(pause * interval)
        try:
            limits.spend("search", "ada", cost)
        except RateLimited:
            continue
        passed.append((ticks.now, min(cost, limit.burst)))

    for first, (begin, _) in enumerate(passed):
        for last in range(first, len(passed)):
            sum_passed = sum(cost for _, cost in passed[first : last + 1])
            elapsed = passed[last][0] - begin
            # Exact: the rate is count in round(per_seconds) nanoseconds.
            allowed = limit.burst * limit.interval + elapsed * limit.count
            assert sum_passed * limit.interval <= allowed


@given(limits_drawn, st.lists(st.integers(0, SECOND), max_size=60))
def test_who_stays_below_the_rate_is_never_refused(limit: Limit, more: list[int]) -> None:
    ticks = Ticks()
    limits = limits_of(ticks, search=limit)

    for surplus in more:
        assert passes(limits, "search")
        ticks.now += -(-limit.interval // limit.count) + surplus


@given(limits_drawn, st.lists(st.floats(0, 3), max_size=30))
def test_waiting_as_told_is_enough_and_what_remains_is_true(limit: Limit, pauses: list[float]) -> None:
    ticks = Ticks()
    limits = limits_of(ticks, search=limit)
    for pause in pauses:
        ticks.go(pause * limit.per_seconds / limit.count)
        try:
            left = limits.spend("search", "ada")
        except RateLimited as error:
            ticks.go(error.problem.extra["retryAfter"])
            left = limits.spend("search", "ada")
        assert left is not None
        assert 0 <= left.remaining < left.limit == limit.burst
        assert 0 < left.reset_seconds <= left.window_seconds

    ticks.now += -(-limit.interval // limit.count)
    left = limits.spend("search", "ada")
    assert left is not None
    assert [passes(limits, "search") for _ in range(left.remaining + 1)] == [True] * left.remaining + [False]


# What it says


def test_a_refusal_says_what_how_many_and_when(ticks: Ticks) -> None:
    limits = limits_of(ticks, release=Limit(per_seconds=60, burst=2))
    limits.spend("release", "ada", 2)
    ticks.go(18.5)

    problem = refusal(limits, "release").problem
    assert (problem.code, problem.status) == ("rate-limited", 429)
    assert problem.title == "too many releases in a short time"
    assert problem.detail == "1 in 1 min and 2 at once are allowed"
    assert problem.hint == "try again in 42 s"
    assert problem.extra["retryAfter"] == 42
    assert type(error_from_problem(problem)) is RateLimited
    assert RateLimited.exit_status == 3


def test_long_waits_are_said_in_minutes(ticks: Ticks) -> None:
    limits = limits_of(ticks, rating=Limit(count=10, per_seconds=3600, burst=10))
    limits.spend("rating", "ada", 10)
    ticks.go(1)

    problem = refusal(limits, "rating").problem
    assert problem.detail == "10 in 1 h and 10 at once are allowed"
    assert problem.hint == "try again in 6 min"
    assert problem.extra["retryAfter"] == 359


def test_a_wait_below_a_second_is_a_second(ticks: Ticks) -> None:
    limits = limits_of(ticks, search=Limit(count=5, per_seconds=1, burst=1))
    limits.spend("search", "ada")

    assert refusal(limits, "search").problem.extra["retryAfter"] == 1
    assert [retry_after_header(seconds) for seconds in (0, 1, 42)] == ["1", "1", "42"]


def test_headers_are_structured_fields(ticks: Ticks) -> None:
    limits = limits_of(ticks, **{"new-plugin": Limit(per_seconds=600, burst=5)})
    limits.spend("new-plugin", "ada")
    left = limits.spend("new-plugin", "ada")

    assert left == Allowance(rule="new-plugin", limit=5, remaining=3, reset_seconds=1200, window_seconds=3000)
    assert limit_headers(left) == {
        "RateLimit-Policy": '"new-plugin";q=5;w=3000',
        "RateLimit": '"new-plugin";r=3;t=1200',
    }


def test_headers_of_a_refusal_come_from_its_problem(ticks: Ticks) -> None:
    limits = limits_of(ticks, release=Limit(per_seconds=60, burst=2))
    limits.spend("release", "ada", 2)
    ticks.go(10)

    assert refusal_headers(refusal(limits, "release").problem.extra) == {
        "Retry-After": "50",
        "RateLimit-Policy": '"release";q=2;w=120',
        "RateLimit": '"release";r=0;t=110',
    }


def test_headers_of_a_problem_from_elsewhere_are_those_it_has_figures_for() -> None:
    assert refusal_headers({}) == {}
    assert refusal_headers({"retryAfter": 7}) == {"Retry-After": "7"}
    assert refusal_headers({"retryAfter": "7\r\nX: y", "rule": 'a"\r\n', "limit": 1}) == {}


# Memory and threads


def test_a_full_bucket_is_forgotten(ticks: Ticks) -> None:
    limits = limits_of(ticks, search=Limit(per_seconds=1, burst=5))
    for number in range(50):
        limits.spend("search", f"caller {number}")
    assert limits.tracked() == 50

    ticks.go(5)
    for number in range(50):
        limits.spend("search", f"other {number}")
    assert limits.tracked() == 50


def test_of_too_many_the_idlest_goes_and_the_refused_stays(ticks: Ticks) -> None:
    limits = limits_of(ticks, search=Limit(per_seconds=1000, burst=1), keys_max=10)
    limits.spend("search", "hammering")
    limits.spend("search", "idle")
    for number in range(100):
        limits.spend("search", f"crowd {number}")
        assert not passes(limits, "search", "hammering")

    assert limits.tracked() == 10
    assert passes(limits, "search", "idle")


def test_a_flood_of_one_kind_leaves_the_memory_of_another(ticks: Ticks) -> None:
    one = Limit(per_seconds=1000, burst=1)
    limits = limits_of(ticks, keys_max=10, search=one, login=one)
    limits.spend("login", "mallory")
    for number in range(1000):
        limits.spend("search", f"caller {number}")

    assert not passes(limits, "login", "mallory")


def test_of_an_endless_key_only_the_beginning_counts(ticks: Ticks) -> None:
    limits = limits_of(ticks, login=Limit(per_seconds=60, burst=1))
    limits.spend("login", "x" * 10_000_000)

    assert not passes(limits, "login", "x" * 200)
    limits.refund("login", "x" * 999)
    assert passes(limits, "login", "x" * 200)


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads that let the others run after every line of the limits, so that a race is not luck."""

    def after_each_line(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != limits_module.__file__:
            return None
        if event == "line":
            time.sleep(0)
        return after_each_line

    usual = threading.gettrace()
    threading.settrace(after_each_line)
    yield
    threading.settrace(usual)


@pytest.mark.usefixtures("restless_threads")
def test_threads_together_get_exactly_the_burst(ticks: Ticks) -> None:
    limits = limits_of(ticks, search=Limit(per_seconds=1000, burst=60))
    begin = threading.Barrier(4)
    passed: list[bool] = []

    def hammer() -> None:
        begin.wait()
        passed.extend(passes(limits, "search") for _ in range(40))

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(passed), passed.count(True)) == (160, 60)


def test_the_clock_of_the_machine_is_the_default() -> None:
    limits = RateLimits({"release": Limit(per_seconds=3600, burst=2)})

    assert [passes(limits, "release") for _ in range(3)] == [True, True, False]


def test_an_interval_below_a_nanosecond_is_one(ticks: Ticks) -> None:
    limits = limits_of(ticks, search=Limit(per_seconds=1e-12, burst=1))

    assert passes(limits, "search")
    assert not passes(limits, "search")


def test_windows_of_the_defaults_are_whole_seconds() -> None:
    windows = {rule: limit.window_seconds for rule, limit in DEFAULT_LIMITS.items()}

    assert windows["search"] == 4
    assert windows["release"] == 1800
    assert all(seconds >= 1 for seconds in windows.values())
