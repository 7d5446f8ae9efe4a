"""The pages for people without a terminal: what they show, and that nothing foreign comes alive in them."""

import json
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from registry_server.contract.account_wire import Flags, QuarantineRequest
from registry_server.contract.review_wire import RatingRequest
from registry_server.contract.routes import PAGE_LIMIT_MAX
from registry_server.contract.wire import Deprecation, PluginUpdate
from registry_server.http.app import build_app
from registry_server.operations import lifecycle, moderation, reviews, users
from registry_server.operations.accounts import Caller
from registry_server.operations.statistics import flush_downloads
from registry_server.registry import Registry
from registry_server.store import accounts
from tests.support.asgi_calls import Api
from tests.support.builders import FixedClock, plugin_files

Publish = Callable[..., Any]

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "\"'><img src=x onerror=alert(1)>"

README = """
# Title with <script>alert(1)</script>

<script>alert(2)</script>
<img src=x onerror=alert(3)>
<a href="javascript:alert(4)" onclick="alert(5)">raw</a>
<style>body { display: none }</style>
<iframe src="//elsewhere.example"></iframe>

[one](javascript:alert(6)) [two](JaVaScRiPt:alert(7)) [three](  javascript:alert(8) )
[four](vbscript:x) [five](data:text/html;base64,PHNjcmlwdD4=) [six](&#106;avascript:alert(9))
![seven](javascript:alert(10)) <javascript:alert(11)>
[eight](https://a.example/"onmouseover="alert(12)) [nine][ref]

[ref]: javascript:alert(13) "t"

`<script>alert(14)</script>`

    <script>alert(15)</script>

```html"onload="alert(16)
<script>alert(17)</script>
```

| a<script> | b |
|-----------|---|
| <svg onload=alert(18)> | c |

[kept](https://kept.example/page)
"""


class Page(HTMLParser):
    """What a browser would make of a page: tags with their attributes, links, and the text."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]


ALIVE = {"script", "iframe", "object", "embed", "style", "base", "math", "template"}
CHART = {
    "svg": {"class", "role", "aria-label", "viewbox", "preserveaspectratio"},
    "rect": {"class", "x", "y", "width", "height"},
}
"""What our own drawing is made of: no address, no style."""


def assert_harmless(answer: httpx.Response) -> Page:
    """No tag that runs or loads code, no handler, no address but of the web and of this site."""
    page = Page(answer)
    assert "<script" not in answer.text.lower()
    assert not ALIVE & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert attributes.keys() <= CHART.get(tag, attributes.keys()), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (
            tag,
            attributes,
        )
        for name in ("href", "src", "action"):
            address = attributes.get(name, "/")
            assert address.startswith(("/", "?", "https://", "http://")), (tag, attributes)
            assert not address.startswith("//"), (tag, attributes)
    return page


@pytest.fixture
def api(registry: Registry) -> Api:
    return Api(build_app(registry, is_local=False))


# What they show.


def test_the_start_page_of_an_empty_registry_says_what_to_do(api: Api) -> None:
    answer = api.get("/")

    assert answer.status_code == 200
    assert "Nothing is published yet" in assert_harmless(answer).text


def test_the_start_page_shows_categories_popular_and_recent_plugins(
    api: Api, registry: Registry, publish: Publish
) -> None:
    publish("auth", categories=["security"], displayName="Authentication")
    publish("mail")
    api.get("/api/plugins/mail/1.0.0/download")
    flush_downloads(registry)

    page = assert_harmless(api.get("/"))

    assert "2 plugins, 2 releases" in page.text
    assert {"/categories/security", "/plugins/auth", "/plugins/mail"} <= set(page.links)
    assert (
        page.text.index("Popular") < page.text.index("Recently updated") < page.text.index("Authentication")
    )
    assert page.links.count("/plugins/mail") == 2


def test_the_list_shows_what_a_search_finds_and_keeps_the_words(api: Api, publish: Publish) -> None:
    publish("auth")
    publish("mail")

    page = assert_harmless(api.get("/plugins?q=auth"))

    assert "/plugins/auth" in page.links
    assert "/plugins/mail" not in page.links
    assert [attributes["value"] for tag, attributes in page.tags if tag == "input"] == ["auth"]
    assert "1 found" in page.text


def test_a_search_without_hits_says_so(api: Api, publish: Publish) -> None:
    publish("auth")

    assert "Nothing fits" in assert_harmless(api.get("/plugins?q=telegraphy")).text


def test_the_list_leads_from_page_to_page(api: Api, publish: Publish) -> None:
    for number in range(21):
        publish(f"plugin{number}")

    first = assert_harmless(api.get("/plugins"))
    [following] = [link for link in first.links if link.startswith("?")]
    second = assert_harmless(api.get(f"/plugins{following}"))

    shown = [link for page in (first, second) for link in page.links if link.startswith("/plugins/")]
    assert len(shown) == len(set(shown)) == 21
    assert "page 2 of 2" in second.text
    assert not [link for link in second.links if link.startswith("?")]


def test_a_plugin_shows_its_readme_needs_and_releases(api: Api, publish: Publish) -> None:
    publish("auth", "1.0.0")
    publish(
        "auth",
        "1.1.0",
        needs={"users": "^2.0.0"},
        npm={"jose": "^5.0.0"},
        extra={"README.md": "# Heading\n\nSome *words*.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"},
    )

    answer = api.get("/plugins/auth")

    page = assert_harmless(answer)
    assert "<h1>Heading</h1>" in answer.text
    assert "<em>words</em>" in answer.text
    assert "<td>1</td>" in answer.text
    assert "donkeytui install auth" in page.text
    assert "users@^2.0.0" in page.text
    assert "jose@^5.0.0" in page.text
    assert [link for link in page.links if link.startswith("/api/")] == [
        "/api/plugins/auth/1.1.0/download",
        "/api/plugins/auth/1.0.0/download",
    ]


def test_a_plugin_shows_what_it_touches_and_the_next_steps(api: Api, publish: Publish) -> None:
    manifest = {
        "envVars": ["JWT_SECRET"],
        "instructions": [f"Make a secret. {SCRIPT}"],
        "copy": [{"from": "index.ts", "to": "src/'.ts"}],
    }
    publish(
        "auth",
        hooks={"postinstall": f"echo {BREAKOUT}"},
        extra={
            "manifest.json": json.dumps(manifest),
            "client.ts": "await fetch(process.env.URL);\n",
            "migrations/001_create.ts": "export async function up() {}\n",
        },
    )

    page = assert_harmless(api.get("/plugins/auth"))

    assert "Its code reaches: environment, network" in page.text
    assert "Environment variables: JWT_SECRET" in page.text
    assert "Migrations: 001_create.ts" in page.text
    assert "Copies index.ts to src/'.ts" in page.text
    assert f"Asks to run after installation: echo {BREAKOUT}" in page.text
    assert f"Make a secret. {SCRIPT}" in page.text


def test_a_plugin_that_touches_nothing_has_no_such_part(api: Api, publish: Publish) -> None:
    publish("auth", extra={"manifest.json": json.dumps({"instructions": ["Look around."]})})

    page = assert_harmless(api.get("/plugins/auth"))

    assert "What it touches" not in page.text
    assert "Look around." in page.text


def test_a_plugin_without_a_readme_has_a_page(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth", extra={"README.md": ""})

    assert api.get("/plugins/auth").status_code == 200


def test_a_plugin_all_withdrawn_says_so(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    lifecycle.yank(registry, owner, "auth", "1.0.0", reason=f"loses sessions {SCRIPT}")
    deprecation = Deprecation(message=f"use passport {SCRIPT}")
    lifecycle.update_plugin(registry, owner, "auth", PluginUpdate(deprecation=deprecation))

    page = assert_harmless(api.get("/plugins/auth"))

    assert f"Yanked: loses sessions {SCRIPT}" in page.text
    assert f"Deprecated: use passport {SCRIPT}" in page.text


# What an operator took out of circulation, and what people say of a plugin.


def ban(registry: Registry, owner: Caller, name: str, version: str = "") -> None:
    request = QuarantineRequest(reason=f"sends keys away {SCRIPT}", version=version)
    moderation.quarantine(registry, owner, name, request)


def test_a_plugin_in_quarantine_says_why_and_offers_no_way_to_get_it(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    ban(registry, owner, "auth")

    page = assert_harmless(api.get("/plugins/auth"))

    assert "✗ Quarantined." in page.text
    assert f"this plugin out of circulation, and nobody can install it: sends keys away {SCRIPT}" in page.text
    assert "donkeytui install" not in page.text
    assert not [link for link in page.links if link.endswith("/download")]


def test_one_release_in_quarantine_is_marked_among_the_others(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth", "1.0.0")
    publish("auth", "1.1.0")
    ban(registry, owner, "auth", "1.1.0")

    page = assert_harmless(api.get("/plugins/auth"))

    assert "Quarantined." not in page.text
    assert f"✗ quarantined: sends keys away {SCRIPT}" in page.text
    assert "donkeytui install auth" in page.text
    assert [link for link in page.links if link.endswith("/download")] == ["/api/plugins/auth/1.0.0/download"]


def test_the_only_release_in_quarantine_has_a_banner_of_its_own(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    ban(registry, owner, "auth", "1.0.0")

    assert "took release 1.0.0 out of circulation" in assert_harmless(api.get("/plugins/auth")).text


def test_lists_say_quarantined_verified_and_featured_in_words(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    publish("mail")
    moderation.set_flags(registry, owner, "mail", Flags(verified=True, featured=True))
    ban(registry, owner, "auth")

    for path in ("/plugins", "/plugins?q=plugin", "/users/Ada%20Lovelace", "/"):
        text = assert_harmless(api.get(path)).text

        assert "✗ quarantined" in text, path
        assert "deprecated" not in text, path
        assert "✓ verified" in text, path
        assert "★ featured" in text, path


def test_the_start_page_recommends_what_is_featured_however_old_but_nothing_in_quarantine(
    api: Api, registry: Registry, owner: Caller, clock: FixedClock, publish: Publish
) -> None:
    for name in ("auth", "mail"):
        publish(name)
        moderation.set_flags(registry, owner, name, Flags(featured=True))
        api.get(f"/api/plugins/{name}/1.0.0/download")
    flush_downloads(registry)
    clock.now += timedelta(days=1)
    for number in range(8):
        publish(f"plugin{number}")
    ban(registry, owner, "auth")
    clock.now += timedelta(days=1)
    publish("newest")

    text = assert_harmless(api.get("/")).text

    featured = text[text.index("Featured") : text.index("Popular")]
    popular = text[text.index("Popular") : text.index("Recently updated")]
    assert ("mail" in featured, "auth" in featured) == (True, False)
    assert ("mail" in popular, "auth" in popular) == (True, False)


def reviewer(registry: Registry, name: str) -> Caller:
    user = users.create_user(registry, name, password="correct horse battery")
    return Caller(user=user, scopes=frozenset({"rate"}), pattern="*")


def test_reviews_are_shown_with_answers_and_those_hidden_with_the_reason(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    said = {"grace": f"It works. {SCRIPT}", "bob": "BUY CHEAP THINGS", "linus": ""}
    for name, text in said.items():
        reviews.rate(registry, reviewer(registry, name), "auth", RatingRequest(rating=4, review=text))
    reviews.answer(registry, owner, "auth", "grace", reply=f"Thank you. {BREAKOUT}")
    reviews.hide(registry, owner, "auth", "bob", reason=f"advertising {SCRIPT}")

    page = assert_harmless(api.get("/plugins/auth"))

    assert "4.0 of 5, from 2 ratings" in page.text
    assert f"It works. {SCRIPT}" in page.text
    assert f"Thank you. {BREAKOUT}" in page.text
    assert f"✗ Hidden by an admin: advertising {SCRIPT}" in page.text
    assert "CHEAP" not in page.text
    assert "/users/linus" not in page.links
    assert page.text.index("grace") < page.text.index("bob")


def test_more_reviews_than_fit_are_on_further_pages(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    for number in range(PAGE_LIMIT_MAX + 1):
        with registry.database.write() as connection:
            user = accounts.ensure_user(connection, f"user{number}", is_admin=False, now=registry.clock())
        caller = Caller(user=user, scopes=frozenset({"rate"}), pattern="*")
        reviews.rate(registry, caller, "auth", RatingRequest(rating=5, review=f"Said by {number}."))

    first = assert_harmless(api.get("/plugins/auth"))
    [following] = [link for link in first.links if link.startswith("?")]
    second = assert_harmless(api.get(f"/plugins/auth{following.partition('#')[0]}"))

    assert first.text.count("Said by") == PAGE_LIMIT_MAX
    assert second.text.count("Said by") == 1
    assert "More reviews" not in second.text


def test_downloads_are_drawn_by_the_day_and_told_in_words(
    api: Api, registry: Registry, clock: FixedClock, publish: Publish
) -> None:
    publish("auth")
    assert "svg" not in api.get("/plugins/auth").text
    for days_later, times in ((0, 1), (3, 4), (1, 2)):
        clock.now += timedelta(days=days_later)
        for _ in range(times):
            api.get("/api/plugins/auth/1.0.0/download")
        flush_downloads(registry)

    page = assert_harmless(api.get("/plugins/auth"))

    bars = [attributes for tag, attributes in page.tags if tag == "rect" and "class" not in attributes]
    assert [(bar["x"], bar["y"], bar["height"]) for bar in bars] == [
        ("85", "45", "15"),
        ("88", "0", "60"),
        ("89", "30", "30"),
    ]
    assert "7 downloads in the last 90 days, most on 2026-03-17: 4" in page.text


def test_downloads_of_long_ago_are_not_drawn(
    api: Api, registry: Registry, clock: FixedClock, publish: Publish
) -> None:
    publish("auth")
    api.get("/api/plugins/auth/1.0.0/download")
    flush_downloads(registry)
    clock.now += timedelta(days=90)

    page = assert_harmless(api.get("/plugins/auth"))
    assert "1 download" in page.text
    assert "svg" not in {tag for tag, _ in page.tags}


def test_the_page_of_an_account_counts_what_it_owns(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    publish("mail")
    api.get("/api/plugins/auth/1.0.0/download")
    flush_downloads(registry)
    ban(registry, owner, "mail")

    page = assert_harmless(api.get(f"/users/{owner.user.name}"))

    assert "owns 2 plugins, with 1 download, 1 of them in the last 30 days" in page.text
    assert f"✗ quarantined: sends keys away {SCRIPT}" in page.text
    assert "Nothing fits" not in page.text
    assert "1 download in the last 90 days" in page.text


def test_categories_and_users_have_pages(api: Api, publish: Publish) -> None:
    publish("auth", categories=["security"])
    publish("mail", categories=["email"])

    category = assert_harmless(api.get("/categories/security"))
    user = assert_harmless(api.get("/users/Ada%20Lovelace"))

    assert [link for link in category.links if link.startswith("/plugins/")] == ["/plugins/auth"]
    assert {"/plugins/auth", "/plugins/mail"} <= set(user.links)
    assert "Plugins by Ada Lovelace" in user.text
    assert "/users/Ada%20Lovelace" in user.links


@pytest.mark.parametrize("path", ["/categories/nothing", "/users/nobody", "/plugins?page=500"])
def test_a_list_of_nothing_is_a_page(api: Api, publish: Publish, path: str) -> None:
    publish("auth")

    answer = api.get(path)

    assert answer.status_code == 200
    assert "Nothing fits" in Page(answer).text


def test_an_unknown_plugin_is_a_404_page_that_names_the_nearest(api: Api, publish: Publish) -> None:
    publish("auth-jwt")

    answer = api.get("/plugins/auth-jvt")

    page = assert_harmless(answer)
    assert answer.status_code == 404
    assert "there is no plugin `auth-jvt`" in page.text
    assert "near it: auth-jwt" in page.text


def test_a_page_that_cannot_be_made_tells_nothing_of_the_fault(
    api: Api, registry: Registry, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    publish("auth")
    with registry.database.write() as connection:
        connection.execute("UPDATE plugins SET document = x'7b73', summary = x'7b73'")

    for path in ("/plugins/auth", "/plugins"):
        answer = api.get(path)

        assert answer.status_code == 500
        assert "the registry made a mistake" in Page(answer).text
        assert "JSON" not in answer.text
    faults = [record for record in caplog.records if record.name == "registry_server.http.problems"]
    assert len(faults) == 2


@pytest.mark.parametrize("page", ["0", "10001", "99999"])
def test_a_page_number_out_of_bounds_is_a_422_page(api: Api, page: str) -> None:
    assert api.get(f"/plugins?page={page}").status_code == 422


@pytest.mark.parametrize("page", ["", "x", "-1", "1.5", "%D9%A3", "9" * 5000])
def test_a_page_number_that_is_none_means_the_first(api: Api, publish: Publish, page: str) -> None:
    publish("auth")

    answer = api.get(f"/plugins?page={page}")

    assert "/plugins/auth" in Page(answer).links


def test_a_user_without_a_name_is_a_404_page(api: Api) -> None:
    answer = api.get("/users/")

    assert answer.status_code == 404
    assert "this address names no user" in assert_harmless(answer).text


def test_the_style_sheet_is_served_from_this_site(api: Api) -> None:
    answer = api.get("/static/style.css")

    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "http" not in answer.text
    assert [attributes["href"] for tag, attributes in Page(api.get("/")).tags if tag == "link"] == [
        "/static/style.css"
    ]


# What foreign text cannot do.


@pytest.mark.parametrize(
    "evil", [SCRIPT, BREAKOUT, "{{ 7 * 7 }}{% raw %}", "&lt;script&gt;", "</title></style>"]
)
def test_metadata_is_shown_as_it_was_written(api: Api, publish: Publish, evil: str) -> None:
    publish("auth", description=f"about {evil}", displayName=f"shown {evil}"[:80], categories=["security"])

    for path in ("/", "/plugins", "/plugins?q=auth", "/plugins/auth", "/categories/security"):
        page = assert_harmless(api.get(path))
        assert f"about {evil}" in page.text, path
        assert f"shown {evil}" in page.text, path
        assert "alert(1)" not in {value for _, attributes in page.tags for value in attributes.values()}


@pytest.mark.parametrize(
    "author", [SCRIPT, BREAKOUT, "javascript:alert(1)", "../../admin", "//elsewhere.example"]
)
def test_an_author_is_a_name_and_never_an_address(api: Api, publish: Publish, author: str) -> None:
    manifest = {**json.loads(plugin_files("auth")["package.json"]), "author": {"name": author}}
    publish("auth", extra={"package.json": json.dumps(manifest)})

    for path in ("/plugins", "/plugins/auth"):
        page = assert_harmless(api.get(path))
        assert author in page.text
        [link] = [link for link in page.links if link.startswith("/users/")]
        assert "/" not in link.removeprefix("/users/")
        assert "/plugins/auth" in assert_harmless(api.get(link)).links


def test_a_readme_is_text_with_markup_and_nothing_else(api: Api, publish: Publish) -> None:
    publish("auth", extra={"README.md": README})

    answer = api.get("/plugins/auth")

    page = assert_harmless(answer)
    assert "https://kept.example/page" in page.links
    assert "alert(2)" in page.text
    assert not [link for link in page.links if "alert" in link and not link.startswith("https://a.example/")]


@pytest.mark.parametrize(
    "path",
    [
        "/plugins?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/plugins?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/plugins/%3Cscript%3Ealert(1)",
        "/categories/%3Cscript%3Ealert(1)",
        "/users/%3Cscript%3Ealert(1)",
    ],
)
def test_what_the_address_says_is_escaped(api: Api, publish: Publish, path: str) -> None:
    publish("auth")

    assert_harmless(api.get(path))


def test_what_the_address_says_is_escaped_in_the_link_to_the_next_page(api: Api, publish: Publish) -> None:
    for number in range(21):
        publish(f"plugin{number}")

    page = assert_harmless(api.get("/plugins?x=%22%3E%3Cscript%3E&page=1"))

    assert [link for link in page.links if link.startswith("?")] == ["?x=%22%3E%3Cscript%3E&page=2"]
