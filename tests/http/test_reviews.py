"""Ratings and reviews: one a person, votes, answers, reports, and what admins hide."""

from datetime import timedelta
from typing import Any

import pytest

from registry_server.registry import Registry
from tests.support.asgi_calls import Api, problem_code
from tests.support.builders import FixedClock
from tests.support.town import Town, send

RATINGS = "/api/plugins/auth/ratings"


@pytest.fixture
def town(registry: Registry) -> Town:
    return Town(registry)


@pytest.fixture
def ada(town: Town) -> Api:
    """Owns `auth`."""
    api = town("ada")
    assert send(api, "auth").status_code == 201
    return api


def rate(api: Api, rating: int, review: str = "") -> Any:
    answer = api("POST", RATINGS, json={"rating": rating, "review": review})
    assert answer.status_code == 200, answer.text
    return answer


def page(town: Town, query: str = "") -> dict[str, Any]:
    body: dict[str, Any] = town.anonymous.get(f"{RATINGS}{query}").json()
    return body


def document(town: Town) -> dict[str, Any]:
    body: dict[str, Any] = town.anonymous.get("/api/plugins/auth").json()
    return body


def test_a_person_has_one_rating_which_they_may_change(town: Town, ada: Api, clock: FixedClock) -> None:
    bob = town("bob")
    rate(bob, 5, "Works.")
    clock.now += timedelta(days=1)
    rate(bob, 3, "  Works mostly.  ")

    [rating] = page(town)["ratings"]
    assert (rating["author"], rating["rating"], rating["review"]) == ("bob", 3, "Works mostly.")
    assert (rating["createdAt"], rating["updatedAt"]) == ("2026-03-14T09:26:53Z", "2026-03-15T09:26:53Z")
    assert [entry for entry in town.audit() if entry[0] == "bob"] == [
        ("bob", "rate", "auth", "5"),
        ("bob", "rate", "auth", "3"),
    ]


def test_ratings_are_summed_up_in_the_page_the_document_and_the_feed(town: Town, ada: Api) -> None:
    for name, stars, review in (("bob", 5, "Works."), ("carl", 4, ""), ("dora", 1, "Does not.")):
        rate(town(name), stars, review)

    body, plugin = page(town), document(town)
    [change] = town.anonymous.get("/api/changes?since=1").json()["changes"]

    assert (body["average"], body["count"], body["stars"]) == (3.33, 3, [1, 0, 0, 1, 1])
    assert (plugin["rating"], plugin["ratingCount"], plugin["reviewCount"]) == (3.33, 3, 2)
    assert plugin["ratingStars"] == [1, 0, 0, 1, 1]
    assert plugin["ratingScore"] == round((10 + 14) / 7, 3)
    assert change["document"] == plugin
    assert town.anonymous.get("/api/stats").json()["ratings"] == 3


def test_nobody_rates_a_plugin_of_their_own(town: Town, ada: Api) -> None:
    answer = ada("POST", RATINGS, json={"rating": 5})

    assert problem_code(answer) == "invalid-request"
    assert answer.json()["title"] == "`auth` is yours"
    assert page(town)["count"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"rating": 0},
        {"rating": 6},
        {"rating": 10**30},
        {"rating": 5, "review": "x" * 4001},
        {"rating": 5, "stars": 5},
        {},
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_rating_that_makes_no_sense_is_refused(town: Town, ada: Api, body: dict[str, Any]) -> None:
    before = document(town)

    answer = town("bob")("POST", RATINGS, json=body)

    assert problem_code(answer) == "invalid-request"
    assert document(town) == before


def test_a_rating_taken_back_is_gone_with_its_votes(town: Town, ada: Api) -> None:
    bob, carl = town("bob"), town("carl")
    rate(bob, 2, "Slow.")
    carl("POST", f"{RATINGS}/bob/helpful")
    bob("DELETE", RATINGS)
    again = bob("DELETE", RATINGS)
    rate(bob, 2, "Slow.")

    assert problem_code(again) == "rating-not-found"
    assert page(town)["ratings"][0]["helpful"] == 0


def test_a_review_has_one_vote_a_person_and_none_of_its_author(town: Town, ada: Api) -> None:
    bob, carl = town("bob"), town("carl")
    rate(bob, 4, "Works.")
    for voter in (ada, carl, carl):
        voter("POST", f"{RATINGS}/bob/helpful")
    own = bob("POST", f"{RATINGS}/bob/helpful")
    counted = page(town)["ratings"][0]["helpful"]
    carl("DELETE", f"{RATINGS}/bob/helpful")

    assert problem_code(own) == "invalid-request"
    assert (counted, page(town)["ratings"][0]["helpful"]) == (2, 1)


def test_an_owner_answers_and_takes_the_answer_back(town: Town, ada: Api) -> None:
    bob = town("bob")
    rate(bob, 2, "Slow.")

    ada("PUT", f"{RATINGS}/bob/reply", json={"reply": " Faster in 1.1. "})
    answered = page(town)["ratings"][0]
    refused = bob("PUT", f"{RATINGS}/bob/reply", json={"reply": "No."})
    ada("PUT", f"{RATINGS}/bob/reply", json={"reply": ""})
    bare = page(town)["ratings"][0]

    assert (answered["reply"], answered["repliedBy"]) == ("Faster in 1.1.", "ada")
    assert problem_code(refused) == "forbidden"
    assert (bare["reply"], bare["repliedBy"]) == ("", "")


def test_an_answer_goes_with_the_words_it_answered(town: Town, ada: Api) -> None:
    bob = town("bob")
    rate(bob, 2, "Slow.")
    ada("PUT", f"{RATINGS}/bob/reply", json={"reply": "Faster in 1.1."})

    rate(bob, 3, "Slow.")
    kept = page(town)["ratings"][0]["reply"]
    rate(bob, 3, "Breaks.")

    assert kept == "Faster in 1.1."
    assert page(town)["ratings"][0]["reply"] == ""


def test_a_report_reaches_the_admins_once_a_person(town: Town, ada: Api) -> None:
    bob, carl, root = town("bob"), town("carl"), town("root", is_admin=True)
    rate(bob, 1, "Buy my plugin.")
    for reason in ("rude", "an advertisement"):
        carl("POST", f"{RATINGS}/bob/report", json={"reason": reason})

    [report] = root.get("/api/reports").json()

    assert (report["plugin"], report["author"], report["review"]) == ("auth", "bob", "Buy my plugin.")
    assert (report["reporter"], report["reason"]) == ("carl", "an advertisement")
    assert page(town)["count"] == 1


def test_a_hidden_review_counts_for_nothing_anywhere_and_says_why(town: Town, ada: Api) -> None:
    bob, carl, root = town("bob"), town("carl"), town("root", is_admin=True)
    rate(bob, 1, "Buy my plugin.")
    rate(carl, 5, "Works.")
    carl("POST", f"{RATINGS}/bob/report", json={"reason": "an advertisement"})

    root("PUT", f"{RATINGS}/bob/hidden", json={"reason": "an advertisement"})

    hidden = next(rating for rating in page(town)["ratings"] if rating["author"] == "bob")
    assert (hidden["review"], hidden["hidden"]) == ("", "an advertisement")
    assert (page(town)["average"], page(town)["count"], page(town)["stars"]) == (5.0, 1, [0, 0, 0, 0, 1])
    plugin = document(town)
    assert (plugin["rating"], plugin["ratingCount"], plugin["reviewCount"]) == (5.0, 1, 1)
    assert plugin["ratingScore"] == round((5 + 14) / 5, 3)
    assert "Buy my plugin" not in town.anonymous.get(RATINGS).text
    assert root.get("/api/reports").json() == []
    assert town.audit()[-1] == ("root", "review-hide", "auth", "bob")


def test_a_hidden_review_is_shown_again_as_it_was(town: Town, ada: Api) -> None:
    root = town("root", is_admin=True)
    rate(town("bob"), 1, "Slow.")
    before = page(town)
    root("PUT", f"{RATINGS}/bob/hidden", json={"reason": "by mistake"})
    root("PUT", f"{RATINGS}/bob/hidden", json={"reason": "   "})

    assert page(town) == before
    assert town.audit()[-1] == ("root", "review-show", "auth", "bob")


def test_a_hidden_review_stays_hidden_when_its_author_writes_it_anew(town: Town, ada: Api) -> None:
    bob, root = town("bob"), town("root", is_admin=True)
    rate(bob, 1, "Buy my plugin.")
    root("PUT", f"{RATINGS}/bob/hidden", json={"reason": "an advertisement"})

    rate(bob, 1, "Buy my other plugin.")

    assert (page(town)["count"], page(town)["ratings"][0]["hidden"]) == (0, "an advertisement")


def test_reviews_in_every_order(town: Town, ada: Api, clock: FixedClock) -> None:
    people = {name: town(name) for name in ("bob", "carl", "dora")}
    for (_, api), stars in zip(people.items(), (5, 1, 3), strict=True):
        rate(api, stars, "Words.")
        clock.now += timedelta(minutes=1)
    for voter, author in (("carl", "bob"), ("dora", "bob"), ("bob", "carl")):
        people[voter]("POST", f"{RATINGS}/{author}/helpful")

    orders = {
        sort: [rating["author"] for rating in page(town, f"?sort={sort}")["ratings"]]
        for sort in ("recent", "helpful", "highest", "lowest")
    }

    assert orders == {
        "recent": ["dora", "carl", "bob"],
        "helpful": ["bob", "carl", "dora"],
        "highest": ["bob", "dora", "carl"],
        "lowest": ["carl", "dora", "bob"],
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", f"{RATINGS}/carl/helpful", None, "rating-not-found"),
        ("POST", f"{RATINGS}/nobody/helpful", None, "user-not-found"),
        ("POST", f"{RATINGS}/carl/report", {"reason": "x"}, "rating-not-found"),
        ("POST", f"{RATINGS}/bob/report", {"reason": "x" * 501}, "invalid-request"),
        ("PUT", f"{RATINGS}/carl/reply", {"reply": "x"}, "rating-not-found"),
        ("PUT", f"{RATINGS}/bob/reply", {"reply": "x" * 4001}, "invalid-request"),
        ("PUT", f"{RATINGS}/bob/hidden", {"reason": "x" * 501}, "invalid-request"),
        ("PUT", "/api/plugins/nothing/ratings/bob/reply", {"reply": "x"}, "plugin-not-found"),
        ("GET", f"{RATINGS}?sort=oldest", None, "invalid-request"),
        ("GET", f"{RATINGS}?page=0", None, "invalid-request"),
    ],
)
def test_what_cannot_be_done_to_a_review_changes_nothing(
    town: Town, ada: Api, method: str, path: str, body: dict[str, str] | None, code: str
) -> None:
    rate(town("bob"), 4, "Works.")
    town("carl")
    root = town("root", is_admin=True)
    before, audit = page(town), town.audit()

    answer = root(method, path, **({"json": body} if body is not None else {}))

    assert problem_code(answer) == code
    assert (page(town), town.audit()) == (before, audit)


def test_a_hidden_review_cannot_be_replaced_by_taking_it_back(town: Town, ada: Api) -> None:
    bob = town("bob")
    rate(bob, 1, "Buy my own plugin.")
    town("root", is_admin=True)("PUT", f"{RATINGS}/bob/hidden", json={"reason": "advertising"})

    answer = bob("DELETE", RATINGS)

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-request")
    assert answer.json()["detail"] == "advertising"
    assert page(town)["ratings"][0]["hidden"] == "advertising"


def test_an_address_without_a_body_refuses_one(town: Town, ada: Api) -> None:
    bob = town("bob")
    rate(bob, 5)

    answer = town("eve")("POST", f"{RATINGS}/bob/helpful", json={"reason": "so"})

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-request")
    assert page(town)["ratings"][0]["helpful"] == 0
