"""Pages of lists that are kept: as long as nothing changed, and within their bytes."""

from collections.abc import Callable
from typing import Any

import msgspec

from registry_server.contract.wire import ListQuery
from registry_server.operations.browse import list_page
from registry_server.operations.index import follow_feed
from registry_server.registry import PAGE_COST_BYTES, PageCache, Registry


def test_a_page_is_had_again_at_the_same_moment_only() -> None:
    cache = PageCache()
    cache.put(1, b"key", b"page")

    assert (cache.get(1, b"key"), cache.get(2, b"key"), cache.get(1, b"other")) == (b"page", None, None)


def test_long_questions_without_an_answer_count_as_much_as_long_answers() -> None:
    question = b"x" * (1024 - PAGE_COST_BYTES - 3)
    cache = PageCache(limit_bytes=10 * 1024)
    for number in range(20):
        cache.put(1, b"%03d" % number + question, b"")

    kept = [number for number in range(20) if cache.get(1, b"%03d" % number + question) is not None]
    assert kept == list(range(10, 20))


def test_one_page_never_takes_the_place_of_all_others() -> None:
    cache = PageCache(limit_bytes=10_000)
    cache.put(1, b"small", b"page")
    cache.put(1, b"k" * 2000, b"")
    cache.put(1, b"large", b"p" * 2000)

    assert cache.get(1, b"small") == b"page"
    assert (cache.get(1, b"k" * 2000), cache.get(1, b"large")) == (None, None)


def test_a_kept_page_goes_with_the_next_release(registry: Registry, publish: Callable[..., Any]) -> None:
    publish("auth")
    follow_feed(registry)
    registry.is_followed = True

    def names() -> list[str]:
        return [plugin["name"] for plugin in msgspec.json.decode(list_page(registry, ListQuery()))["plugins"]]

    before = names()
    assert names() == before == ["auth"]
    publish("users")
    assert sorted(names()) == ["auth", "users"]
