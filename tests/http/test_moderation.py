"""What admins decide: marks, quarantine, held and reserved names. Visible everywhere, never silent."""

from datetime import timedelta
from typing import Any

import pytest

from registry_server.contract.problems import InvalidRequest, ProblemError
from registry_server.operations import moderation
from registry_server.operations.accounts import OPERATOR
from registry_server.operations.naming import POPULAR_DOWNLOADS
from registry_server.operations.statistics import flush_downloads
from registry_server.registry import Registry
from registry_server.store.downloads import DownloadKey
from tests.support.asgi_calls import Api, problem_code
from tests.support.builders import FixedClock, package
from tests.support.town import Town, send

DOWNLOAD = "/api/plugins/auth/1.0.0/download"
REASON = "it sends keys away"


@pytest.fixture
def town(registry: Registry) -> Town:
    return Town(registry)


@pytest.fixture
def ada(town: Town) -> Api:
    """Owns `auth` 1.0.0 and 1.1.0."""
    api = town("ada")
    for version in ("1.0.0", "1.1.0"):
        assert send(api, "auth", version).status_code == 201
    return api


@pytest.fixture
def root(town: Town) -> Api:
    return town("root", is_admin=True)


def document(town: Town, name: str = "auth") -> Any:
    return town.anonymous.get(f"/api/plugins/{name}").json()


def names(town: Town, query: str) -> list[str]:
    return [plugin["name"] for plugin in town.anonymous.get(f"/api/plugins{query}").json()["plugins"]]


# Marks.


def test_a_mark_is_set_and_taken_away_by_itself(town: Town, ada: Api, root: Api) -> None:
    root("PUT", "/api/plugins/auth/flags", json={"verified": True})
    root("PUT", "/api/plugins/auth/flags", json={"featured": True})
    both = document(town)
    root("PUT", "/api/plugins/auth/flags", json={"verified": False})

    assert (both["verified"], both["featured"]) == (True, True)
    assert (document(town)["verified"], document(town)["featured"]) == (False, True)
    assert town.audit()[-1] == ("root", "flag", "auth", "verified: no")
    assert problem_code(root("PUT", "/api/plugins/nothing/flags", json={})) == "plugin-not-found"


# Quarantine.


def test_a_release_in_quarantine_is_seen_by_all_and_had_by_nobody(town: Town, ada: Api, root: Api) -> None:
    answer = root("PUT", "/api/plugins/auth/quarantine", json={"reason": REASON, "version": "1.1.0"})

    assert answer.json() == {"success": True}
    refused = town.anonymous.get("/api/plugins/auth/1.1.0/download")
    assert (refused.status_code, problem_code(refused)) == (403, "quarantined")
    assert refused.json()["detail"] == REASON
    assert refused.headers["cache-control"] == "no-store"
    assert ada.get("/api/plugins/auth/1.1.0/download").status_code == 403
    assert town.anonymous.get("/api/plugins/auth/1.1.0/files/index.ts").status_code == 403
    assert town.anonymous.get(DOWNLOAD).status_code == 200
    newest, older = document(town)["versions"]
    assert (newest["quarantine"], older.get("quarantine", "")) == (REASON, "")
    assert document(town)["latestVersion"] == "1.0.0"
    assert town.audit()[-1] == ("root", "quarantine", "auth 1.1.0", REASON)


def test_an_admin_looks_into_what_nobody_else_gets_and_no_cache_keeps_it(
    town: Town, ada: Api, root: Api
) -> None:
    root("PUT", "/api/plugins/auth/quarantine", json={"reason": REASON})

    for path in (DOWNLOAD, "/api/plugins/auth/1.0.0/files/index.ts"):
        answer = root.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        again = root.get(path, if_none_match=answer.headers["etag"])
        assert (again.status_code, again.headers["cache-control"]) == (304, "no-store")
        stranger = town.anonymous.get(path, if_none_match=answer.headers["etag"])
        assert stranger.status_code == 403


def test_a_plugin_in_quarantine_says_so_everywhere(town: Town, ada: Api, root: Api) -> None:
    root("PUT", "/api/plugins/auth/quarantine", json={"reason": REASON})

    [listed] = town.anonymous.get("/api/plugins").json()["plugins"]
    [found] = town.anonymous.get("/api/plugins?q=auth").json()["plugins"]
    [change] = town.anonymous.get("/api/changes?since=2").json()["changes"]
    [own] = ada.get("/api/session").json()["plugins"]
    [waiting] = root.get("/api/quarantine").json()
    [dashboard] = ada.get("/api/users/ada/stats").json()["plugins"]

    assert document(town)["quarantine"] == REASON
    assert {release["quarantine"] for release in document(town)["versions"]} == {REASON}
    assert listed["quarantined"] is found["quarantined"] is True
    assert change["document"]["quarantine"] == REASON
    assert (own["state"], own["reason"]) == ("quarantined", REASON)
    assert (dashboard["state"], dashboard["reason"]) == ("quarantined", REASON)
    assert waiting == {
        "plugin": "auth",
        "version": "",
        "kind": "quarantined",
        "reason": REASON,
        "owners": ["ada"],
    }


def test_a_lifted_quarantine_leaves_no_trace_but_in_the_audit(town: Town, ada: Api, root: Api) -> None:
    before = document(town)
    root("PUT", "/api/plugins/auth/quarantine", json={"reason": REASON, "version": "1.1.0"})
    root("PUT", "/api/plugins/auth/quarantine", json={"reason": REASON})
    root("DELETE", "/api/plugins/auth/quarantine")
    still = document(town)["versions"][0]["quarantine"]
    root("DELETE", "/api/plugins/auth/quarantine?version=1.1.0")

    assert still == REASON
    assert document(town) == before
    assert root.get("/api/quarantine").json() == []
    assert [entry[1] for entry in town.audit()[-4:]] == ["quarantine"] * 2 + ["quarantine-lift"] * 2


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PUT", "auth/quarantine", {"reason": "   "}, "invalid-request"),
        ("PUT", "auth/quarantine", {"reason": "x" * 501}, "invalid-request"),
        ("PUT", "auth/quarantine", {}, "invalid-request"),
        ("PUT", "auth/quarantine", {"reason": "x", "version": "9.9.9"}, "version-not-found"),
        ("PUT", "nothing/quarantine", {"reason": "x"}, "plugin-not-found"),
        ("DELETE", "auth/quarantine", None, "invalid-request"),
        ("DELETE", "auth/quarantine?version=1.0.0", None, "invalid-request"),
        ("DELETE", "nothing/quarantine", None, "plugin-not-found"),
    ],
)
def test_a_quarantine_that_makes_no_sense_changes_nothing(
    town: Town, ada: Api, root: Api, method: str, path: str, body: dict[str, str] | None, code: str
) -> None:
    before = (document(town), town.audit())

    answer = root(method, f"/api/plugins/{path}", **({"json": body} if body is not None else {}))

    assert problem_code(answer) == code
    assert (document(town), town.audit()) == before


# Names that can be taken for others.


@pytest.fixture
def popular(registry: Registry, town: Town) -> None:
    """`payments` of pia's, which many use."""
    send(town("pia"), "payments")
    registry.downloads._counts[DownloadKey(1, "1.0.0", "2026-03-14")] = POPULAR_DOWNLOADS
    flush_downloads(registry)


@pytest.mark.usefixtures("popular")
def test_a_name_like_a_popular_one_is_held_and_its_author_learns_why(town: Town) -> None:
    ada = town("ada")

    receipt = send(ada, "payment")

    reason = "`payment` can be taken for `payments`, which many use; an admin looks at it first"
    assert (receipt.status_code, receipt.json()["held"]) == (201, reason)
    [own] = ada.get("/api/session").json()["plugins"]
    assert (own["name"], own["state"], own["reason"]) == ("payment", "held", reason)
    assert own["latestVersion"] == "1.0.0"
    [dashboard] = ada.get("/api/users/ada/stats").json()["plugins"]
    assert (dashboard["state"], dashboard["reason"]) == ("held", reason)
    entries = [entry for entry in town.audit() if entry[0] == "ada"]
    assert [(action, subject) for _, action, subject, _ in entries] == [("publish", "payment 1.0.0")]
    assert reason in entries[0][3]


@pytest.mark.usefixtures("popular")
def test_a_dry_run_says_that_a_name_would_be_held(town: Town) -> None:
    files = {"package": ("package.tar.gz", package("payment"))}

    report = town("ada")("POST", "/api/plugins?dryRun=true", files=files).json()

    assert report["success"] is True
    assert "payments" in report["held"]


@pytest.mark.usefixtures("popular")
@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/versions",
        "/owners",
        "/ratings",
        "/stats",
        "/1.0.0/download",
        "/1.0.0/readme",
        "/1.0.0/files",
        "/1.0.0/files/index.ts",
        "/9.9.9/readme",
    ],
)
def test_a_held_plugin_is_not_there_for_anybody_and_says_why(town: Town, root: Api, rest: str) -> None:
    ada = town("ada")
    send(ada, "payment")

    for api in (town.anonymous, ada, root):
        answer = api.get(f"/api/plugins/payment{rest}")
        assert (answer.status_code, problem_code(answer)) == (404, "plugin-held")
        assert answer.headers["cache-control"] == "no-store"
        assert "can be taken for `payments`" in answer.json()["detail"]


@pytest.mark.usefixtures("popular")
def test_a_held_plugin_is_in_no_list_no_search_no_feed_and_no_page(town: Town, root: Api) -> None:
    before = town.anonymous.get("/api/snapshot").json()
    paths = (
        "/api/plugins?facets=category,tag",
        "/api/plugins?q=payment&facets=category,tag",
        "/api/plugins?author=ada%20lovelace",
        "/api/plugins/paymen",
        "/api/categories",
        "/api/changes",
        "/api/users/ada/stats",
        "/",
        "/plugins",
        "/plugins?q=payment",
    )

    send(town("ada"), "payment", description="Moves coins.", categories=["coins"], tags=["coins"])

    for path in paths:
        assert "coins" not in town.anonymous.get(path).text
    assert names(town, "?sort=name") == names(town, "?q=payment") == ["payments"]
    assert town.anonymous.get("/api/plugins/paymen").json()["detail"] == "near it: payments"
    assert town.anonymous.get("/api/snapshot").json() == before
    [waiting] = root.get("/api/quarantine").json()
    assert (waiting["plugin"], waiting["kind"], waiting["owners"]) == ("payment", "held", ["ada"])


@pytest.mark.usefixtures("popular")
def test_a_held_plugin_cannot_be_rated_but_its_owner_goes_on_publishing(town: Town) -> None:
    ada = town("ada")
    send(ada, "payment")

    rated = town("bob")("POST", "/api/plugins/payment/ratings", json={"rating": 5})
    further = send(ada, "payment", "1.1.0")

    assert problem_code(rated) == "plugin-held"
    assert (further.status_code, bool(further.json()["held"])) == (201, True)
    assert town.anonymous.get("/api/plugins/payment").status_code == 404


@pytest.mark.usefixtures("popular")
def test_a_name_that_an_admin_lets_pass_is_there_for_all(town: Town, root: Api, clock: FixedClock) -> None:
    ada = town("ada")
    send(ada, "payment")
    clock.now += timedelta(hours=1)

    answer = root("DELETE", "/api/plugins/payment/quarantine")

    assert answer.json() == {"success": True}
    assert town.anonymous.get("/api/plugins/payment/1.0.0/download").content == package("payment")
    assert names(town, "?sort=name") == ["payment", "payments"]
    assert town.anonymous.get("/api/changes?since=1").json()["changes"][-1]["name"] == "payment"
    assert ada.get("/api/session").json()["plugins"][0]["state"] == ""
    assert root.get("/api/quarantine").json() == []
    assert town.audit()[-1] == ("root", "name-pass", "payment", "")
    assert send(ada, "payment", "1.1.0").json()["held"] == ""


@pytest.mark.usefixtures("popular")
def test_who_owns_the_popular_one_or_is_an_admin_is_not_held(town: Town, root: Api) -> None:
    assert send(town("pia"), "payment").json()["held"] == ""
    assert send(root, "paymnets").json()["held"] == ""


def test_nobody_is_taken_for_what_nobody_knows(town: Town) -> None:
    send(town("pia"), "payments")

    assert send(town("ada"), "payment").json()["held"] == ""


# Names that are reserved.


@pytest.mark.parametrize("name", ["donkeylabs", "server", "npm", "con", "com1", "undefined", "test"])
def test_a_reserved_name_is_given_away_by_admins_only(town: Town, root: Api, name: str) -> None:
    refused = send(town("ada"), name)

    assert (refused.status_code, problem_code(refused)) == (409, "name-reserved")
    assert refused.json()["detail"]
    assert town.audit() == []
    assert send(root, name).status_code == 201


def test_an_admin_reserves_a_name_with_its_look_alikes_and_frees_it(
    town: Town, root: Api, registry: Registry
) -> None:
    ada = town("ada")
    moderation.reserve_name(registry, OPERATOR, "acme-pay", "a trade mark")

    refused = send(ada, "acmepay")
    reserved = moderation.list_reserved(registry)
    moderation.free_name(registry, OPERATOR, "acmePay")

    assert (problem_code(refused), refused.json()["detail"]) == ("name-reserved", "a trade mark")
    assert reserved == [("acme-pay", "a trade mark")]
    assert send(ada, "acmepay").status_code == 201
    with pytest.raises(InvalidRequest, match="not reserved"):
        moderation.free_name(registry, OPERATOR, "acme-pay")
    with pytest.raises(ProblemError, match="not a plugin name"):
        moderation.reserve_name(registry, OPERATOR, "Not A Name", "")


# The audit log.


def test_the_audit_is_read_in_pages_and_by_subject_and_actor(
    town: Town, ada: Api, root: Api, registry: Registry
) -> None:
    for number in range(101):
        moderation.reserve_name(registry, OPERATOR, f"kept-{number}", "")
    newest = root.get("/api/audit").json()

    older = root.get(f"/api/audit?before={newest[-1]['id']}").json()

    assert len(newest) == 100
    assert {entry["id"] for entry in newest} & {entry["id"] for entry in older} == set()
    assert newest[0]["id"] - newest[-1]["id"] == 99
    by_ada = root.get("/api/audit?actor=ada").json()
    assert [(entry["subject"], entry["action"]) for entry in by_ada] == [
        ("auth 1.1.0", "publish"),
        ("auth 1.0.0", "publish"),
    ]
    assert [entry["actor"] for entry in root.get("/api/audit?subject=kept-7").json()] == ["operator"]


@pytest.mark.parametrize("before", ["0", "-1", "9007199254740992", "9" * 30, "-" + "9" * 30, "x", "null", ""])
def test_a_place_in_the_audit_that_cannot_be_is_refused(town: Town, root: Api, before: str) -> None:
    assert problem_code(root.get(f"/api/audit?before={before}")) == "invalid-request"


# What is counted.


def test_downloads_are_counted_by_day_and_version(
    town: Town, ada: Api, registry: Registry, clock: FixedClock
) -> None:
    town.anonymous.get(DOWNLOAD)
    clock.now += timedelta(days=1)
    for path in (DOWNLOAD, "/api/plugins/auth/1.1.0/download", "/api/plugins/auth/1.1.0/download"):
        town.anonymous.get(path)
    flush_downloads(registry)

    seen, own = town.anonymous.get("/api/plugins/auth/stats"), ada.get("/api/plugins/auth/stats")

    days = [{"day": "2026-03-14", "downloads": 1}, {"day": "2026-03-15", "downloads": 3}]
    assert seen.json() == {"name": "auth", "downloads": 4, "days": days, "versions": []}
    assert own.json()["versions"] == [
        {"version": "1.0.0", "downloads": 2},
        {"version": "1.1.0", "downloads": 2},
    ]
    assert seen.headers["vary"] == own.headers["vary"] == "Authorization"
    assert seen.headers["etag"] != own.headers["etag"]
    dashboard = ada.get("/api/users/ada/stats").json()
    assert (dashboard["days"], dashboard["plugins"][0]["recentDownloads"]) == (days, 4)


def test_series_end_where_they_say(town: Town, ada: Api, registry: Registry, clock: FixedClock) -> None:
    today = clock.now
    for ago in (364, 365, 89, 90, 29, 30, 6, 7):
        registry.downloads.add(DownloadKey(1, "1.0.0", f"{today - timedelta(days=ago):%Y-%m-%d}"))
    flush_downloads(registry)

    whole = town.anonymous.get("/api/stats").json()
    plugin = town.anonymous.get("/api/plugins/auth/stats").json()
    author = town.anonymous.get("/api/users/ada/stats").json()

    assert (whole["downloads"], len(whole["days"])) == (8, 5)
    assert whole["mostDownloaded"] == [{"name": "auth", "downloads": 1}]
    assert (plugin["downloads"], len(plugin["days"])) == (8, 7)
    assert (author["plugins"][0]["recentDownloads"], len(author["days"])) == (3, 5)


def test_a_user_without_plugins_has_no_downloads_of_others(town: Town, ada: Api, registry: Registry) -> None:
    town("bob")
    town.anonymous.get(DOWNLOAD)
    flush_downloads(registry)

    assert town.anonymous.get("/api/users/bob/stats").json() == {"user": "bob", "plugins": [], "days": []}
    assert problem_code(town.anonymous.get("/api/users/nobody/stats")) == "user-not-found"
