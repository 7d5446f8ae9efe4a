"""What the server counts, in the text format of Prometheus.

Each app has a registry of its own: nothing is shared between two of them, nor with other users of the
library in the process. A request finds its counters in one dictionary; what costs a query (serials,
counts, sizes) is read when somebody asks, by the callback the app gives. Labels come from closed sets:
a stranger can make a series longer, never make a new one.

Source: Prometheus, "Metric and label naming" and "Text-based format" 0.0.4. The library is loaded with
the first `Metrics`, since it takes 70 ms that an embedded registry has no use for.
"""

import logging
import platform
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from registry_server.limits import RULES
from registry_server.operations.statistics import Figures

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram of durations; most answers take about a millisecond."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
UNMATCHED = "unmatched"
"""The route of requests for which there is none."""

SERIES_MAX = 1000
"""Combinations of route, method and status class that are told apart; more would be a mistake of ours."""

_log = logging.getLogger(__name__)


class NoMetrics:
    """Counts nothing: the embedded registry, and a server told not to."""

    def request_started(self) -> None:
        """A request came in; `request_finished` follows in any case."""

    def request_finished(
        self, route: str, method: str, *, status: int, seconds: float, size_bytes: int
    ) -> None:
        """`route` is the template of the path, or empty; `size_bytes` that of the body sent."""

    def published(self, *, is_created: bool) -> None:
        """A publish that succeeded, with new bytes or with those that were there."""

    def publish_refused(self, code: str) -> None:
        """`code` is that of the problem; a class of ours, never text from outside."""

    def downloaded(self) -> None:
        """A package went out from its first byte on, as download counts see it."""

    def rate_limited(self, rule: str) -> None:
        """A call was refused by this rule of `limits`."""

    def authentication_failed(self) -> None:
        """A token or password that does not work was shown."""

    def render(self) -> bytes:
        """Everything, as `CONTENT_TYPE`. Blocking: reads the figures."""
        return b""


class Metrics(NoMetrics):
    """The counters of one app. Any thread may call any method."""

    def __init__(self, version: str, read_figures: Callable[[], Figures] | None = None) -> None:
        """`read_figures` may raise: the scrape then says so and gives the rest."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

        self._registry = registry = CollectorRegistry(auto_describe=False)
        self._lock = threading.Lock()
        self._series: dict[tuple[str, str, int], _Series] = {}
        self._requests = Counter(
            "registry_http_requests", "Requests answered.", ("route", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "registry_http_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ("route", "method"),
            buckets=SECONDS,
            registry=registry,
        )
        self._bytes = Counter(
            "registry_http_response_bytes",
            "Bytes of bodies sent.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._in_flight = Gauge("registry_http_requests_in_flight", "Requests under way.", registry=registry)
        self._publishes = Counter(
            "registry_publishes",
            "Publishes by result: created, same (those bytes were there) or the code of the refusal.",
            ("result",),
            registry=registry,
        )
        self._downloads = Counter("registry_downloads", "Packages downloaded.", registry=registry)
        self._limited = Counter(
            "registry_rate_limited", "Calls refused by a rate limit.", ("rule",), registry=registry
        )
        self._failed = Counter(
            "registry_authentication_failures", "Tokens and passwords that do not work.", registry=registry
        )
        for rule in RULES:  # a series that begins at 0 shows its first event as a rise
            self._limited.labels(rule)
        for result in ("created", "same"):
            self._publishes.labels(result)
        build = Info("registry_build", "What is running.", registry=registry)
        build.info({"version": version, "python": platform.python_version()})
        ProcessCollector(registry=registry)
        if read_figures:
            registry.register(_FiguresCollector(read_figures))

    def request_started(self) -> None:
        self._in_flight.inc()

    def request_finished(
        self, route: str, method: str, *, status: int, seconds: float, size_bytes: int
    ) -> None:
        self._in_flight.dec()
        series = self._series.get((route, method, status // 100))
        if series is None:
            series = self._new_series(route, method, status // 100)
        series.requests.inc()
        series.seconds.observe(seconds)
        if size_bytes:
            series.bytes.inc(size_bytes)

    def published(self, *, is_created: bool) -> None:
        self._publishes.labels("created" if is_created else "same").inc()

    def publish_refused(self, code: str) -> None:
        self._publishes.labels(code).inc()

    def downloaded(self) -> None:
        self._downloads.inc()

    def rate_limited(self, rule: str) -> None:
        self._limited.labels(rule).inc()

    def authentication_failed(self) -> None:
        self._failed.inc()

    def render(self) -> bytes:
        from prometheus_client import generate_latest

        return generate_latest(_Tidied(self._registry))

    def _new_series(self, route: str, method: str, status_class: int) -> "_Series":
        """The counters of a combination seen for the first time; odd ones share theirs."""
        key = route, method if method in METHODS else OTHER, status_class
        with self._lock:
            if len(self._series) >= SERIES_MAX and key not in self._series:
                key = OTHER, OTHER, status_class
            if key not in self._series:
                shown = key[0] or UNMATCHED, key[1], f"{status_class}xx"
                self._series[key] = _Series(
                    self._requests.labels(*shown),
                    self._seconds.labels(*shown[:2]),
                    self._bytes.labels(*shown),
                )
            return self._series[key]


class _Series:
    """The counters of one route, method and status class."""

    __slots__ = ("bytes", "requests", "seconds")

    def __init__(self, requests: "Counter", seconds: "Histogram", sent: "Counter") -> None:
        self.requests = requests
        self.seconds = seconds
        self.bytes = sent


class _FiguresCollector:
    """Asks the registry when a scrape asks us."""

    def __init__(self, read_figures: Callable[[], Figures]) -> None:
        self._read_figures = read_figures

    def collect(self) -> "Iterable[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        try:
            figures = self._read_figures()
        except Exception:  # whatever is wrong with the store, the counters still tell what happens
            _log.exception("the figures of the registry cannot be read")
            yield GaugeMetricFamily("registry_figures_readable", "Whether the store answered.", value=0)
            return
        lag = max(0, figures.feed_serial - figures.index_serial)
        for name, text, value in (
            ("figures_readable", "Whether the store answered.", 1),
            ("feed_serial", "Serial of the newest change.", figures.feed_serial),
            ("index_lag_serials", "Changes that the search index lacks.", lag),
            ("plugins", "Plugins listed.", figures.plugins),
            ("releases", "Releases kept.", figures.releases),
            ("database_bytes", "Size of the database and its log.", figures.database_bytes),
        ):
            yield GaugeMetricFamily(f"registry_{name}", text, value=value)


class _Tidied:
    """A registry without the time at which each series began: as many lines again, read by nobody.

    The library can leave them out only for the whole process.
    """

    def __init__(self, registry: "CollectorRegistry") -> None:
        self._registry = registry

    def collect(self) -> "Iterable[Metric]":
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
