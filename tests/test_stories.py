"""Which articles tell the same story: two by two, and as they stream in."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from monitor import codec
from monitor.model import Article, Evidence, Header, How, Mention
from monitor.ports import Signed
from monitor.stories.clustering import Clustering, signed_of, story_of
from monitor.stories.relating import Because, Relation, keys, relate
from monitor.stories.signing import sign, sign_matches
from tests.samples import NOW, a_match, after, watchlist

DATA: Final = Path(__file__).parent / "data/stories"
PAIRS: Final[list[dict[str, Any]]] = YAML(typ="safe").load(DATA / "pairs.yaml")
FLASH: Final[dict[str, list[str]]] = YAML(typ="safe").load(DATA / "flash.yaml")
MORNING: Final = datetime(2026, 5, 4, 8, tzinfo=UTC)
LIMIT: Final = 2048


def article(text: str, title: str = "", identity: str = "a") -> Article:
    header = Header(id=identity, source="agency", title=title, titled=bool(title), content_hash="h", first_seen=MORNING)
    return Article(header=header, text=text)


def evidence(*terms: str) -> list[Evidence]:
    """Make evidence of terms, wherever they stood."""
    return [
        Evidence(
            clause=term,
            field="text",
            text=term,
            start=0,
            end=len(term),
            how=How.EXACT,
            quote=term,
            quote_start=0,
            mentions=(Mention(term=term, text=term, start=0, end=len(term), how=How.EXACT),),
        )
        for term in terms
    ]


def signed(text: str, title: str = "", identity: str = "a", *, hours: float = 0, terms: tuple[str, ...] = ()) -> Signed:
    at = MORNING + timedelta(hours=hours)
    return Signed(article=identity, at=at, signature=sign(article(text, title, identity), evidence(*terms)))


def of_case(case: dict[str, Any]) -> tuple[Signed, Signed]:
    terms = tuple(case.get("terms", ()))
    one = signed(**case["one"], identity="one", terms=terms)
    return one, signed(**case["other"], identity="other", hours=case["hours"], terms=terms)


@pytest.mark.parametrize("case", PAIRS, ids=[case["why"] for case in PAIRS])
def test_two_articles_are_to_each_other_what_a_reader_says(case: dict[str, Any]) -> None:
    one, other = of_case(case)
    assert relate(other, one).because == case["because"]
    assert relate(one, other) == relate(other, one)


@pytest.mark.parametrize("case", PAIRS, ids=[case["why"] for case in PAIRS])
def test_what_is_one_story_has_a_key_in_common(case: dict[str, Any]) -> None:
    one, other = of_case(case)
    assert not relate(one, other).same or set(keys(one.signature)) & set(keys(other.signature))


def flashes(some: list[str]) -> list[Signed]:
    terms = tuple(FLASH["terms"])
    return [signed(text, identity=text, hours=place / 4, terms=terms) for place, text in enumerate(some)]


def test_ten_wordings_of_a_flash_are_one_story() -> None:
    stories = Clustering()
    assert len({stories.place("w", one).story for one in flashes(FLASH["one_story"])}) == 1


def test_what_else_happens_around_a_term_is_told_apart() -> None:
    for one, other in combinations(flashes([FLASH["one_story"][0], *FLASH["others"]]), 2):
        assert not relate(one, other).same, (one.article, other.article)


def test_a_story_is_of_its_watchlist() -> None:
    stories = Clustering()
    flash = flashes(FLASH["one_story"])[0]
    assert stories.place("w", flash).story != stories.place("v", flash).story


def test_a_version_stays_in_the_story_of_its_article() -> None:
    stories = Clustering()
    first = stories.place("w", signed("أغلق معبر السنديان أمام الشاحنات بعد عطل في الميزان", identity="a1"))
    later = stories.place("w", signed("افتتح معرض الكتاب في حي التنور", identity="a1", hours=200))
    assert later.story == first.story


def test_the_story_of_an_unsigned_match_is_its_article_within_its_watchlist() -> None:
    story = story_of(a_match("a1", "v1"), ())
    assert story_of(a_match("a1", "v2", title="another headline"), ()) == story
    assert story_of(a_match("a2", "v1"), ()) != story
    assert story_of(a_match("a1", "v1", on=watchlist("hmeimim")), ()) != story
    assert Clustering().add(a_match("a1", "v1")) == story


def test_an_article_is_news_when_it_was_published_but_not_after_it_was_seen() -> None:
    one, signature = a_match(), sign(article("وصلت سفينة"))
    for published, at in ((after(hours=-3), after(hours=-3)), (after(days=400), NOW), (None, NOW)):
        told = signed_of(replace(one, article=replace(one.article, published=published), signature=signature))
        assert told is not None
        assert told.at == at


def test_matches_of_an_article_are_signed_each_with_its_own_terms() -> None:
    one = article("أغلق معبر السنديان أمام الشاحنات بعد عطل في الميزان")
    matches = [replace(a_match(), evidence=tuple(evidence(term))) for term in ("معبر السنديان", "الشاحنات")]
    assert [match.signature for match in sign_matches(one, matches)] == [sign(one, each.evidence) for each in matches]


def test_an_article_that_joins_says_which_one_and_why() -> None:
    stories = Clustering()
    one, other = of_case(PAIRS[0])
    assert stories.place("w", one).relation is None
    joined = stories.place("w", other)
    assert joined.to == "one"
    assert joined.relation is not None
    assert joined.relation.because is Because.COPY


def test_a_report_that_leaves_its_number_out_does_not_draw_the_next_of_the_series_in() -> None:
    stories = Clustering()
    report = "وصلت القافلة الطبية {} إلى مخيم السدرة محملة بأدوية وأجهزة غسل الكلى يرافقها فريق من المتطوعين"
    fifth, again, unnumbered, sixth = (
        stories.place("w", signed(report.format(nth), identity=f"a{place}", hours=place)).story
        for place, nth in enumerate(["الخامسة", "الخامسة", "الجديدة", "السادسة"])
    )
    assert fifth == again == unnumbered != sixth


def test_the_same_articles_in_the_same_order_make_the_same_stories() -> None:
    stream = [one for case in PAIRS for one in of_case(case)]
    runs = []
    for _ in range(2):
        stories = Clustering()
        runs.append([stories.place("w", one).story for one in stream])
    assert runs[0] == runs[1]


def test_a_signature_of_another_version_is_not_compared() -> None:
    case = {**PAIRS[0]["one"]}
    one = signed(**case)
    older = codec.from_json(codec.to_json(one.signature).replace(b'"method":', b'"method":9'), type(one.signature))
    assert relate(Signed(article="b", at=one.at, signature=older), one) == Relation(Because.METHOD)


def test_a_signature_is_small_and_survives_its_bytes() -> None:
    for case in PAIRS:
        for one in of_case(case):
            data = codec.to_json(one.signature)
            assert len(data) <= LIMIT
            assert codec.from_json(data, type(one.signature)) == one.signature


def test_a_number_of_any_length_and_a_text_without_spaces_are_signed() -> None:
    assert sign(article("9" * 10_000)).numbers
    assert sign(article("ب" * 100_000)).length == 1


PROGRAM: Final = """
import sys
from tests.test_stories import PAIRS, codec, of_case
sys.stdout.buffer.write(codec.to_json(of_case(PAIRS[0])[0].signature))
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_signature_is_the_same_in_every_process(seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    there = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True)
    assert there.stdout == codec.to_json(of_case(PAIRS[0])[0].signature)


LETTERS: Final = st.one_of(st.characters(codec="utf-8"), st.sampled_from("ابتالعدوه ةىـ 0123٣.,-–:\n"))
WORDS: Final = st.text(LETTERS, max_size=300)


@given(WORDS, WORDS, WORDS)
def test_any_text_is_signed_and_is_like_itself(title: str, text: str, other: str) -> None:
    one, another = signed(text, title), signed(other, title)
    assert len(codec.to_json(one.signature)) <= LIMIT
    assert relate(one, another) == relate(another, one)
    if one.signature.words:
        assert relate(one, one).same
