"""The same data as HTML, for people without a terminal. Rendered on the server, no script."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from urllib.parse import quote

import jinja2
import msgspec
from anyio import to_thread
from markdown_it import MarkdownIt
from markupsafe import Markup
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from registry_server import __version__
from registry_server.contract.problems import ProblemError, RouteNotFound, UserNotFound
from registry_server.contract.review_wire import AuthorStats, DailyDownloads, RatingsQuery
from registry_server.contract.wire import ListQuery, PluginDocument, PluginPage, PluginSummary, Sort
from registry_server.http.api import documented_routes
from registry_server.http.auth import address_of, caller_of, limit_key_of, registry_of
from registry_server.http.observing import observation_of
from registry_server.http.openapi import openapi_document
from registry_server.http.problems import problem_headers, problem_of
from registry_server.http.routing import PRIVATE, REVALIDATE, check_reader
from registry_server.operations import browse, reviews, statistics
from registry_server.registry import Registry

HOME_SECTION = 6
README_SHOWN_MAX = 60_000
FEATURED_AMONG = 50
"""So many of the most downloaded are looked through for featured ones."""
CHART_DAYS, CHART_HEIGHT = 90, 60

_environment = jinja2.Environment(
    loader=jinja2.PackageLoader("registry_server.http"), autoescape=True, undefined=jinja2.StrictUndefined
)
_environment.filters["path"] = lambda text: quote(text, safe="")
_environment.filters["counted"] = lambda number, word: f"{number:,} {word if number == 1 else word + 's'}"
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


class Bar(Struct, frozen=True, kw_only=True):
    """One day of a chart, in its own units: days across, `CHART_HEIGHT` up."""

    left: int
    top: int
    height: int
    day: str
    downloads: int


class Chart(Struct, frozen=True, kw_only=True):
    """Downloads of the last days, drawn on the server; the same in words beside it."""

    bars: tuple[Bar, ...]
    """Only of days that had any."""
    total: int
    busiest: Bar
    days: int = CHART_DAYS
    height: int = CHART_HEIGHT


def page_routes() -> list[BaseRoute]:
    return [
        _page("/", _home),
        _page("/plugins", _list),
        _page("/plugins/{name}", _detail),
        _page("/categories/{category}", _category),
        _page("/users/{user:path}", _author),
        _page("/api/docs", _docs),
        Route("/static/style.css", _style),
    ]


def _page(path: str, render: Callable[[Request], str]) -> Route:
    async def endpoint(request: Request) -> Response:
        observation = observation_of(request)
        observation.route, observation.address = path, address_of(request)
        registry = registry_of(request)
        try:
            caller = caller_of(request, observation.address)
            check_reader(registry, caller)
            if request.query_params.get("q"):
                registry.limits.spend("search", limit_key_of(caller, observation.address))
            body = await to_thread.run_sync(render, request, limiter=request.app.state.lanes["work"])
            cache = PRIVATE if registry.settings.reading == "token" else REVALIDATE
            return HTMLResponse(body, headers={"Cache-Control": cache})
        except Exception as error:
            problem = observation.problem = problem_of(error, request)
            body = _render("problem.html", problem=problem)
            return HTMLResponse(body, problem.status or 500, problem_headers(problem))

    return Route(path, endpoint)


def _render(template: str, **values: object) -> str:
    return _environment.get_template(template).render(**values)


def _docs(_: Request) -> str:
    return _docs_page()


@cache
def _docs_page() -> str:
    """The same for everybody, and 40 ms of work."""
    # JSON Schema leaves out what does not apply, and a template asks for all of it.
    lenient = _environment.overlay(undefined=jinja2.ChainableUndefined)
    document = openapi_document(documented_routes(), __version__)
    return lenient.get_template("docs.html").render(document=document)


def _home(request: Request) -> str:
    registry = registry_of(request)
    newest = _some(registry, "recent")
    popular = [
        plugin
        for plugin in _some(registry, "downloads").plugins
        if plugin.downloads and not plugin.quarantined
    ]
    return _render(
        "home.html",
        categories=browse.categories(registry),
        featured=_featured(registry, newest),
        popular=popular[:HOME_SECTION],
        recent=newest.plugins,
        stats=statistics.registry_stats(registry),
    )


def _some(registry: Registry, sort: Sort) -> PluginPage:
    return browse.list_plugins(registry, ListQuery(sort=sort, limit=HOME_SECTION))


def _featured(registry: Registry, newest: PluginPage) -> list[PluginSummary]:
    """What admins recommend, and nobody has taken out of circulation since."""
    popular = browse.list_plugins(registry, ListQuery(sort="downloads", limit=FEATURED_AMONG))
    known = {plugin.name: plugin for plugin in (*popular.plugins, *newest.plugins)}
    return [plugin for plugin in known.values() if plugin.featured and not plugin.quarantined]


def _list(request: Request) -> str:
    query = ListQuery(q=request.query_params.get("q", ""), page=_page_number(request))
    heading = f"Plugins for “{query.q}”" if query.q else "All plugins"
    return _listing(request, query, heading)


def _category(request: Request) -> str:
    category = request.path_params["category"]
    query = ListQuery(category=category, page=_page_number(request))
    return _listing(request, query, f"Plugins in {category}")


def _author(request: Request) -> str:
    user = request.path_params["user"]
    if not user:
        raise RouteNotFound("this address names no user", hint="see /plugins")
    registry = registry_of(request)
    try:
        stats = statistics.author_stats(registry, None, user)
    except UserNotFound:
        stats = None  # a name in a package.json need not be an account's
    query = ListQuery(author=user, page=_page_number(request))
    return _listing(request, query, f"Plugins by {user}", owned=stats)


def _listing(request: Request, query: ListQuery, heading: str, *, owned: AuthorStats | None = None) -> str:
    """`owned`: what belongs to the account the list is about."""
    page = browse.list_plugins(registry_of(request), query)
    address = str(request.url.include_query_params(page=query.page + 1)) if page.pagination.has_more else ""
    return _render(
        "list.html",
        heading=heading,
        page=page,
        query=query.q,
        next_address=address.partition("?")[2],
        owned=owned,
        chart=_chart(owned.days, registry_of(request).clock().date()) if owned else None,
    )


def _page_number(request: Request, name: str = "page") -> int:
    text = request.query_params.get(name, "1")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 6 else 1


def _detail(request: Request) -> str:
    registry, name = registry_of(request), request.path_params["name"]
    body, _ = browse.plugin_document(registry, name)
    plugin = msgspec.json.decode(body, type=PluginDocument)
    readme = ""
    try:
        readme = browse.read_readme(registry, name, plugin.latest_version)
    except ProblemError:
        readme = ""
    latest = next(release for release in plugin.versions if release.version == plugin.latest_version)
    page = _page_number(request, "reviews")
    return _render(
        "detail.html",
        plugin=plugin,
        latest=latest,
        readme=_rendered(readme),
        ratings=reviews.list_ratings(registry, name, RatingsQuery(page=page, sort="helpful")),
        reviews_page=page,
        chart=_chart(statistics.plugin_stats(registry, None, name).days, registry.clock().date()),
    )


def _chart(days: Iterable[DailyDownloads], today: date) -> Chart | None:
    """None without a download in the days it is about."""
    first = today - timedelta(days=CHART_DAYS - 1)
    counted = [(date.fromisoformat(each.day), each.downloads) for each in days if each.downloads]
    shown = [(day, count) for day, count in counted if first <= day <= today]
    most = max((count for _, count in shown), default=0)
    bars = []
    for day, count in shown:
        height = max(1, round(CHART_HEIGHT * count / most))
        top = CHART_HEIGHT - height
        bars.append(Bar(left=(day - first).days, top=top, height=height, day=f"{day}", downloads=count))
    if not bars:
        return None
    busiest = max(bars, key=lambda bar: bar.downloads)
    return Chart(bars=tuple(bars), total=sum(count for _, count in shown), busiest=busiest)


def _rendered(readme: str) -> Markup:
    """Safe as it is: with `html` off markdown-it escapes all text and drops script addresses."""
    return Markup(_markdown.render(readme[:README_SHOWN_MAX]))  # noqa: S704


async def _style(_: Request) -> Response:
    data = files("registry_server.http").joinpath("static/style.css").read_bytes()
    return Response(data, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})
