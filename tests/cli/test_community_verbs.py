"""rate, review, info --reviews, stats: what people say of plugins and how much they take them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donkeytui.cli.output import cell_width
from donkeytui.cli.reviews import stars_text, wrapped
from registry_server.contract.foreign import clean
from registry_server.contract.review_wire import RatingRequest
from registry_server.limits import RateLimits
from registry_server.operations import reviews
from registry_server.operations.accounts import OPERATOR
from tests.support.asgi_calls import a_caller
from tests.support.desks import Desks, open_desks
from tests.support.team import OWN_SCOPES, add_downloads

pytestmark = pytest.mark.network

LONG = "It loses the session whenever the clock of the server goes back, which ours does every autumn."


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def desks(cli: Callable[..., Any], tmp_path: Path) -> Iterator[Desks]:
    """ada, who owns `auth`, and grace, who does not, are logged in."""
    with open_desks(cli, tmp_path) as opened:
        opened.log_in("ada")
        opened.log_in("grace")
        yield opened


def rate_as(desks: Desks, user: str, stars: int, review: str = "") -> None:
    caller = a_caller(desks.registry, user, *OWN_SCOPES)
    reviews.rate(desks.registry, caller, "auth", RatingRequest(rating=stars, review=review))


def shown(desks: Desks, options: str = "", **at: Any) -> list[str]:
    lines: list[str] = desks(
        "ada", f"info auth --reviews {options}", is_terminal=True, NO_COLOR="1", **at
    ).out.splitlines()
    return lines


# rate


def test_a_rating_is_given_changed_and_taken_back(desks: Desks) -> None:
    given_ = desks("grace", f"rate auth 2 --review '{LONG}'")
    changed = desks("grace", "rate auth 4 --review ''")
    both = desks("grace", "info auth --reviews --json").json["data"]["reviews"]
    removed = desks("grace", "rate auth --remove")

    assert given_.out == "✓ rated auth ★★☆☆☆ with a review\n"
    assert changed.out == "✓ rated auth ★★★★☆\n"
    assert (both["count"], both["average"], both["ratings"][0]["review"]) == (1, 4.0, "")
    assert removed.out == "✓ took your rating of auth back\n"
    assert desks("grace", "rate auth --remove").status == 1


def test_stars_given_again_without_words_leave_the_words(desks: Desks) -> None:
    desks("grace", "rate auth 5 --review 'Works.'")

    desks("grace", "rate auth 3")

    [kept] = desks("grace", "info auth --reviews --json").json["data"]["reviews"]["ratings"]
    assert (kept["rating"], kept["review"]) == (3, "Works.")


def test_the_catalogue_here_has_the_new_average_at_once(desks: Desks) -> None:
    desks("grace", "rate auth 3")

    assert desks("grace", "info auth --json --offline").json["data"]["plugin"]["rating"] == 3.0


def test_a_review_comes_through_stdin(desks: Desks) -> None:
    desks("grace", "rate auth 5 --review -", answer="Fine.\n\nReally.\n")

    found = desks("grace", "info auth --reviews --json").json["data"]["reviews"]
    assert found["ratings"][0]["review"] == "Fine.\n\nReally."


@pytest.mark.parametrize(
    "line", ["rate auth", "rate auth 0", "rate auth 6", "rate auth five", "rate auth 5 --remove", "rate"]
)
def test_a_rating_is_1_to_5_stars(desks: Desks, line: str) -> None:
    assert desks("grace", line).status == 2


@pytest.mark.parametrize(
    ("user", "line", "status", "title"),
    [
        ("ada", "rate auth 5", 1, "`auth` is yours"),
        ("stranger", "rate auth 5", 3, "this needs a token"),
        ("grace", "rate nothing 5", 1, "there is no plugin `nothing`"),
        ("grace", "rate ../auth 5", 1, "`../auth` is not a plugin name"),
        (
            "grace",
            f"rate auth 5 --review {'x' * 4001}",
            1,
            "a review has at most 4000 characters",
        ),
    ],
)
def test_a_rating_that_cannot_be_is_refused_in_a_sentence(
    desks: Desks, user: str, line: str, status: int, title: str
) -> None:
    done = desks(user, line)

    assert done.status == status
    assert done.err.splitlines()[0].startswith(f"error: {title}")


def test_bytes_that_are_no_text_are_no_bug(desks: Desks) -> None:
    done = desks("grace", "rate auth 5 --review -", answer="caf\udce9")

    assert done.status == 1
    assert done.err.startswith("error: what you wrote has bytes that are no text\n")


def test_too_many_ratings_end_with_3_and_say_when(cli: Callable[..., Any], tmp_path: Path) -> None:
    with open_desks(cli, tmp_path, limits=RateLimits()) as desks:
        desks.log_in("grace")
        for _ in range(40):
            done = desks("grace", "rate auth 5 --json")
            if done.status:
                break

    assert done.status == 3
    assert done.json["problem"]["code"] == "rate-limited"
    assert done.json["problem"]["extra"]["retryAfter"] > 0
    assert "hint: try again in " in done.err


# review


def test_a_review_is_commended_answered_and_reported(desks: Desks) -> None:
    desks("grace", f"rate auth 4 --review '{LONG}'")

    lines = [
        "review helpful auth grace",
        "review reply auth grace 'Mended in 1.1.0.'",
        "review report auth grace --reason advertising",
    ]
    assert [desks("ada", line).status for line in lines] == [0, 0, 0]

    rating = desks("ada", "info auth --reviews --json").json["data"]["reviews"]["ratings"][0]
    assert (rating["helpful"], rating["reply"], rating["repliedBy"]) == (1, "Mended in 1.1.0.", "ada")
    assert [(each.author, each.reason) for each in reviews.list_reports(desks.registry, OPERATOR)] == [
        ("grace", "advertising")
    ]


def test_commending_and_answering_are_taken_back(desks: Desks) -> None:
    desks("grace", "rate auth 4 --review Fine.")
    desks("ada", "review helpful auth grace")
    desks("ada", "review reply auth grace -", answer="Thanks.\n")

    assert desks("ada", "review helpful auth grace --undo").status == 0
    assert desks("ada", "review reply auth grace --remove").status == 0
    rating = desks("ada", "info auth --reviews --json").json["data"]["reviews"]["ratings"][0]
    assert (rating["helpful"], rating["reply"]) == (0, "")


@pytest.mark.parametrize(
    ("user", "line", "status"),
    [
        ("grace", "review helpful auth grace", 1),
        ("grace", "review reply auth grace 'so there'", 3),
        ("ada", "review helpful auth nobody", 1),
        ("ada", "review helpful auth ../x", 1),
        ("ada", "review reply auth grace", 2),
        ("ada", "review reply auth grace text --remove", 2),
    ],
)
def test_what_cannot_be_said_of_a_review(desks: Desks, user: str, line: str, status: int) -> None:
    desks("grace", "rate auth 4 --review Fine.")

    assert desks(user, line).status == status


# info --reviews


def test_reviews_are_wrapped_with_a_bar_for_each_star(desks: Desks) -> None:
    rate_as(desks, "grace", 4, LONG)
    rate_as(desks, "root", 5)
    desks("ada", "review reply auth grace 'Mended in 1.1.0.'")
    day = f"{datetime.now(UTC):%Y-%m-%d}"

    lines = shown(desks, "--sort lowest", width=60)

    assert lines == [
        "auth  4.5 of 5, 2 ratings",
        "  5 ★ ████████████████████████ 1",
        "  4 ★ ████████████████████████ 1",
        "  3 ★                          0",
        "  2 ★                          0",
        "  1 ★                          0",
        "",
        f"★★★★☆  grace  {day}",
        "    It loses the session whenever the clock of the server",
        "    goes back, which ours does every autumn.",
        "    ada answers:",
        "        Mended in 1.1.0.",
        "",
        f"★★★★★  root  {day}",
    ]


def test_in_a_pipe_a_review_is_one_record(desks: Desks) -> None:
    rate_as(desks, "grace", 4, "Fine.\nReally.")

    done = desks("ada", "info auth --reviews")

    assert done.out.count("\n") == 1
    author, stars, _, helpful, review, reply = done.out.rstrip("\n").split("\t")
    assert (author, stars, helpful, review, reply) == ("grace", "4", "0", "Fine. Really.", "")


def test_a_hidden_review_shows_why_and_nothing_else(desks: Desks) -> None:
    rate_as(desks, "grace", 1, "buy my things")
    reviews.hide(desks.registry, OPERATOR, "auth", "grace", reason="advertising")

    lines = shown(desks)

    assert lines[0] == "auth  no ratings yet"
    assert lines[-1] == "    hidden by an admin: advertising"
    assert "buy my things" not in "\n".join(lines)


def test_a_plugin_without_ratings_says_how_to_give_one(desks: Desks) -> None:
    done = desks("ada", "info auth --reviews", is_terminal=True, NO_COLOR="1")

    assert done.out == "auth  no ratings yet\n"
    assert done.err == "hint: donkeytui rate auth 5\n"


def test_a_hostile_review_cannot_address_the_terminal(desks: Desks) -> None:
    rate_as(desks, "grace", 1, "Bad.")
    with desks.registry.database.write() as connection:  # as a registry that is not ours might have it
        connection.execute("UPDATE ratings SET review = ?", ("\x1b]52;c;ZXZpbA==\x07\u202eabc\x9b31m",))

    for options in ({"is_terminal": True}, {}):
        out = desks("ada", "info auth --reviews", NO_COLOR="1", **options).out

        assert not any(sign in out for sign in "\x1b\x07\u202e\x9b")


@pytest.mark.parametrize(
    "line", ["info auth --reviews --readme", "info auth --sort recent", "info auth --page 2"]
)
def test_options_of_reviews_go_with_reviews(desks: Desks, line: str) -> None:
    assert desks("ada", line).status == 2


def test_reviews_offline_are_a_sentence(desks: Desks) -> None:
    done = desks("ada", "info auth --reviews --offline")

    assert done.status == 3
    assert done.err.startswith("error: this needs the registry, and the session is offline\n")


@given(st.text(max_size=200) | st.text("ab漢 \n", max_size=200), st.integers(2, 30))
def test_wrapped_text_fits_and_loses_no_word(text: str, width: int) -> None:
    lines = wrapped(text, width)

    assert all(cell_width(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(clean(text, multiline=True).split())


@pytest.mark.parametrize(
    ("stars", "expected"), [(1, "★☆☆☆☆"), (5, "★★★★★"), (0, "☆☆☆☆☆"), (10**30, "★★★★★"), (-3, "☆☆☆☆☆")]
)
def test_stars_are_five_whatever_a_registry_says(stars: int, expected: str) -> None:
    assert stars_text(stars, is_ascii=False) == expected
    assert len(stars_text(stars, is_ascii=True)) == 3


# stats


def day(ago: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=ago):%Y-%m-%d}"


@pytest.fixture
def downloaded(desks: Desks) -> Desks:
    """`auth` was downloaded yesterday, ten and forty days ago."""
    add_downloads(desks.registry, "auth", "1.0.0", {day(40): 1000, day(10): 5})
    add_downloads(desks.registry, "auth", "1.1.0", {day(1): 20})
    return desks


def test_the_registry_in_a_pipe(downloaded: Desks) -> None:
    records = [line.split("\t") for line in downloaded("ada", "stats").out.splitlines()]

    assert records[:4] == [["plugins", "1"], ["releases", "2"], ["downloads", "1025"], ["ratings", "0"]]
    counts = [int(record[2]) for record in records if record[0] == "day"]
    assert len(counts) == 30
    assert sorted(counts) == [*[0] * 28, 5, 20]
    assert records[-1] == ["most-downloaded", "auth", "20"]


def test_the_registry_on_a_terminal(downloaded: Desks) -> None:
    lines = downloaded("ada", "stats", is_terminal=True, NO_COLOR="1").out.splitlines()

    assert lines[0] == "1 plugin, 2 releases, 1,025 downloads, 0 ratings"
    assert lines[2] == "downloads a day, the last 30 days"
    assert lines[3].startswith("20 ┤")
    assert lines[-1] == "  auth  ████████████████████████ 20"


def test_a_plugin_shows_its_versions_to_its_owners_only(downloaded: Desks) -> None:
    own = downloaded("ada", "stats auth --json").json["data"]
    others = downloaded("grace", "stats auth --json").json["data"]
    strangers = downloaded("stranger", "stats auth --json").json["data"]

    assert own["versions"] == [
        {"version": "1.0.0", "downloads": 1005},
        {"version": "1.1.0", "downloads": 20},
    ]
    assert others["versions"] == strangers["versions"] == []
    assert others["downloads"] == strangers["downloads"] == 1025


def test_ones_own_plugins(downloaded: Desks) -> None:
    rate_as(downloaded, "grace", 4)

    lines = downloaded("ada", "stats --mine", is_terminal=True, NO_COLOR="1").out.splitlines()
    piped = downloaded("ada", "stats --mine").out.splitlines()

    assert lines[1].split() == ["auth", "1,025", "25", "4.0", "(1)"]
    assert piped[0].split("\t") == ["plugin", "auth", "1.1.0", "1025", "25", "4.0", "1", "", ""]


def test_who_owns_nothing_is_told(downloaded: Desks) -> None:
    done = downloaded("grace", "stats --mine")

    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("no plugin here belongs to grace\n")


@pytest.mark.parametrize(("line", "status"), [("stats auth --mine", 2), ("stats nothing", 1)])
def test_statistics_of_what_is_not(desks: Desks, line: str, status: int) -> None:
    assert desks("ada", line).status == status


def test_ones_own_need_a_login(desks: Desks) -> None:
    assert desks("stranger", "stats --mine").status == 3


def test_where_nothing_was_downloaded_there_is_no_empty_chart(desks: Desks) -> None:
    done = desks("ada", "stats auth", is_terminal=True, NO_COLOR="1")

    assert done.out.splitlines()[-1] == "no downloads in the last 30 days"


def test_the_embedded_registry_has_statistics_and_reviews_too(cli: Callable[..., Any]) -> None:
    figures = cli("stats --json").json["data"]

    assert figures["plugins"] > 5
    assert cli("stats --mine").status == 0
    assert cli("info auth-jwt --reviews").status == 0


@pytest.mark.fresh_home
def test_a_fresh_embedded_registry_has_its_starter_plugins_in_its_statistics(cli: Callable[..., Any]) -> None:
    assert cli("stats --json").json["data"]["plugins"] > 5
