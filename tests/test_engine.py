"""The engine held against the reference matcher: the same matches, evidence and offsets included, whatever it skips."""

from __future__ import annotations

import json
import lzma
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.matching import compile_watchlists
from monitor.matching.expressions import AtLeast, Has, Kind, Near, Term, TermSet, Watchlist, Where, Without
from monitor.model import Article, Header, WatchlistHeader
from monitor.text.tokens import cut_chunk, tokenize
from monitor.watchlists.loading import load_watchlists
from tests.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.matching.expressions import Clause

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)

# Words that a random term may meet in many ways: families, names, particles, compounds, numbers, Latin.
_TERM_WORDS = """
تسليم قاعدة القواعد الروسية سوريا طرطوس الأسد بشار حافظ غارة هجوم على في عبد الله عبدالله أبو بكر نتنياهو قسد
الحوثي مدينة علي ناتو إس 400 S-400 US base bases Assad Netanyahu 24/7 24 7 «القاعدة» والدفاع لـ قسد
"""
_TEXT_WORDS = """
تسليم وتسليمه يسلّم سلمت قاعدة قواعد بقواعدها القاعدة الروسيه وروسيا سوريا بسوريا سورية وطرطوس الأسد أسد فاسد بشار حافظ
الغارات هجوم هجمات على علي في من لـ لـ«قسد» قسد» « عبد الله عبدالله أبي بكر نتانياهو نتنياهو، الحوثيون فى التى مدينتي
ناتو الناتو إس-400 إس 400 S-400 s400 US us base bases’ Assad's Netanyahu 24/7 24 7 1,000 @desk https://example.org/a
. ، ! ؟ ... ( ) – ضد دون و ال الـ17 ـ اً مُدرسة غارةً ، . \u200f \u200b \ufdfa
"""
TERM_WORDS, TEXT_WORDS = _TERM_WORDS.split(), _TEXT_WORDS.split()
SEPARATORS = (" ", " ", " ", " ", "  ", "\n", "\n\n", "\u00a0", "", ". ", "، ", "\u2029")


AROUND: tuple[Literal["sentence", "paragraph"] | int, ...] = ("sentence", "paragraph", 0, 3)


def terms() -> st.SearchStrategy[Term]:
    """A term of one to three words."""
    words = st.lists(st.sampled_from(TERM_WORDS), min_size=1, max_size=3).map(" ".join)
    return st.builds(Term, words, st.sampled_from(Kind))


def sets(depth: int = 1) -> st.SearchStrategy[TermSet]:
    """Some terms, a nested set perhaps, and exceptions perhaps."""
    some = st.lists(terms(), min_size=1, max_size=3).map(tuple)
    nested = st.lists(sets(depth - 1), max_size=1).map(tuple) if depth else st.just(())
    return st.builds(TermSet, st.just("set"), some, nested, st.lists(terms(), max_size=1).map(tuple))


def leaves() -> st.SearchStrategy[Clause]:
    """A set somewhere, or sets near one another."""
    where = st.sampled_from(Where)
    has = st.builds(Has, sets(), where)
    within = st.one_of(st.integers(0, 12), st.sampled_from(["sentence", "paragraph"]))
    operands = st.lists(sets(), min_size=2, max_size=3).map(tuple)
    return st.one_of(has, st.builds(Near, st.just("near"), operands, within, st.booleans(), where))


@st.composite
def clauses(draw: st.DrawFn, depth: int = 2) -> Clause:
    """Logic over leaves; a `none` beside them perhaps."""
    if not depth or draw(st.booleans()):
        return draw(leaves())
    inner = draw(st.lists(clauses(depth - 1), min_size=1, max_size=3))
    least = draw(st.integers(1, len(inner)))
    if least == len(inner) and draw(st.booleans()):
        silenced = (draw(st.builds(Has, sets())),)
        inner.append(
            draw(st.sampled_from([Without("none", silenced), *(Without("none", silenced, one) for one in AROUND)]))
        )
        least += 1
    return AtLeast("logic", least, tuple(inner))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Words and signs with all kinds of space between them."""
    words = draw(st.lists(st.sampled_from(TEXT_WORDS), max_size=40))
    return "".join(word + draw(st.sampled_from(SEPARATORS)) for word in words)


def article(text: str, title: str = "") -> Article:
    header = Header(id="a", source="s", title=title, content_hash="h", first_seen=NOW, titled=bool(title))
    return Article(header=header, text=text)


def named(clauses: Sequence[Clause]) -> list[Watchlist]:
    return [Watchlist(WatchlistHeader(id=f"w{place}", name="w"), clause) for place, clause in enumerate(clauses)]


@settings(max_examples=100, deadline=None)
@given(st.lists(clauses(), min_size=1, max_size=6), st.lists(st.tuples(texts(), texts()), min_size=1, max_size=3))
def test_the_engine_says_what_the_reference_says(some: list[Clause], given_texts: list[tuple[str, str]]) -> None:
    watchlists = named(some)
    engine, reference = compile_watchlists(watchlists), Reference(watchlists)
    for title, text in given_texts:
        assert engine.match(article(text, title), NOW) == reference.match(article(text, title), NOW)


@settings(max_examples=60, deadline=None)
@given(st.lists(clauses(), min_size=1, max_size=5), st.lists(clauses(), min_size=1, max_size=5), texts())
def test_what_is_compiled_from_an_earlier_matcher_equals_what_is_compiled_anew(
    before: list[Clause], after: list[Clause], text: str
) -> None:
    earlier = compile_watchlists(named(before))
    old = earlier.match(article(text), NOW)
    changed = named([*before[:2], *after])
    assert compile_watchlists(changed, earlier).match(article(text), NOW) == Reference(changed).match(
        article(text), NOW
    )
    assert earlier.match(article(text), NOW) == old


@settings(max_examples=300, deadline=None)
@given(texts())
def test_the_tokens_of_a_text_are_those_of_its_chunks(text: str) -> None:
    found = [cut_chunk(chunk) for chunk in text.split()]
    if not any(chunk.dangling for chunk in found):
        alone = [(token.key, token.spelt, token.script, token.marks) for chunk in found for token in chunk.tokens]
        assert alone == [(token.key, token.spelt, token.script, token.marks) for token in tokenize(text)]


HOSTILE = {
    "a word of 100,000 letters": "ا" * 100_000,
    "as many marks on one letter": "س" + "\u064e" * 100_000,
    "no space anywhere": "سوريا،" * 20_000,
    "particles that belong to nothing": "لـ " * 30_000,
    "quotes without end": "« " * 50_000,
    "nearly an address": "a@b." * 20_000,
    "nearly a number": "1," * 50_000,
    "words that nobody knows": " ".join(f"{place:b}".translate(str.maketrans("01", "بت")) for place in range(30_000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    watchlists = load_watchlists(ROOT / "watchlists.yaml").watchlists
    (match,) = compile_watchlists(watchlists).match(article(f"{text}\n\nرفض تسليم بشار الأسد إلى سوريا."), NOW)
    assert [item.text for item in match.evidence] == ["تسليم بشار الأسد"]


def test_the_default_watchlists_say_of_real_articles_what_the_reference_says(shared: Path) -> None:
    watchlists = load_watchlists(ROOT / "watchlists.yaml").watchlists
    engine, reference = compile_watchlists(watchlists), Reference(watchlists)
    found = 0
    for one in real_articles(shared, every=60, most=250):
        matches = engine.match(one, NOW)
        assert matches == reference.match(one, NOW)
        found += len(matches)
    assert found


def real_articles(shared: Path, *, every: int, most: int) -> Iterator[Article]:
    with lzma.open(shared / "corpus/saudinewsnet.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in islice(lines, 0, every * most, every):
            read = json.loads(line)
            yield article(read["text"], read["title"])
