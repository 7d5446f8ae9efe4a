"""SearchQuery -> tantivy queries, one a stage: precise, one typo, two typos, one word missing.

The classes of the design are constants far enough apart that popularity (a factor of 1 to 2.2) can
never lift a hit across them: the exact name, the name without separators, a name that begins with
the query, words in names, labels, author, description. A later stage contains the earlier ones
with `EARLIER_STAGE` added, so what matched better always stands first.

Queries are built by hand: tantivy's own parser raises on half-typed text and is forty times slower.
"""

from collections.abc import Callable, Collection
from functools import cached_property

from tantivy import Occur, Query, Schema

from registry_server.search.document import KEY_PREFIX_MAX, WORD_PREFIX_MAX
from registry_server.search.query import Filter, SearchQuery
from registry_server.search.words import compact, fold

EXACT_NAME = 100_000.0
SAME_KEY = 30_000.0
EARLIER_STAGE = 1_000.0
KEY_PREFIX = 60.0
ALL_IN_NAME = 25.0
NAME_WORD = 24.0
NAME_PREFIX = 15.0
NAME_INNER_PREFIX = 10.0
TAG = 9.0
CATEGORY = 8.0
AUTHOR = 7.0
DESCRIPTION_FACTOR = 2.0
DESCRIPTION_PREFIX = 3.0
TYPO_MIN_LETTERS = 4
TWO_TYPOS_MIN_LETTERS = 8

Stage = Callable[[], Query | None]
IsKnown = Callable[[str], bool]


class Ranking:
    """The stages for one query against one schema."""

    def __init__(
        self, schema: Schema, query: SearchQuery, installed: Collection[str], is_known: IsKnown
    ) -> None:
        self._schema = schema
        self._query = query
        self._installed = installed
        self._is_known = is_known
        self._key = compact(" ".join(query.terms))
        self._words: dict[tuple[str, bool], Query] = {}

    def stages(self) -> tuple[Stage, ...]:
        return (self.precise, self.one_typo, self.two_typos, self.one_word_missing)

    def precise(self) -> Query | None:
        return self._filtered(self._matching)

    def one_typo(self) -> Query | None:
        return self._with_typos(1, TYPO_MIN_LETTERS)

    def two_typos(self) -> Query | None:
        return self._with_typos(2, TWO_TYPOS_MIN_LETTERS)

    def one_word_missing(self) -> Query | None:
        """Only for two words or more: all but one of them must be found."""
        if len(self._query.terms) < 2:
            return None
        some = Query.boolean_query(
            [(Occur.Should, self._word(word, is_last=False)) for word in self._query.terms],
            minimum_number_should_match=len(self._query.terms) - 1,
        )
        return self._filtered(_any(some, self._earlier()))

    @cached_property
    def _matching(self) -> Query:
        """All terms and phrases; a blank query matches everything. Each stage has it inside."""
        terms = self._query.terms
        must = [self._word(word, is_last=self._query.is_open and word == terms[-1]) for word in terms] + [
            self._phrase(phrase) for phrase in self._query.phrases
        ]
        if not must:
            return Query.const_score_query(Query.all_query(), 1.0)
        words = Query.boolean_query([(Occur.Must, query) for query in must])
        if not terms:
            return words
        return _any(words, *self._whole_name())

    def _whole_name(self) -> list[Query]:
        typed = fold(self._query.text.strip())
        near = [self._const_any([("name", w), ("np", w[:WORD_PREFIX_MAX])], 1.0) for w in self._query.terms]
        queries = [
            self._const("id", typed, EXACT_NAME),
            self._const("key", self._key, SAME_KEY),
            Query.const_score_query(
                Query.boolean_query([(Occur.Must, query) for query in near]), ALL_IN_NAME
            ),
        ]
        if len(self._key) <= KEY_PREFIX_MAX:
            queries.append(self._const("kp", self._key, KEY_PREFIX))
        else:
            queries.append(self._fuzzy("key", self._key, 0, KEY_PREFIX, prefix=True))
        return queries

    def _word(self, word: str, *, is_last: bool) -> Query:
        # Every stage asks for the same words; making queries takes longer than searching with them.
        if (word, is_last) not in self._words:
            self._words[word, is_last] = self._make_word(word, is_last=is_last)
        return self._words[word, is_last]

    def _make_word(self, word: str, *, is_last: bool) -> Query:
        prefix = NAME_PREFIX if is_last else NAME_INNER_PREFIX
        choices = [
            self._const("name", word, NAME_WORD),
            self._const("tag", word, TAG),
            self._const("category", word, CATEGORY),
            self._const("who", word, AUTHOR),
            Query.boost_query(Query.term_query(self._schema, "desc", word), DESCRIPTION_FACTOR),
        ]
        if len(word) <= WORD_PREFIX_MAX:
            choices.append(self._const("np", word, prefix))
        else:
            choices.append(self._fuzzy("name", word, 0, prefix, prefix=True))
        if is_last and len(word) >= 2:
            choices += [
                self._fuzzy("desc", word, 0, DESCRIPTION_PREFIX, prefix=True),
                self._fuzzy("tag", word, 0, DESCRIPTION_PREFIX, prefix=True),
                self._fuzzy("who", word, 0, DESCRIPTION_PREFIX, prefix=True),
            ]
        return Query.disjunction_max_query(choices)

    def _phrase(self, phrase: tuple[str, ...]) -> Query:
        return _any(
            Query.boost_query(Query.phrase_query(self._schema, "desc", list(phrase)), DESCRIPTION_FACTOR),
            self._const("key", "".join(phrase), SAME_KEY),
            self._const("name", "".join(phrase), NAME_WORD),
        )

    def _with_typos(self, distance: int, letters: int) -> Query | None:
        terms = self._query.terms
        if not any(len(word) >= letters for word in (*terms, self._key)):
            return None
        must = [self._word_with_typos(word, distance, letters) for word in terms]
        must += [self._phrase(phrase) for phrase in self._query.phrases]
        queries = [Query.boolean_query([(Occur.Must, query) for query in must])] if must else []
        if len(self._key) >= letters:
            queries.append(self._fuzzy("key", self._key, distance, KEY_PREFIX / distance))
            if self._query.is_open:
                prefixed = self._fuzzy("key", self._key, distance, NAME_WORD / distance, prefix=True)
                queries.append(prefixed)
        return self._filtered(_any(*queries, self._earlier()))

    def _word_with_typos(self, word: str, distance: int, letters: int) -> Query:
        """A word that occurs as typed is not corrected: the person meant it."""
        precise = self._word(word, is_last=self._query.is_open and word == self._query.terms[-1])
        if len(word) < letters or self._is_known(word):
            return precise
        return Query.disjunction_max_query(
            [
                precise,
                self._fuzzy("name", word, distance, NAME_PREFIX / distance),
                self._fuzzy("np", word[:WORD_PREFIX_MAX], distance, NAME_INNER_PREFIX / distance),
                self._fuzzy("tag", word, distance, DESCRIPTION_PREFIX / distance),
                self._fuzzy("desc", word, distance, 1.0 / distance),
            ]
        )

    def _earlier(self) -> Query:
        lifted = Query.const_score_query(self._matching, EARLIER_STAGE)
        return Query.boolean_query([(Occur.Must, lifted), (Occur.Must, self._matching)])

    def _filtered(self, query: Query) -> Query:
        must = [(Occur.Must, query)]
        for wanted in self._query.filters:
            occur = Occur.MustNot if wanted.is_negated else Occur.Must
            must.append((occur, Query.const_score_query(self._filter(wanted), 0.0)))
        for word in self._query.excluded:
            fields = ("name", "tag", "category", "desc")
            must += [(Occur.MustNot, Query.term_query(self._schema, field, word)) for field in fields]
        return query if len(must) == 1 else Query.boolean_query(must)

    def _filter(self, wanted: Filter) -> Query:
        if wanted.field == "is":
            if wanted.value == "installed":
                folded = [fold(name) for name in self._installed]
                return Query.term_set_query(self._schema, "id", folded) if folded else Query.empty_query()
            return Query.term_query(self._schema, wanted.value, True)
        if wanted.field == "author":
            return _any(
                Query.term_query(self._schema, "author", wanted.value),
                Query.term_query(self._schema, "who", wanted.value),
            )
        return Query.term_query(self._schema, wanted.field, wanted.value)

    def _const(self, field: str, value: str, score: float) -> Query:
        return Query.const_score_query(Query.term_query(self._schema, field, value), score)

    def _const_any(self, pairs: list[tuple[str, str]], score: float) -> Query:
        return Query.disjunction_max_query([self._const(field, value, score) for field, value in pairs])

    def _fuzzy(self, field: str, value: str, distance: int, score: float, *, prefix: bool = False) -> Query:
        query = Query.fuzzy_term_query(self._schema, field, value, distance=distance, prefix=prefix)
        return Query.const_score_query(query, score)


def _any(*queries: Query) -> Query:
    return Query.disjunction_max_query(list(queries)) if len(queries) > 1 else queries[0]
