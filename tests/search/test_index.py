"""Ranking, filters and paging on a small real index; generations, damage and two who share one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.wire import Author, ListQuery
from registry_server.operations import starter
from registry_server.operations.browse import list_plugins
from registry_server.registry import Registry, open_registry
from registry_server.search.document import SearchDocument, make_search_document
from registry_server.search.index import RESULT_MAX, IndexDamaged, SearchIndex, SearchResult
from registry_server.search.query import parse_query
from tests.support.builders import MOMENT, FixedClock, document, release


def entry(name: str, description: str = "", **fields: object) -> SearchDocument:
    is_deprecated = bool(fields.pop("deprecated", False))
    only = release("1.0.0", deprecated=is_deprecated)
    return make_search_document(document(name, only, description=description, **fields))


def built(folder: Path, *documents: SearchDocument, cursor: int = 1) -> SearchIndex:
    index = SearchIndex(folder)
    assert index.rebuild(documents, epoch="e", cursor=cursor)
    return index


def search(index: SearchIndex, text: str, limit: int = 20, **options: object) -> SearchResult:
    return index.search(parse_query(text), limit=limit, **options)  # type: ignore[arg-type]


def names(index: SearchIndex, text: str, **options: object) -> list[str]:
    return list(search(index, text, **options).names)  # type: ignore[arg-type]


SHOP = (
    entry("auth", "Signs people in.", tags=("login",), categories=("security",), downloads=10),
    entry("auth-jwt", "Tokens for signed in people.", categories=("security",), downloads=900_000),
    entry("authKit", "A kit.", downloads=50_000),
    entry("selfUpdate", "Renews itself.", display_name="Self Updater", rating=4.5, rating_count=3),
    entry("stripe", "Takes payments.", tags=("payments", "two-factor"), downloads=70, verified=True),
    entry("payments", "Payments by invoice.", author=Author(name="Grace Hopper"), downloads=3, rating=3.0),
    entry("feature-flags", "Turns features on by degrees.", deprecated=True, downloads=40),
    entry("k8sOperator", "Runs beside a cluster.", categories=("operations",)),
    entry("café", "Très bon.", updated_at=MOMENT.replace(year=2027)),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    return built(tmp_path_factory.mktemp("shop"), *SHOP)


@pytest.fixture(scope="module")
def starter_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    registry = open_registry(tmp_path_factory.mktemp("starter-search"), FixedClock())
    starter.publish_starter(registry, lambda _name, _done, _total: None)
    yield registry
    registry.close()


# The plugins that are shipped.


def test_auth_finds_the_three_auth_plugins_first(starter_registry: Registry) -> None:
    page = list_plugins(starter_registry, ListQuery(q="auth"))

    assert {plugin.name for plugin in page.plugins[:3]} == {"auth-jwt", "auth-oauth", "auth-magic-link"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("stripe", "stripe"),
        ("search", "search"),
        ("authjwt", "auth-jwt"),
        ("rate limit", "rate-limit"),
        ("magic link", "auth-magic-link"),
        ("striep", "stripe"),
        ("webhoks", "webhooks"),
        ("smtp", "email"),
        ("passwords", "users"),
        ("payments", "stripe"),
        ("throttling", "rate-limit"),
    ],
)
def test_what_a_person_means_is_first(starter_registry: Registry, text: str, name: str) -> None:
    assert list_plugins(starter_registry, ListQuery(q=text)).plugins[0].name == name


# Classes of hits.


def test_the_exact_name_is_first_however_popular_the_others_are(shop: SearchIndex) -> None:
    assert names(shop, "auth")[0] == "auth"
    assert names(shop, "payments")[0] == "payments"


@pytest.mark.parametrize(
    "text", ["selfUpdate", "selfupdate", "self-update", "self update", "SELF_UPDATE", "self updater"]
)
def test_case_separators_and_humps_never_decide(shop: SearchIndex, text: str) -> None:
    assert names(shop, text)[0] == "selfUpdate"


@pytest.mark.parametrize("text", ["authJwt", "auth_jwt", "authjwt", "Auth JWT"])
def test_a_dashed_name_is_found_however_it_is_joined(shop: SearchIndex, text: str) -> None:
    assert names(shop, text)[0] == "auth-jwt"


def test_names_that_begin_with_the_query_come_before_words_of_it(tmp_path: Path) -> None:
    index = built(
        tmp_path,
        entry("my-mail", downloads=10**9),
        entry("mailer"),
        entry("post", tags=("mail",), downloads=10**9),
        entry("news", "Sends mail, mail and more mail.", downloads=10**9),
    )

    assert names(index, "mail") == ["mailer", "my-mail", "post", "news"]


def test_popularity_decides_within_a_class(tmp_path: Path) -> None:
    index = built(tmp_path, entry("mail-a", downloads=1), entry("mail-b", downloads=1000), entry("mail-c"))

    assert names(index, "mail") == ["mail-b", "mail-a", "mail-c"]


def test_popularity_never_lifts_across_the_classes_of_whole_names(tmp_path: Path) -> None:
    index = built(
        tmp_path,
        entry("authy", downloads=10**12),
        entry("a-uth", downloads=10**12),
        entry("auth"),
        entry("oauth", "auth auth auth", tags=("auth",), downloads=10**12),
    )

    assert names(index, "auth")[:3] == ["auth", "a-uth", "authy"]


def test_a_deprecated_plugin_stands_below_its_class_and_stays_in_sight(tmp_path: Path) -> None:
    index = built(
        tmp_path,
        entry("mail-old", downloads=10**9, deprecated=True),
        entry("mail-new"),
        entry("post", "About mail."),
    )

    assert names(index, "mail") == ["mail-new", "mail-old", "post"]
    assert names(index, "mail-old")[0] == "mail-old"


def test_a_query_may_end_in_the_middle_of_a_word(shop: SearchIndex) -> None:
    assert names(shop, "strip") == ["stripe"]
    assert "stripe" in names(shop, "takes paym")
    assert names(shop, "strip ") == ["stripe"]


def test_marks_on_letters_never_decide(shop: SearchIndex) -> None:
    assert names(shop, "cafe") == names(shop, "CAFÉ") == ["café"]
    assert names(shop, "tres") == ["café"]


def test_every_word_must_be_found(shop: SearchIndex) -> None:
    result = search(shop, "takes payments ")

    assert (result.names, result.stage) == (("stripe",), 0)


def test_words_of_the_author_are_found(shop: SearchIndex) -> None:
    assert names(shop, "hopper")[0] == "payments"


# Spelling.


@pytest.mark.parametrize("text", ["strpe", "stripee", "stirpe", "atripe"])
def test_one_typo_in_a_name_is_forgiven(shop: SearchIndex, text: str) -> None:
    result = search(shop, text)

    assert result.names[0] == "stripe"
    assert result.stage == 1


def test_two_typos_are_forgiven_in_a_long_name_only(shop: SearchIndex) -> None:
    assert search(shop, "fetureflag").names == ("feature-flags",)
    assert search(shop, "fetureflgs ") == SearchResult(names=("feature-flags",), total=1, stage=2)
    assert names(shop, "stryppe") == []


def test_a_typo_beside_a_good_word_is_forgiven(shop: SearchIndex) -> None:
    result = search(shop, "takes paymnets")

    assert (result.names, result.stage) == (("stripe",), 1)


def test_words_below_four_letters_are_taken_as_typed(shop: SearchIndex) -> None:
    assert names(shop, "kat") == []


def test_a_word_that_occurs_is_not_corrected(tmp_path: Path) -> None:
    index = built(tmp_path, entry("post", "Sends mail."), entry("clip", "Sends nails."), entry("tail"))

    assert names(index, "sends mail ") == ["post"]


def test_few_hits_that_fit_as_typed_are_not_called_a_correction(tmp_path: Path) -> None:
    index = built(tmp_path, entry("news", "Sends letters."), entry("post", "Sends parcels."))
    result = search(index, "letters")

    assert (result.names, result.stage) == (("news",), 0)


def test_one_word_may_be_missing_when_nothing_has_all(shop: SearchIndex) -> None:
    result = search(shop, "stripe zebra")

    assert (result.names, result.stage) == (("stripe",), 3)


def test_what_fits_as_typed_stays_above_what_nearly_fits(tmp_path: Path) -> None:
    index = built(tmp_path, entry("news", "About zebra."), entry("zebrx", downloads=10**9))

    assert names(index, "zebra ") == ["news", "zebrx"]


# Phrases, negation, filters.


def test_a_phrase_wants_its_words_side_by_side(tmp_path: Path) -> None:
    index = built(
        tmp_path,
        entry("one", "Signs in by magic link."),
        entry("two", "A link that is magic."),
        entry("magic-link"),
    )

    assert set(names(index, '"magic link"')) == {"one", "magic-link"}


def test_a_minus_leaves_out(shop: SearchIndex) -> None:
    assert "auth-jwt" not in names(shop, "auth -jwt")
    assert "auth-jwt" in names(shop, "auth")
    assert len(names(shop, "-auth")) == len(SHOP) - 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("category:security", {"auth", "auth-jwt"}),
        ("category:Security", {"auth", "auth-jwt"}),
        ("tag:login", {"auth"}),
        ("tag:factor", {"stripe"}),
        ("tag:two-factor", {"stripe"}),
        ('author:"Grace Hopper"', {"payments"}),
        ("author:grace", {"payments"}),
        ("is:verified", {"stripe"}),
        ("is:deprecated", {"feature-flags"}),
        ("category:security -tag:login", {"auth-jwt"}),
        ("category:security is:verified", set()),
        ("category:nonesuch", set()),
        ("is:installed", {"café", "stripe"}),
        ("payments is:installed", {"stripe"}),
    ],
)
def test_filters(shop: SearchIndex, text: str, expected: set[str]) -> None:
    result = search(shop, text, installed={"café", "stripe", "elsewhere"})

    assert set(result.names) == expected
    assert result.total == len(expected)


def test_negated_filters_give_the_rest(shop: SearchIndex) -> None:
    everything = {doc.name for doc in SHOP}

    for text in ("category:security", "tag:login", "author:grace", "is:verified", "is:deprecated"):
        assert set(names(shop, text)) | set(names(shop, f"-{text}")) == everything
        assert not set(names(shop, text)) & set(names(shop, f"-{text}"))
    assert set(names(shop, "-is:installed", installed={"auth"})) == everything - {"auth"}


def test_nothing_is_installed_without_a_project(shop: SearchIndex) -> None:
    assert names(shop, "is:installed") == []
    assert len(names(shop, "-is:installed")) == len(SHOP)


# Order and pages.


def test_sorts(shop: SearchIndex) -> None:
    assert names(shop, "sort:downloads")[:3] == ["auth-jwt", "authKit", "stripe"]
    assert names(shop, "sort:rating")[:2] == ["selfUpdate", "payments"]
    assert names(shop, "sort:recent")[0] == "café"
    assert names(shop, "sort:name") == sorted(
        (doc.name for doc in SHOP), key=lambda n: n.casefold().replace("-", "")
    )


def test_a_sort_outranks_the_exact_name(shop: SearchIndex) -> None:
    assert names(shop, "auth sort:downloads") == ["auth-jwt", "authKit", "auth"]


def test_nothing_typed_gives_everything(shop: SearchIndex) -> None:
    assert search(shop, "").total == len(SHOP)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    every = [
        entry(f"mail-{at:03}", f"Letter {at % 7}.", downloads=at * at % 83, tags=(f"t{at % 3}",))
        for at in range(120)
    ]
    return built(tmp_path_factory.mktemp("crowd"), *every)


@pytest.mark.parametrize(
    "text",
    ["", "mail", "letter", "mial", "letterr", "mail zebra", "mail sort:name", "sort:downloads", "tag:t1"],
)
def test_pages_put_together_are_the_whole_list(crowd: SearchIndex, text: str) -> None:
    whole = search(crowd, text, limit=500)
    pages = [search(crowd, text, limit=25, offset=offset) for offset in range(0, 150, 25)]

    assert len(whole.names) == whole.total > 30
    assert [name for page in pages for name in page.names] == list(whole.names)
    assert {page.total for page in pages} == {whole.total}
    assert {page.stage for page in pages} == {whole.stage}


def test_pages_beyond_the_end_are_empty_and_keep_the_total(crowd: SearchIndex) -> None:
    for offset in (120, RESULT_MAX - 1, RESULT_MAX, 10**9):
        assert search(crowd, "mail", limit=25, offset=offset) == SearchResult(names=(), total=120, stage=0)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_of_nothing_only_counts(crowd: SearchIndex, limit: int) -> None:
    assert search(crowd, "mail", limit=limit) == SearchResult(names=(), total=120, stage=0)


def test_no_index_finds_nothing(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path / "none")

    assert index.manifest() is None
    assert search(index, "auth") == SearchResult(names=(), total=0, stage=0)


# Any text.

PIECES = st.sampled_from(
    [
        *("auth", "stripe", "self", "paymnts", "é", "日本", "🚀", "\ud800", "\0", "x" * 80, "zebra", "a"),
        *("category:", "tag:", 'author:"', "is:installed", "is:verified", "sort:name", "sort:rating"),
        *(" ", " ", " ", "-", '"', ":", "(", "*", "~2", "AND", "\\", "/", "^"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(PIECES, st.text(max_size=3)).map("".join), max_size=14).map("".join),
    st.integers(-1, 30),
    st.sampled_from([0, 0, 0, 3, RESULT_MAX]),
)
def test_any_query_is_answered(shop: SearchIndex, text: str, limit: int, offset: int) -> None:
    result = search(shop, text, limit=limit, offset=offset, installed=("auth", text))

    assert len(result.names) <= max(0, limit)
    assert len(result.names) <= result.total <= len(SHOP)
    assert len(set(result.names)) == len(result.names)


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "ab " * 4000, '"' * 10_000, "é" * 10_000, "\0" * 512, "w1 " * 500, "-x " * 400]
)
def test_long_queries_are_answered(shop: SearchIndex, text: str) -> None:
    assert search(shop, text).total <= len(SHOP)


# Generations.


def test_a_generation_knows_where_in_the_feed_it_stands(tmp_path: Path) -> None:
    manifest = built(tmp_path, *SHOP, cursor=42).manifest()

    assert manifest is not None
    assert (manifest.epoch, manifest.cursor, manifest.documents) == ("e", 42, len(SHOP))


def test_a_rebuild_holds_exactly_what_it_was_given(tmp_path: Path) -> None:
    index = built(tmp_path, *SHOP)
    index.rebuild([entry("only")], epoch="other", cursor=1)

    assert names(index, "") == ["only"]


def test_a_delta_adds_replaces_and_removes(tmp_path: Path) -> None:
    index = built(tmp_path, *SHOP)
    changed = [entry("stripe", "Now for zebras."), entry("brand-new")]
    assert index.apply(changed, {"auth", "never-there"}, epoch="e", cursor=2)

    manifest = index.manifest()
    assert manifest is not None
    assert (manifest.cursor, manifest.documents) == (2, len(SHOP))
    assert set(names(index, "")) == {doc.name for doc in SHOP} - {"auth"} | {"brand-new"}
    assert names(index, "zebras") == ["stripe"]
    assert names(index, "takes ") == []
    assert names(index, "auth")[0] != "auth"


def test_a_removed_name_takes_no_other_with_it(tmp_path: Path) -> None:
    index = built(tmp_path, entry("auth"), entry("Auth2"), entry("auth-jwt"))
    index.apply([], {"auth"}, epoch="e", cursor=2)

    assert set(names(index, "")) == {"Auth2", "auth-jwt"}


def test_many_deltas_end_like_one_rebuild(tmp_path: Path) -> None:
    index = built(tmp_path / "deltas")
    for number, doc in enumerate(SHOP):
        index.apply([doc, entry("passing")], (), epoch="e", cursor=number)
    index.apply([], {"passing"}, epoch="e", cursor=99)
    rebuilt = built(tmp_path / "rebuilt", *SHOP)

    for text in ("", "auth", "payments", "sort:downloads", "-is:deprecated"):
        assert sorted(names(index, text)) == sorted(names(rebuilt, text))
    assert names(index, "auth")[0] == "auth"


def test_old_generations_are_tidied_away(tmp_path: Path) -> None:
    index = built(tmp_path, *SHOP)
    (tmp_path / "g1-left-by-a-kill").mkdir()
    index.apply([entry("new")], (), epoch="e", cursor=2)

    assert [path.name for path in tmp_path.glob("g*-*")] == [(tmp_path / "current").read_text()]


def test_another_reader_follows_each_generation(tmp_path: Path) -> None:
    writer, reader = built(tmp_path, *SHOP), SearchIndex(tmp_path)
    assert names(reader, "zebra") == []

    writer.apply([entry("zebra")], (), epoch="e", cursor=2)
    assert names(reader, "zebra") == ["zebra"]

    writer.rebuild([], epoch="e", cursor=3)
    assert names(reader, "zebra") == []
    assert reader.manifest() == writer.manifest()


def test_a_reader_opened_before_the_first_generation_finds_it(tmp_path: Path) -> None:
    reader = SearchIndex(tmp_path)
    assert reader.manifest() is None
    built(tmp_path, *SHOP)

    assert names(reader, "stripe") == ["stripe"]


def test_who_finds_the_lock_taken_changes_nothing(tmp_path: Path) -> None:
    index = built(tmp_path, *SHOP)
    before = index.manifest()
    with FileLock(tmp_path / "write.lock"):
        assert index.rebuild([], epoch="e", cursor=9) is False
        assert index.apply([entry("zebra")], (), epoch="e", cursor=9) is False

    assert index.manifest() == before
    assert names(index, "zebra") == []
    assert index.rebuild([], epoch="e", cursor=9) is True


def test_a_rebuild_that_breaks_off_leaves_the_generation_in_use(tmp_path: Path) -> None:
    index = built(tmp_path, *SHOP)

    def breaking() -> Iterator[SearchDocument]:
        yield entry("zebra")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.rebuild(breaking(), epoch="e", cursor=2)

    assert names(index, "stripe") == ["stripe"]
    assert index.rebuild(SHOP, epoch="e", cursor=3) is True


# Damage.


def live_folder(root: Path) -> Path:
    return root / (root / "current").read_text()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b'{"schema_version":99,"epoch":"e","cursor":1,"documents":1}',
        b"[" * 100_000,
    ],
    ids=["empty", "object", "list", "bytes", "later-schema", "deep"],
)
def test_a_manifest_that_cannot_be_read_is_damage(tmp_path: Path, content: bytes) -> None:
    built(tmp_path, *SHOP)
    (live_folder(tmp_path) / "manifest.json").write_bytes(content)

    with pytest.raises(IndexDamaged):
        SearchIndex(tmp_path).manifest()


@pytest.mark.parametrize("pointer", [b"", b"g1-nowhere", b"\xff", b"../../etc", b"\0", b"x" * 5000])
def test_a_pointer_to_nowhere_is_damage(tmp_path: Path, pointer: bytes) -> None:
    built(tmp_path, *SHOP)
    (tmp_path / "current").write_bytes(pointer)
    index = SearchIndex(tmp_path)

    with pytest.raises(IndexDamaged):
        index.manifest()
    with pytest.raises(IndexDamaged):
        index.apply([], (), epoch="e", cursor=2)
    assert index.rebuild(SHOP, epoch="e", cursor=2)
    assert names(index, "stripe") == ["stripe"]


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        *(
            (suffix, "gone")
            for suffix in (".store", ".term", ".idx", ".fast", ".fieldnorm", ".pos", "meta.json")
        ),
        *((suffix, how) for suffix in (".term", "meta.json") for how in ("empty", "half")),
    ],
)
def test_a_damaged_file_is_noticed_and_a_rebuild_mends_it(tmp_path: Path, suffix: str, how: str) -> None:
    built(tmp_path, *SHOP)
    (file,) = (path for path in live_folder(tmp_path).iterdir() if path.name.endswith(suffix))
    data = file.read_bytes()
    file.unlink()
    if how != "gone":
        file.write_bytes(data[: len(data) // 2 if how == "half" else 0])
    index = SearchIndex(tmp_path)

    with pytest.raises(IndexDamaged):
        search(index, "takes payments")
    with pytest.raises(IndexDamaged):
        index.manifest()

    assert index.rebuild(SHOP, epoch="e", cursor=2)
    assert names(index, "stripe") == ["stripe"]
    assert names(SearchIndex(tmp_path), "stripe") == ["stripe"]


def test_the_whole_folder_may_go(tmp_path: Path) -> None:
    built(tmp_path / "search", *SHOP)
    shutil.rmtree(tmp_path / "search")
    index = SearchIndex(tmp_path / "search")

    assert index.manifest() is None
    assert index.rebuild(SHOP, epoch="e", cursor=1)
