"""People behind one address: nobody's slips keep the others out, and a browser's searches cost the same."""

import pytest

from registry_server.limits import Limit, RateLimits
from registry_server.registry import Registry
from tests.support.town import Town, send

WRONG = "dkt_" + "0" * 36


@pytest.fixture
def town(registry: Registry) -> Town:
    registry.limits = RateLimits(
        {"failed-auth": Limit(per_seconds=60, burst=3), "search": Limit(per_seconds=60, burst=3)}
    )
    return Town(registry)


def test_a_token_that_works_is_taken_after_any_number_that_do_not(town: Town) -> None:
    ada = town("ada")
    refused = [town.anonymous.with_token(WRONG).get("/api/plugins").status_code for _ in range(5)]

    assert refused == [401, 401, 401, 429, 429]
    assert ada.get("/api/session").status_code == 200


def test_a_search_in_a_browser_draws_from_the_same_bucket_as_one_by_program(town: Town) -> None:
    send(town("ada"), "auth")
    answers = [town.anonymous.get("/plugins?q=auth"), town.anonymous.get("/api/plugins?q=auth")] * 2

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]  # the same two, twice
    assert town.anonymous.get("/plugins?q=auth").status_code == 200
    refused = town.anonymous.get("/plugins?q=auth")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert refused.headers["cache-control"] == "no-store"
    assert town.anonymous.get("/plugins").status_code == 200
