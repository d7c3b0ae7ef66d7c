"""Which spellings may be one name, and what the table of common words knows."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.matching import compile_watchlists
from monitor.matching.expressions import Has, Term, TermSet, Watchlist
from monitor.model import Article, Header, How, WatchlistHeader
from monitor.text.frequencies import article_share, uses
from monitor.text.lexicon import key
from monitor.text.names import are_variants, distance

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)

SPELLINGS = """
جيمس جايمس
غوغل جوجل
ليندسي ليندساي
دونالد دونلد
تيريزا تريزا
فلاديمير فلديمير
بلينكن بلينكين
ويتكوف ويتكف
سيرغي سيرجي
هنري هنريه
"""
OTHERS = """
باركر باركن
مورين موريل
كارتر كارسر
دافيد دافيس
جوزيف جوزيه
ماركو ماركس
سيول سيولة
"""


@pytest.mark.parametrize("pair", SPELLINGS.strip().splitlines())
def test_vowels_and_the_letters_that_newspapers_interchange_make_spellings_of_one_name(pair: str) -> None:
    one, other = map(key, pair.split())
    assert are_variants(one, other)
    assert are_variants(other, one)


@pytest.mark.parametrize("pair", OTHERS.strip().splitlines())
def test_another_consonant_makes_another_name(pair: str) -> None:
    one, other = map(key, pair.split())
    assert not are_variants(one, other)


@given(
    st.text("ابتجدرسعغفقكلمنهويئةء", min_size=2, max_size=9), st.text("ابتجدرسعغفقكلمنهويئةء", min_size=2, max_size=9)
)
def test_a_distance_is_the_same_from_either_side_and_none_from_itself(one: str, other: str) -> None:
    assert distance(one, one) == 0
    assert distance(one, other) >= 0
    assert (distance(one, other) == 0) == (one == other)


def test_common_words_are_told_from_rare_ones() -> None:
    counts = [uses(key(word)) for word in ("في", "رئيس", "قاعدة", "استقالة", "مستنسخات")]
    assert all(more > fewer for more, fewer in pairwise(counts))
    assert uses("قققق") == 0


def test_words_take_the_article_and_names_do_not() -> None:
    assert article_share(key("محكمة")) > 0.5
    assert article_share(key("واشنطن")) < 0.01


@pytest.mark.parametrize(
    "pair", ["الفلبين الفيليبين", "كابول كابل", "ترامب وترمب", "الكونغرس بالكونجرس", "يونكر جونكر"]
)
def test_listed_spellings_find_one_another(pair: str) -> None:
    one, other = pair.split()
    header = Header(id="a", source="s", title="", content_hash="h", first_seen=NOW, titled=False)
    for written, text in ((one, other), (other.removeprefix("و").removeprefix("ب"), one)):
        clause = Has(TermSet("t", (Term(written),)))
        (match,) = compile_watchlists([Watchlist(WatchlistHeader(id="w", name="w"), clause)]).match(
            Article(header=header, text=f"تحدث عن {text} أمس"), NOW
        )
        assert match.evidence[0].text == text
        assert match.evidence[0].how is How.VARIANT
