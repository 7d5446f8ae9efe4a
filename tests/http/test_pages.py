"""The pages for people without a terminal: what they show, and that nothing foreign comes alive in them."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from registry_server.contract.wire import Deprecation, PluginUpdate
from registry_server.http.app import build_app
from registry_server.operations import lifecycle
from registry_server.operations.accounts import Caller
from registry_server.operations.statistics import flush_downloads
from registry_server.registry import Registry
from tests.support.asgi_calls import Api
from tests.support.builders import plugin_files

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


ALIVE = {"script", "iframe", "object", "embed", "svg", "style", "base", "math", "template"}


def assert_harmless(answer: httpx.Response) -> Page:
    """No tag that runs or loads code, no handler, no address but of the web and of this site."""
    page = Page(answer)
    assert "<script" not in answer.text.lower()
    assert not ALIVE & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
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
