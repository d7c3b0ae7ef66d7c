from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.matching import FILLERS, compile_watchlists, describe, matches_itself
from monitor.matching.expressions import (
    AtLeast,
    Clause,
    Has,
    Kind,
    Near,
    Only,
    Term,
    TermSet,
    Watchlist,
    Where,
    Without,
)
from monitor.model import Article, Evidence, Header, How, Match, Status, WatchlistHeader
from monitor.text.tokens import tokenize

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CASES = [
    json.loads(line) for line in (Path(__file__).parent / "data/matching/cases.jsonl").read_text("utf-8").splitlines()
]


def terms(label: str, *plain: str, names: tuple[str, ...] = (), besides: tuple[str, ...] = ()) -> TermSet:
    positive = (*map(Term, plain), *(Term(name, Kind.NAME) for name in names))
    return TermSet(label, positive, exceptions=tuple(map(Term, besides)))


ASSAD = terms("$assad", "بشار الأسد", "بشار حافظ الأسد", "الأسد", "Assad", besides=("حافظ الأسد", "ماهر الأسد"))
HANDOVER = terms("$handover", "تسليم", "ترحيل", "extradition")
NEAR = Near("near $assad $handover", (ASSAD, HANDOVER), 12)


def article(text: str, *, title: str | None = None, **header: Any) -> Article:  # noqa: ANN401 - fields of any type
    return Article(
        header=Header(
            id="a",
            source=header.pop("source", "s"),
            title=title or "",
            content_hash="h",
            first_seen=NOW,
            titled=title is not None,
            **header,
        ),
        text=text,
    )


def matches(clause: Clause, *articles: Article, **watchlist: Any) -> list[Match]:  # noqa: ANN401 - likewise
    header = WatchlistHeader(id="w", name="w", status=watchlist.pop("status", Status.LIVE))
    matcher = compile_watchlists([Watchlist(header, clause, **watchlist)])
    return [match for one in articles for match in matcher.match(one, NOW)]


def evidence(clause: Clause, text: str, *, title: str | None = None) -> tuple[Evidence, ...] | None:
    found = matches(clause, article(text, title=title))
    return found[0].evidence if found else None


def texts(clause: Clause, text: str, *, title: str | None = None) -> list[str] | None:
    found = evidence(clause, text, title=title)
    return None if found is None else [one.text for one in found]


@pytest.mark.parametrize("case", CASES, ids=[f"{case['rule']}: {case['trap']}" for case in CASES])
def test_a_term_finds_what_its_rule_says(case: dict[str, str]) -> None:
    found = evidence(Has(TermSet("t", (Term(case["term"], Kind(case["kind"])),))), case["text"])
    assert (found[0].text if found else None) == case["found"]
    assert (found[0].how if found else None) == (How(case["how"]) if case["how"] else None)


# --- Sets and exceptions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("في ذكرى وفاة حافظ الأسد", None),
        ("قال ماهر الأسد", None),
        ("حافظ الأسد وبشار الأسد", ["وبشار الأسد"]),
        ("قال بشار حافظ الأسد", ["بشار حافظ الأسد"]),
        ("حافظ، الأسد", ["الأسد"]),
    ],
)
def test_an_exception_takes_the_mentions_it_overlaps_unless_a_longer_term_covers_it(
    text: str, found: list[str] | None
) -> None:
    assert texts(Has(ASSAD), text) == found


def test_an_exception_is_never_fuzzy() -> None:
    clause = Has(TermSet("t", (Term("الزعيم"),), exceptions=(Term("غوتيريش الزعيم", Kind.NAME),)))
    assert texts(clause, "جوتيريس الزعيم") == ["الزعيم"]
    assert texts(clause, "غوتيريش الزعيم") is None


def test_a_nested_set_keeps_its_own_exceptions_to_itself() -> None:
    outer = TermSet("outer", (Term("الأسد"),), sets=(ASSAD,))
    assert texts(Has(outer), "حافظ الأسد") == ["الأسد"]


# --- near


def test_near_takes_the_tightest_window_not_the_first() -> None:
    text = "تغير الأمر عقب الإطاحة بنظام بشار الأسد. ورفض التعليق على إمكانية تسليم بشار الأسد إلى سوريا."
    found = evidence(NEAR, text)
    assert found is not None
    assert [one.text for one in found] == ["تسليم بشار الأسد"]
    assert [(mention.term, mention.text) for mention in found[0].mentions] == [
        ("تسليم", "تسليم"),
        ("بشار الأسد", "بشار الأسد"),
    ]
    assert found[0].quote == "ورفض التعليق على إمكانية تسليم بشار الأسد إلى سوريا."
    assert text[found[0].quote_start :].startswith(found[0].quote)


def test_equally_tight_windows_give_the_earliest() -> None:
    found = evidence(NEAR, "تسليم الأسد ثم تسليم الأسد")
    assert found is not None
    assert found[0].start == 0


@pytest.mark.parametrize(("gap", "holds"), [(0, True), (11, True), (12, True), (13, False)])
def test_near_counts_the_words_between(gap: int, holds: bool) -> None:
    assert (texts(NEAR, " ".join(["تسليم", *["كلمة"] * gap, "الأسد"])) is not None) is holds


def test_near_counts_all_gaps_of_a_window_together() -> None:
    clause = Near("n", (terms("a", "موسكو"), terms("b", "دمشق"), terms("c", "أنقرة")), 2)
    assert texts(clause, "موسكو كلمة دمشق كلمة أنقرة") is not None
    assert texts(clause, "موسكو كلمة دمشق كلمة كلمة أنقرة") is None


def test_near_stays_in_one_paragraph_and_the_title_is_its_own() -> None:
    assert texts(NEAR, "بحثوا التسليم.\n\nوصل الأسد.") is None
    assert texts(NEAR, "وصل الأسد", title="بحثوا التسليم") is None
    assert texts(NEAR, "وصلوا", title="تسليم الأسد") == ["تسليم الأسد"]


def test_near_within_a_sentence_or_a_paragraph() -> None:
    text = "بحثوا التسليم. ثم وصل الأسد."
    assert texts(Near("n", (ASSAD, HANDOVER), "sentence"), text) is None
    assert texts(Near("n", (ASSAD, HANDOVER), "paragraph"), text) == ["التسليم. ثم وصل الأسد"]


def test_ordered_near_wants_its_operands_in_order() -> None:
    assert texts(Near("n", (HANDOVER, ASSAD), 5, ordered=True), "الأسد تسليم") is None
    assert texts(Near("n", (HANDOVER, ASSAD), 5, ordered=True), "تسليم الأسد") == ["تسليم الأسد"]


def test_near_operands_share_no_word() -> None:
    clause = Near("n", (terms("a", "الجيش الروسي"), terms("b", "الروسي")), 5)
    assert texts(clause, "الجيش الروسي") is None
    assert texts(clause, "الجيش الروسي والوفد الروسي") == ["الجيش الروسي والوفد الروسي"]


def test_a_word_of_three_letters_counts_near_but_not_alone() -> None:
    assert texts(Has(HANDOVER), "سلم بشار الأسد") is None
    assert texts(NEAR, "سلم بشار الأسد") == ["سلم بشار الأسد"]


# --- Logic and places


def test_at_least_counts_distinct_clauses_and_tells_the_best() -> None:
    clauses = (Has(terms("a", "نفط")), Has(terms("b", "غاز")), Has(terms("c", "فحم")))
    assert texts(AtLeast("l", 2, clauses), "نفط ونفط") is None
    assert texts(AtLeast("l", 2, clauses), "غاز وفحم ونفطي") == ["غاز", "وفحم"]


def test_without_vetoes_the_whole_article() -> None:
    clause = AtLeast("all", 2, (Has(terms("a", "هجوم")), Without("none", (Has(terms("n", "كرة القدم")),))))
    assert texts(clause, "هجوم على القاعدة") == ["هجوم"]
    assert texts(clause, "هجوم على القاعدة.\n\nأخبار كرة القدم") is None


def test_without_may_look_at_one_place_only() -> None:
    veto = Without("none", (Has(terms("n", "رياضة"), Where.TITLE),))
    clause = AtLeast("all", 2, (Has(terms("a", "هجوم")), veto))
    assert texts(clause, "هجوم، رياضة", title="خبر") == ["هجوم"]
    assert texts(clause, "هجوم", title="رياضة") is None


@pytest.mark.parametrize(
    ("where", "title", "text", "holds"),
    [
        (Where.TITLE, "هجوم", "خبر", True),
        (Where.TITLE, "خبر", "هجوم", False),
        (Where.TITLE, None, "هجوم", False),
        (Where.TEXT, "هجوم", "خبر", False),
        (Where.TEXT, None, "هجوم", True),
        (Where.LEAD, None, "وقع هجوم.\n\nخبر", True),
        (Where.LEAD, None, "خبر.\n\nوقع هجوم", False),
        (Where.LEAD, None, "كلمة " * 79 + "هجوم", True),
        (Where.LEAD, None, "كلمة " * 80 + "هجوم", False),
    ],
)
def test_a_clause_looks_where_it_is_told(where: Where, title: str | None, text: str, holds: bool) -> None:
    assert (texts(Has(terms("a", "هجوم"), where), text, title=title) is not None) is holds


# --- Scores


@pytest.mark.parametrize(
    ("text", "title", "score"),
    [
        ("تسليم الأسد", None, 100),
        ("لتسليمه", None, 95),
        ("سلّمت الملف", None, 85),
        ("سلّمت الملف", "تسليم", 100),
        ("خبر", "لتسليمه", 100),
        ("خبر", "سلّمت الملف", 90),
    ],
)
def test_a_score_is_its_surest_mention_and_a_little_more_in_the_title(text: str, title: str | None, score: int) -> None:
    assert matches(Has(terms("a", "تسليم")), article(text, title=title))[0].score == score


def test_a_score_is_its_weakest_clause() -> None:
    clause = AtLeast("all", 2, (Has(terms("a", "تسليم")), Has(terms("b", names=("أردوغان",)))))
    assert matches(clause, article("تسليم اردوجان"))[0].score == 75


# --- Whom a watchlist looks at


def test_only_and_expiry_decide_what_a_watchlist_looks_at() -> None:
    clause = Has(terms("a", "هجوم"))
    one = article("هجوم", source="agency", lang="ar", tier=1)
    assert matches(clause, one, only=Only(frozenset({"agency"}), frozenset({"ar"}), frozenset({1})))
    assert not matches(clause, one, only=Only(sources=frozenset({"other"})))
    assert not matches(clause, one, only=Only(langs=frozenset({"en"})))
    assert not matches(clause, one, only=Only(tiers=frozenset({2})))
    assert not matches(clause, article("هجوم"), only=Only(langs=frozenset({"ar"})))
    assert matches(clause, one, expires=date(2026, 5, 4))
    assert not matches(clause, one, expires=date(2026, 5, 3))


def test_a_shadow_watchlist_matches_all_the_same() -> None:
    assert matches(Has(terms("a", "هجوم")), article("هجوم"), status=Status.SHADOW)


def test_every_watchlist_that_holds_is_told() -> None:
    lists = [
        Watchlist(WatchlistHeader(id=word, name=word), Has(terms(word, word))) for word in ("هجوم", "غارة", "هدنة")
    ]
    found = compile_watchlists(lists).match(article("غارة ثم هجوم"), NOW)
    assert [match.watchlist.id for match in found] == ["هجوم", "غارة"]


def test_no_watchlists_match_nothing() -> None:
    assert compile_watchlists([]).match(article("هجوم"), NOW) == []


# --- What people are told


def test_a_term_is_described_by_how_it_is_read() -> None:
    assert describe(Term("الأسد")).startswith("الأسد: with ال")
    assert "name, one spelling" in describe(Term("بشار الأسد"))
    assert "name, spelling may vary" in describe(Term("بوتين"))
    assert "انسحبت" in describe(Term("انسحاب"))
    assert describe(Term("US")) == "US: acronym · also spaced يو إس"
    assert describe(Term("!")) == "no word in it"


def test_negators_and_contrary_words_are_no_fillers() -> None:
    assert not {"ضد", "دون", "بدون", "لا", "لم", "لن", "غير", "ليس"} & set(FILLERS)


# --- Properties

WORDS = (
    "بشار الأسد حافظ تسليم سلّمت القاعدة قاعدة قواعد روسية في سوريا بسوريا لـ«قسد» 17كم وبالتسليم مُحَمَّد Assad's U.S. "
    "النفط، خبر. #تسليم_الأسد هجومها ﻻ"
)
WATCHED: list[Clause] = [
    Has(ASSAD),
    NEAR,
    Near("sentence", (HANDOVER, ASSAD), "sentence"),
    Has(terms("t", "القواعد الروسية في سوريا", "قسد", "هجوم", names=("محمد",))),
    AtLeast("any", 1, (Has(terms("x", "القاعدة")), Has(terms("y", "نفط", "17")))),
]
WATCHLISTS = [Watchlist(WatchlistHeader(id=str(n), name=""), clause) for n, clause in enumerate(WATCHED)]
MATCHER = compile_watchlists(WATCHLISTS)
passages = st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join)
newsy = (
    passages
    | st.text(alphabet=st.sampled_from(WORDS + "\n\u200b\u200f\u0640\u064e؟"), max_size=80)
    | st.text(max_size=60)
)


@given(title=newsy, text=newsy)
@settings(deadline=None)
def test_evidence_says_what_stands_in_the_article(title: str, text: str) -> None:
    for match in MATCHER.match(article(text, title=title), NOW):
        assert match.evidence
        for one in match.evidence:
            field = title if one.field == "title" else text
            assert field[one.start : one.end] == one.text
            assert field[one.quote_start : one.quote_start + len(one.quote)] == one.quote
            assert one.quote_start <= one.start < one.end <= one.quote_start + len(one.quote)
            assert one.start == min(mention.start for mention in one.mentions)
            assert one.end == max(mention.end for mention in one.mentions)
            assert all(field[mention.start : mention.end] == mention.text for mention in one.mentions)


@given(title=newsy, text=newsy)
@settings(deadline=None)
def test_the_same_article_always_gives_the_same_matches(title: str, text: str) -> None:
    one = article(text, title=title)
    fresh = compile_watchlists(WATCHLISTS)
    assert MATCHER.match(one, NOW) == MATCHER.match(one, NOW) == fresh.match(one, NOW)


@given(text=passages, noise=st.sampled_from(["\u200f", "\u200d", "\ufeff", "\u2069"]), data=st.data())
@settings(deadline=None)
def test_invisible_marks_change_no_match(text: str, noise: str, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    noisy = text
    for place in sorted(places, reverse=True):
        noisy = noisy[:place] + noise + noisy[place:]
    assert [(match.watchlist.id, match.score) for match in MATCHER.match(article(noisy), NOW)] == [
        (match.watchlist.id, match.score) for match in MATCHER.match(article(text), NOW)
    ]


@given(st.lists(st.sampled_from(["الأسد", "تسليم", "القاعدة", "قواعد", "هجومها", "نفط", "كلمة"]), max_size=20))
@settings(deadline=None)
def test_tatweel_within_words_changes_no_match(words: list[str]) -> None:
    stretched = " ".join(word[:2] + "ـــ" + word[2:] for word in words)
    assert [(match.watchlist.id, match.score) for match in MATCHER.match(article(stretched), NOW)] == [
        (match.watchlist.id, match.score) for match in MATCHER.match(article(" ".join(words)), NOW)
    ]


# --- Signs inside a term

SIGNED = (
    "5+1|24/7|AT&T|أ.ش.أ|جبهة النصرة/فتح الشام|C++|النفط، الغاز|oil, gas|@handle|إس-400|a.b.c|U.S. Army|Yahoo! Japan|"
    "هل؟ نعم|د. أحمد|100%|#قسد|الـ قسد|الـ«إن|لـ«القاعدة»|مصر و«الجزيرة»|خبر وMD|محمدًا|في/سوريا|95.\u200f56 عدوانية"
)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("text", SIGNED.split("|"))
def test_a_term_with_a_sign_in_it_finds_its_own_spelling(text: str, kind: Kind) -> None:
    assert matches_itself(Term(text, kind))


@pytest.mark.parametrize(
    ("term", "text", "found"),
    [
        ("5+1", "مجموعة ٥+١ اجتمعت", "٥+١"),
        ("5+1", "مجموعة 5 + 1 اجتمعت", "5 + 1"),
        ("5+1", "فاز 5 1", None),
        ("5+1", "فاز 5-1", None),
        ("5+1", "فاز 5/1", None),
        ("أ.ش.أ", "نقلت أ ش أ الخبر", "أ ش أ"),
        ("أ.ش.أ", "نقلت «أ. ش. أ» الخبر", "أ. ش. أ"),
        ("جبهة النصرة/فتح الشام", "جبهة النصرة - فتح الشام", "جبهة النصرة - فتح الشام"),
        ("جبهة النصرة/فتح الشام", "جبهة النصرة، فتح الشام", None),
        ("جبهة النصرة/فتح الشام", "جبهة النصرة في فتح الشام", None),
        ("النفط، الغاز", "النفط, الغاز", "النفط, الغاز"),
        ("النفط الغاز", "النفط، الغاز", None),
        ("AT&T", "لـAT&T فروع", "AT&T"),
        ("Yahoo! Japan", "Yahoo!\n\nJapan", None),
        ("القاعدة", "انضم لـ«القاعدة» أمس", "القاعدة"),
    ],
)
def test_a_sign_of_a_term_may_stand_as_it_is_or_as_a_space(term: str, text: str, found: str | None) -> None:
    assert texts(Has(terms("t", term)), text) == (None if found is None else [found])


def test_a_term_without_a_word_never_matches_itself() -> None:
    assert not matches_itself(Term("!"))


written = st.lists(
    st.sampled_from([*WORDS.split(), *SIGNED.split("|"), "سلم", "وبالدفاع", "عبدالله", "أبو", "بكر", "بورسعيد", "1.5"])
    | st.text(alphabet="ابتسلمنهوييةىءأإآؤئكفرقدع\u064e\u064b\u0651\u0640", min_size=1, max_size=9)
    | st.text(alphabet=st.characters(exclude_categories=["Cs", "Zl", "Zp"]), min_size=1, max_size=6)
    | st.sampled_from(["+", "/", "&", "،", ",", ".", ":", "!", "؟", "@", "«", "-", "…"]),
    min_size=1,
    max_size=4,
)


DETACHED = re.compile(r"[.!؟?…]\s*\w*ـ\s")
"""Behind the end of a sentence an article that stands by itself belongs to the next one: a term of both is none."""


@given(parts=written, glue=st.sampled_from(["", " "]), kind=st.sampled_from(Kind))
@settings(deadline=None, max_examples=300)
def test_every_term_finds_a_text_that_is_only_the_term(parts: list[str], glue: str, kind: Kind) -> None:
    text = " ".join(glue.join(parts).split())
    assume(not DETACHED.search(text))
    found = evidence(Has(TermSet("t", (Term(text, kind),))), text)
    tokens = tokenize(text)
    assert matches_itself(Term(text, kind)) is bool(tokens)
    assert (found is not None) is bool(tokens)
    assert not found or (found[0].start, found[0].end) == (tokens[0].start, tokens[-1].end)
