"""A registry that many people use at random, beside a dictionary that says what it should hold by now."""

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from registry_server.contract.account_wire import SCOPES, OwnerRequest, QuarantineRequest
from registry_server.contract.problems import ProblemError
from registry_server.contract.review_wire import RatingRequest, RatingsQuery
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import ListQuery, PluginDocument
from registry_server.operations import browse, feed, lifecycle, moderation, owners, reviews
from registry_server.operations.accounts import Caller
from registry_server.operations.publish import publish
from registry_server.registry import open_registry
from registry_server.store import accounts
from tests.support.builders import FixedClock, package

PEOPLE = ("ada", "bob", "root")
NAMES = ("auth", "mail")
VERSIONS = ("1.0.0", "1.1.0", "2.0.0-rc.1")
OK = "ok"

people = st.sampled_from(PEOPLE)
moderators = st.sampled_from(("root", "root", "ada"))
names = st.sampled_from(NAMES)
versions = st.sampled_from(VERSIONS)


class Release(msgspec.Struct):
    text: str
    is_yanked: bool = False
    is_closed: bool = False


class Plugin(msgspec.Struct):
    owners: set[str]
    invited: set[str] = msgspec.field(default_factory=set)
    releases: dict[str, Release] = msgspec.field(default_factory=dict)
    stars: dict[str, int] = msgspec.field(default_factory=dict)
    is_closed: bool = False

    def latest(self) -> str:
        there = {v: r for v, r in self.releases.items() if not (r.is_yanked or r.is_closed or self.is_closed)}
        best = {v: r for v, r in there.items() if "-" not in v} or there or self.releases
        return max(best, key=lambda version: parse_version(version).key)


@cache
def archive(name: str, version: str, text: str) -> bytes:
    return package(name, version, description=text)


class People(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.registry = open_registry(self.folder, FixedClock())
        self.model: dict[str, Plugin] = {}
        with self.registry.database.write() as connection:
            self.callers = {
                name: Caller(
                    user=accounts.ensure_user(
                        connection, name, is_admin=name == "root", now=self.registry.clock()
                    ),
                    scopes=frozenset(SCOPES),
                )
                for name in PEOPLE
            }

    def teardown(self) -> None:
        self.registry.close()
        shutil.rmtree(self.folder)

    def check(self, expected: str, act: Callable[[], object]) -> None:
        """`expected` is `ok` or a problem's code; who is refused writes nothing."""
        before = self.registry.database.read().execute("PRAGMA data_version").fetchone()[0]
        try:
            act()
            found = OK
        except ProblemError as error:
            found = error.code
            after = self.registry.database.read().execute("PRAGMA data_version").fetchone()[0]
            assert after == before
        assert found == expected

    def may(self, who: str, name: str) -> str:
        """Why `who` may not change the plugin, or that they may."""
        if name not in self.model:
            return "plugin-not-found"
        return OK if who == "root" or who in self.model[name].owners else "forbidden"

    @initialize()
    def begin(self) -> None:
        self.publish(who="ada", name="auth", version="1.0.0", text="One.")

    @rule(who=people, name=names, version=versions, text=st.sampled_from(["One.", "Two."]))
    def publish(self, who: str, name: str, version: str, text: str) -> None:
        plugin = self.model.get(name)
        expected = OK if plugin is None else self.may(who, name)
        there = plugin.releases.get(version) if plugin else None
        if expected == OK and there is not None and there.text != text:
            expected = "version-exists"

        self.check(expected, lambda: publish(self.registry, self.callers[who], archive(name, version, text)))

        if expected == OK:
            self.model.setdefault(name, Plugin({who})).releases.setdefault(version, Release(text))

    @rule(who=people, name=names, version=versions, is_yanked=st.booleans())
    def yank(self, who: str, name: str, version: str, is_yanked: bool) -> None:
        expected = self.may(who, name)
        if expected == OK and version not in self.model[name].releases:
            expected = "version-not-found"
        act = lifecycle.yank if is_yanked else lifecycle.unyank

        self.check(expected, lambda: act(self.registry, self.callers[who], name, version))

        if expected == OK:
            self.model[name].releases[version].is_yanked = is_yanked

    @rule(who=people, name=names, stars=st.integers(1, 5))
    def rate(self, who: str, name: str, stars: int) -> None:
        expected = OK if name in self.model else "plugin-not-found"
        if expected == OK and who in self.model[name].owners:
            expected = "invalid-request"

        self.check(
            expected,
            lambda: reviews.rate(self.registry, self.callers[who], name, RatingRequest(rating=stars)),
        )

        if expected == OK:
            self.model[name].stars[who] = stars

    @rule(who=people, name=names)
    def unrate(self, who: str, name: str) -> None:
        expected = OK if name in self.model else "plugin-not-found"
        if expected == OK and who not in self.model[name].stars:
            expected = "rating-not-found"

        self.check(expected, lambda: reviews.unrate(self.registry, self.callers[who], name))

        if expected == OK:
            del self.model[name].stars[who]

    @rule(who=people, name=names, whom=people)
    def invite(self, who: str, name: str, whom: str) -> None:
        expected = self.may(who, name)
        if expected == OK and whom in self.model[name].owners:
            expected = "invalid-request"

        self.check(
            expected, lambda: owners.invite(self.registry, self.callers[who], name, OwnerRequest(user=whom))
        )

        if expected == OK:
            self.model[name].invited.add(whom)

    @rule(who=people, name=names, is_accepted=st.booleans())
    def answer(self, who: str, name: str, is_accepted: bool) -> None:
        plugin = self.model.get(name)
        expected = OK if plugin and who in plugin.invited else "invalid-request"
        act = owners.accept if is_accepted else owners.decline

        self.check(expected, lambda: act(self.registry, self.callers[who], name))

        if plugin and expected == OK:
            plugin.invited.discard(who)
            plugin.owners |= {who} if is_accepted else set()

    @rule(who=people, name=names, whom=people)
    def remove(self, who: str, name: str, whom: str) -> None:
        expected = self.may(who, name)
        if expected == OK and whom not in self.model[name].owners | self.model[name].invited:
            expected = "user-not-found"
        if expected == OK and self.model[name].owners == {whom}:
            expected = "last-owner"

        self.check(expected, lambda: owners.remove(self.registry, self.callers[who], name, whom))

        if expected == OK:
            self.model[name].owners.discard(whom)
            self.model[name].invited.discard(whom)

    @rule(who=moderators, name=names, version=st.sampled_from(("", VERSIONS[0])), is_closed=st.booleans())
    def quarantine(self, who: str, name: str, version: str, is_closed: bool) -> None:
        plugin = self.model.get(name)
        place: Any = plugin.releases.get(version) if plugin and version else plugin
        expected = OK
        if who != "root":
            expected = "forbidden"
        elif plugin is None:
            expected = "plugin-not-found"
        elif not is_closed and (place is None or not place.is_closed):
            expected = "invalid-request"
        elif place is None:
            expected = "version-not-found"
        caller = self.callers[who]

        if is_closed:
            request = QuarantineRequest(reason="a trial", version=version)
            self.check(expected, lambda: moderation.quarantine(self.registry, caller, name, request))
        else:
            self.check(expected, lambda: moderation.lift(self.registry, caller, name, version))

        if expected == OK:
            place.is_closed = is_closed

    @invariant()
    def every_document_says_what_the_model_does(self) -> None:
        for name, plugin in self.model.items():
            body, _ = browse.plugin_document(self.registry, name)
            found = msgspec.json.decode(body, type=PluginDocument)
            assert {
                release.version: (release.yanked, bool(release.quarantine)) for release in found.versions
            } == {
                version: (release.is_yanked, release.is_closed or plugin.is_closed)
                for version, release in plugin.releases.items()
            }
            assert found.latest_version == plugin.latest()
            assert bool(found.quarantine) == plugin.is_closed
            assert found.rating_count == len(plugin.stars)
            assert found.rating == (
                round(sum(plugin.stars.values()) / len(plugin.stars), 2) if plugin.stars else 0.0
            )
            shown = owners.list_owners(self.registry, name)
            assert (set(shown.owners), set(shown.invited)) == (plugin.owners, plugin.invited)

    @invariant()
    def every_release_is_had_by_whom_it_may_be(self) -> None:
        for name, plugin in self.model.items():
            for version, release in plugin.releases.items():
                is_closed = release.is_closed or plugin.is_closed
                who = self.callers["root"] if is_closed else None
                data = browse.read_package_bytes(self.registry, who, name, version).data
                assert data == archive(name, version, release.text)
                if is_closed:
                    self.check(
                        "quarantined",
                        lambda n=name, v=version: browse.read_package_bytes(
                            self.registry, self.callers["ada"], n, v
                        ),
                    )

    @invariant()
    def lists_ratings_and_the_feed_agree_with_it(self) -> None:
        listed = browse.list_plugins(self.registry, ListQuery(sort="name"))
        assert [summary.name for summary in listed.plugins] == sorted(self.model)
        page = feed.read_changes(self.registry, 0)
        assert {change.name for change in page.changes} == set(self.model)
        for change in page.changes:
            body, _ = browse.plugin_document(self.registry, change.name)
            assert change.document == msgspec.json.decode(body, type=PluginDocument)
            found = reviews.list_ratings(self.registry, change.name, RatingsQuery()).ratings
            stars = {rating.author: rating.rating for rating in found}
            assert stars == self.model[change.name].stars


TestPeople = People.TestCase
TestPeople.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
