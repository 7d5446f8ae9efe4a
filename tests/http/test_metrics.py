"""What a scrape of the server tells: true counts, closed sets of labels, nothing shared between two apps."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from registry_server.http.metrics import (
    CONTENT_TYPE,
    METHODS,
    SECONDS,
    SERIES_MAX,
    Metrics,
    NoMetrics,
)
from registry_server.limits import RULES
from registry_server.operations.statistics import Figures

PLUGIN = "/api/plugins/{name}"
FIGURES = Figures(feed_serial=41, index_serial=38, plugins=7, releases=19, database_bytes=81920)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


def scrape(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """(name, label value, ...) -> value, as a Prometheus server would read it."""
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def answer(metrics: NoMetrics, route: str = PLUGIN, method: str = "GET", status: int = 200) -> None:
    metrics.request_started()
    metrics.request_finished(route, method, status=status, seconds=0.003, size_bytes=100)


def test_requests_are_told_apart_by_route_method_and_class_of_status(metrics: Metrics) -> None:
    for status in (200, 206, 304, 404, 404, 503):
        answer(metrics, status=status)
    answer(metrics, method="HEAD")

    found = scrape(metrics)
    assert [
        found["registry_http_requests_total", "GET", PLUGIN, status]
        for status in ("2xx", "3xx", "4xx", "5xx")
    ] == [2, 1, 2, 1]
    assert found["registry_http_requests_total", "HEAD", PLUGIN, "2xx"] == 1
    assert found["registry_http_response_bytes_total", "GET", PLUGIN, "2xx"] == 200


def test_durations_fall_into_their_buckets(metrics: Metrics) -> None:
    for seconds in (0.0004, 0.003, 0.003, 60.0):
        metrics.request_finished(PLUGIN, "GET", status=200, seconds=seconds, size_bytes=0)

    found = scrape(metrics)
    name = "registry_http_request_seconds"
    assert found[f"{name}_bucket", "0.0005", "GET", PLUGIN] == 1
    assert found[f"{name}_bucket", "0.005", "GET", PLUGIN] == 3
    assert found[f"{name}_bucket", "10.0", "GET", PLUGIN] == 3
    assert found[f"{name}_bucket", "+Inf", "GET", PLUGIN] == found[f"{name}_count", "GET", PLUGIN] == 4
    assert found[f"{name}_sum", "GET", PLUGIN] == pytest.approx(60.0064)
    assert list(SECONDS) == sorted(SECONDS)


def test_requests_under_way_are_counted_up_and_down(metrics: Metrics) -> None:
    metrics.request_started()
    metrics.request_started()
    assert scrape(metrics)["registry_http_requests_in_flight",] == 2

    metrics.request_finished(PLUGIN, "GET", status=200, seconds=0.1, size_bytes=1)
    assert scrape(metrics)["registry_http_requests_in_flight",] == 1


def test_what_is_nowhere_has_one_route(metrics: Metrics) -> None:
    answer(metrics, route="", status=404)

    assert scrape(metrics)["registry_http_requests_total", "GET", "unmatched", "4xx"] == 1


def test_invented_methods_make_one_series_and_take_no_room(metrics: Metrics) -> None:
    for number in range(SERIES_MAX + 50):
        answer(metrics, method=f'BREW{number}"\n', status=405)
    answer(metrics)

    found = scrape(metrics)
    assert found["registry_http_requests_total", "other", PLUGIN, "4xx"] == SERIES_MAX + 50
    assert found["registry_http_requests_total", "GET", PLUGIN, "2xx"] == 1
    assert sum(key[0] == "registry_http_requests_total" for key in found) == 2


def test_the_number_of_series_is_bounded_and_every_request_still_counts(metrics: Metrics) -> None:
    for number in range(SERIES_MAX + 50):
        answer(metrics, route=f"/mistake/{number}")

    found = {key: value for key, value in scrape(metrics).items() if key[0] == "registry_http_requests_total"}
    assert len(found) == SERIES_MAX + 1
    assert found["registry_http_requests_total", "other", "other", "2xx"] == 50


def test_what_publishers_readers_and_strangers_do_is_counted(metrics: Metrics) -> None:
    metrics.published(is_created=True)
    metrics.published(is_created=True)
    metrics.published(is_created=False)
    metrics.publish_refused("invalid-package")
    metrics.downloaded()
    metrics.rate_limited("search")
    metrics.authentication_failed()

    found = scrape(metrics)
    assert found["registry_publishes_total", "created"] == 2
    assert found["registry_publishes_total", "same"] == 1
    assert found["registry_publishes_total", "invalid-package"] == 1
    assert found["registry_downloads_total",] == 1
    assert found["registry_rate_limited_total", "search"] == 1
    assert found["registry_authentication_failures_total",] == 1


def test_what_can_rise_stands_at_zero_from_the_beginning(metrics: Metrics) -> None:
    found = scrape(metrics)

    assert [found["registry_rate_limited_total", rule] for rule in RULES] == [0] * len(RULES)
    assert [found["registry_publishes_total", result] for result in ("created", "same")] == [0, 0]
    assert found["registry_downloads_total",] == 0


def test_the_figures_are_read_at_each_scrape_and_not_before() -> None:
    reads: list[int] = []

    def read() -> Figures:
        reads.append(1)
        return FIGURES

    metrics = Metrics("1.2.3", read)
    answer(metrics)
    assert reads == []

    found = scrape(metrics)
    assert reads == [1]
    assert found["registry_feed_serial",] == 41
    assert found["registry_index_lag_serials",] == 3
    assert found["registry_plugins",] == 7
    assert found["registry_releases",] == 19
    assert found["registry_database_bytes",] == 81920
    assert found["registry_figures_readable",] == 1


def test_an_index_ahead_of_the_feed_lags_by_nothing() -> None:
    ahead = Figures(feed_serial=1, index_serial=9, plugins=0, releases=0, database_bytes=0)

    assert scrape(Metrics("1", lambda: ahead))["registry_index_lag_serials",] == 0


def test_a_store_that_does_not_answer_is_told_and_the_counters_stay(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Figures:
        raise OSError("the disk is gone")

    metrics = Metrics("1.2.3", broken)
    answer(metrics)
    with caplog.at_level(logging.ERROR):
        found = scrape(metrics)

    assert found["registry_figures_readable",] == 0
    assert ("registry_feed_serial",) not in found
    assert found["registry_http_requests_total", "GET", PLUGIN, "2xx"] == 1
    assert "the disk is gone" in caplog.text


def test_it_says_what_is_running(metrics: Metrics) -> None:
    (build,) = [key for key in scrape(metrics) if key[0] == "registry_build_info"]

    assert "1.2.3" in build


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the library reads /proc")
def test_the_process_tells_of_itself_where_it_can(metrics: Metrics) -> None:
    found = scrape(metrics)

    assert found["process_resident_memory_bytes",] > 1_000_000
    assert found["process_cpu_seconds_total",] > 0
    assert found["process_open_fds",] > 0


def test_two_apps_share_nothing_and_nothing_is_global() -> None:
    one, other = Metrics("1"), Metrics("1")
    answer(one)

    key = ("registry_http_requests_total", "GET", PLUGIN, "2xx")
    assert key in scrape(one)
    assert key not in scrape(other)
    assert b"registry_" not in prometheus_client.generate_latest()


def test_times_at_which_series_began_are_left_out(metrics: Metrics) -> None:
    answer(metrics)

    assert b"_created" not in metrics.render()


def test_the_format_is_the_one_every_scraper_reads(metrics: Metrics) -> None:
    answer(metrics, route='/odd"\n\\{x}')

    assert CONTENT_TYPE == prometheus_client.exposition.CONTENT_TYPE_PLAIN_0_0_4
    assert metrics.render().endswith(b"\n")
    assert scrape(metrics)["registry_http_requests_total", "GET", '/odd"\n\\{x}', "2xx"] == 1


def test_threads_lose_no_count(metrics: Metrics) -> None:
    begin = threading.Barrier(8)

    def work() -> None:
        begin.wait()
        for method in sorted(METHODS) * 20:
            answer(metrics, method=method)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = scrape(metrics)
    assert {found["registry_http_requests_total", method, PLUGIN, "2xx"] for method in METHODS} == {160}
    assert found["registry_http_requests_in_flight",] == 0


CALLS: tuple[Callable[[NoMetrics], object], ...] = (
    answer,
    lambda metrics: metrics.published(is_created=True),
    lambda metrics: metrics.publish_refused("invalid-package"),
    lambda metrics: metrics.downloaded(),
    lambda metrics: metrics.rate_limited("search"),
    lambda metrics: metrics.authentication_failed(),
)


@pytest.mark.parametrize("call", CALLS)
def test_an_app_without_metrics_takes_every_call_and_tells_nothing(
    call: Callable[[NoMetrics], object],
) -> None:
    nothing = NoMetrics()
    call(nothing)

    assert nothing.render() == b""
