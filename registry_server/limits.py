"""How often one caller may do one thing: a bucket for each rule and key, in memory.

The generic cell rate algorithm: a bucket is one number, the moment at which it will be full again.
A call moves that moment by one interval and passes while the bucket is not overdrawn, so a call costs
the same however many came before. Time is whole nanoseconds times the rule's count: nothing is rounded,
and who keeps to the rate is never refused.

The state is lost with the process, which errs in the caller's favour once. Header fields:
RFC 9110 section 10.2.3 (Retry-After); draft-ietf-httpapi-ratelimit-headers-09 (RateLimit, RateLimit-Policy).
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from msgspec import Struct

from registry_server.contract.problems import RateLimited

Rule = Literal["new-plugin", "release", "yank", "rating", "report", "write", "login", "failed-auth", "search"]
RULES: tuple[Rule, ...] = get_args(Rule)

KEYS_MAX = 10_000
"""Buckets kept for each rule, about 1.5 MB; a flood of one kind cannot push out the memory of another."""

_KEY_MAX = 200
"""Characters of a key that count: some keys are what a stranger typed."""

_NANOSECONDS = 1_000_000_000
_FORGOTTEN_AT_ONCE = 2
"""More than one, so that full buckets go faster than new ones come."""


class Limit(Struct, frozen=True, kw_only=True):
    """So many in so long, and a reserve for who comes seldom."""

    count: int = 1
    """How many become free again in `per_seconds`; from 1."""
    per_seconds: float
    burst: int
    """How many pass at once after a pause; from 1."""

    @property
    def window_seconds(self) -> int:
        """What an exhausted bucket needs to be full again, in whole seconds."""
        return _whole_seconds(self.burst * self.interval, self.count)

    @property
    def interval(self) -> int:
        """What one call moves a bucket by, in nanoseconds times `count`."""
        return max(1, round(self.per_seconds * _NANOSECONDS))


DEFAULT_LIMITS: Mapping[Rule, Limit] = {
    "new-plugin": Limit(per_seconds=600, burst=5),
    "release": Limit(per_seconds=60, burst=30),
    "yank": Limit(per_seconds=60, burst=100),
    "rating": Limit(count=10, per_seconds=3600, burst=10),
    "report": Limit(count=10, per_seconds=3600, burst=10),
    "write": Limit(count=60, per_seconds=60, burst=60),
    "login": Limit(count=5, per_seconds=60, burst=10),
    "failed-auth": Limit(count=10, per_seconds=60, burst=10),
    "search": Limit(count=5, per_seconds=1, burst=20),
}

_WORDS: Mapping[Rule, str] = {
    "new-plugin": "new plugins",
    "release": "releases",
    "yank": "yanks",
    "rating": "ratings",
    "report": "reports",
    "write": "changes",
    "login": "attempts to log in",
    "failed-auth": "refused tokens and passwords",
    "search": "searches",
}


class Allowance(Struct, frozen=True, kw_only=True):
    """What is left of a limit after a call."""

    rule: Rule
    limit: int
    """Calls that pass at once when the bucket is full."""
    remaining: int
    """Calls that would pass now."""
    reset_seconds: int
    """Until the bucket is full again, without further calls; rounded up."""
    window_seconds: int
    """The same for an empty bucket."""


class RateLimits:
    """The buckets of one server. Safe to call from any thread; no call waits or does I/O."""

    def __init__(
        self,
        limits: Mapping[Rule, Limit] = DEFAULT_LIMITS,
        clock: Callable[[], int] = time.monotonic_ns,
        *,
        keys_max: int = KEYS_MAX,
    ) -> None:
        """`clock` gives nanoseconds and never goes back. A rule that is not in `limits` has no limit."""
        self._rules = {name: _Buckets(name, limit, keys_max) for name, limit in limits.items()}
        self._clock = clock
        self._lock = threading.Lock()

    def spend(self, rule: Rule, key: str, cost: int = 1) -> Allowance | None:
        """Takes `cost` (from 1) from the bucket of `key`, or nothing when there is not enough.

        A cost above the burst counts as the burst: otherwise it could never pass.

        Returns None when the rule has no limit.
        Raises `RateLimited`, with `retryAfter` (whole seconds) in `extra`.
        """
        buckets = self._rules.get(rule)
        if buckets is None:
            return None
        with self._lock:
            return buckets.spend(key[:_KEY_MAX], self._clock(), cost=max(1, cost))

    def refund(self, rule: Rule, key: str, cost: int = 1) -> None:
        """Gives back what a call took that turned out to be free, like a 304; a bucket is never overfull."""
        buckets = self._rules.get(rule)
        if buckets is not None:
            with self._lock:
                buckets.refund(key[:_KEY_MAX], self._clock(), cost=max(1, cost))

    def tracked(self) -> int:
        """Buckets in memory, for the tests and the curious."""
        with self._lock:
            return sum(len(buckets) for buckets in self._rules.values())


NO_LIMITS = RateLimits({})
"""For the embedded registry: everything passes, nothing is remembered."""


def retry_after_header(seconds: int) -> str:
    """The value of `Retry-After`: whole seconds, at least one, or a client would come at once again."""
    return str(max(1, seconds))


def limit_headers(allowance: Allowance) -> dict[str, str]:
    """`RateLimit-Policy: "release";q=30;w=1800`, `RateLimit: "release";r=29;t=60`: structured fields."""
    name = f'"{allowance.rule}"'
    return {
        "RateLimit-Policy": f"{name};q={allowance.limit};w={allowance.window_seconds}",
        "RateLimit": f"{name};r={allowance.remaining};t={allowance.reset_seconds}",
    }


def refusal_headers(extra: Mapping[str, object]) -> dict[str, str]:
    """The same and `Retry-After` for a refused call, from the `extra` of its problem.

    A problem without those figures (from elsewhere) gives the fields its figures allow.
    """
    headers: dict[str, str] = {}
    seconds, rule = extra.get("retryAfter"), extra.get("rule")
    if isinstance(seconds, int):
        headers["Retry-After"] = retry_after_header(seconds)
    limit, window, reset = extra.get("limit"), extra.get("windowSeconds"), extra.get("resetSeconds")
    if rule in RULES and isinstance(limit, int) and isinstance(window, int) and isinstance(reset, int):
        left = Allowance(rule=rule, limit=limit, remaining=0, reset_seconds=reset, window_seconds=window)
        headers |= limit_headers(left)
    return headers


class _Buckets:
    """All buckets of one rule, the one that was idle longest first. Times are scaled by the rule's count."""

    def __init__(self, rule: Rule, limit: Limit, keys_max: int) -> None:
        self._rule = rule
        self._limit = limit
        self._keys_max = keys_max
        self._scale = limit.count
        self._interval = limit.interval
        self._reserve = self._interval * limit.burst
        self._window = limit.window_seconds
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def spend(self, key: str, now: int, *, cost: int) -> Allowance:
        now *= self._scale
        before = max(self._full_at.get(key, now), now)
        after = before + min(cost * self._interval, self._reserve)
        missing = after - now - self._reserve
        if missing > 0:
            if key in self._full_at:  # who is refused stays remembered
                self._full_at.move_to_end(key)
            raise self._refusal(before - now, missing)
        self._full_at[key] = after
        self._full_at.move_to_end(key)
        self._forget(now)
        used = after - now
        return Allowance(
            rule=self._rule,
            limit=self._limit.burst,
            remaining=(self._reserve - used) // self._interval,
            reset_seconds=_whole_seconds(used, self._scale),
            window_seconds=self._window,
        )

    def refund(self, key: str, now: int, *, cost: int) -> None:
        full_at = self._full_at.get(key)
        if full_at is None:
            return
        full_at -= min(cost * self._interval, self._reserve)
        if full_at <= now * self._scale:
            del self._full_at[key]
        else:
            self._full_at[key] = full_at

    def _forget(self, now: int) -> None:
        """Lets go of full buckets, and of the idlest beyond the bound, a few at a time."""
        for _ in range(_FORGOTTEN_AT_ONCE):
            key, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self._keys_max:
                return
            del self._full_at[key]

    def _refusal(self, until_full: int, missing: int) -> RateLimited:
        limit = self._limit
        seconds = max(1, _whole_seconds(missing, self._scale))
        return RateLimited(
            f"too many {_WORDS[self._rule]} in a short time",
            detail=f"{limit.count} in {_duration(limit.per_seconds)} and {limit.burst} at once are allowed",
            hint=f"try again in {_duration(seconds)}",
            extra={
                "retryAfter": seconds,
                "rule": self._rule,
                "limit": limit.burst,
                "windowSeconds": self._window,
                "resetSeconds": _whole_seconds(until_full, self._scale),
            },
        )


def _whole_seconds(scaled: int, scale: int) -> int:
    """Scaled nanoseconds as seconds, rounded up."""
    return -(-scaled // (scale * _NANOSECONDS))


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    if seconds >= 120:
        return f"{-(-seconds // 60):g} min"
    return f"{seconds:g} s"
