"""`monitor expand`: how a term is read, by which rules its forms come, how common they are, what it does not find."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from monitor.matching import compile_watchlists
from monitor.matching.expanding import Found, Reading, Rule, count, expand
from monitor.matching.expressions import Has, Kind, Term, TermSet, Watchlist
from monitor.model import Article, Header, WatchlistHeader
from monitor.showing import expanded
from tests.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterable

RULES: Final[list[dict[str, Any]]] = YAML(typ="safe").load(Path(__file__).parent / "data/explaining/forms.yaml")
NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)


def article(text: str) -> Article:
    header = Header(id="a", source="s", title="", titled=False, content_hash="", first_seen=NOW)
    return Article(header=header, text=text)


def forms(text: str, kind: Kind = Kind.PLAIN) -> dict[str, Found]:
    (word,) = expand(Term(text, kind)).words
    return {form.spelt: form for form in word.forms}


def is_found(term: Term, text: str) -> bool:
    """Ask the engine itself."""
    header = WatchlistHeader(id="w", name="w")
    return bool(compile_watchlists([Watchlist(header, Has(TermSet("t", (term,))))]).match(article(text), NOW))


@pytest.mark.parametrize("case", RULES, ids=[f"{case['term']}: {case['form']}" for case in RULES])
def test_a_form_is_told_with_its_rule(case: dict[str, Any]) -> None:
    form = forms(case["term"], Kind(case.get("kind", "plain")))[str(case["form"])]
    assert (str(form.rule), form.verb, str(form.how)) == (case["rule"], case.get("verb", ""), case["how"])


FAMILIES: Final = "تسليم|هجوم|وزير|قاعدة|مستشفى|روسيا|الحوثي|انسحاب|استقالة|مفاوضات|الأسد|كتاب|أردوغان|طرطوس"


@given(term=st.builds(Term, st.sampled_from(FAMILIES.split("|")), st.sampled_from(Kind)))
@settings(deadline=None, max_examples=40)
def test_every_form_that_is_listed_is_found_and_what_is_listed_as_not_found_is_not(term: Term) -> None:
    (word,) = expand(term).words
    assert all(is_found(term, form.spelt) for form in word.forms if not form.weak and not form.bound)
    assert all(is_found(term, f"{form.spelt}هم") for form in word.forms if form.bound)
    assert all(is_found(term, one) for one in word.variants)
    assert not any(is_found(term, one.spelt) for one in word.unfound)


def test_a_form_that_is_another_word_too_is_marked() -> None:
    found = forms("تسليم")
    assert found["سلم"].weak
    assert not found["سلمت"].weak


def test_a_word_with_its_article_is_shown_with_it_and_what_that_leaves_out() -> None:
    (word,) = expand(Term("الأسد")).words
    assert [form.spelt for form in word.forms] == ["الأسد"]
    assert "أسد" in [one.spelt for one in word.unfound]


def test_spellings_of_a_name_are_shown_the_likeliest_first() -> None:
    (word,) = expand(Term("أردوغان", Kind.NAME)).words
    assert word.variants[0] == "اردوجان"
    assert expand(Term("تسليم")).words[0].variants == ()
    assert "Zelenskyy" in expand(Term("Zelensky", Kind.NAME)).words[0].variants


def test_a_phrase_is_read_word_by_word() -> None:
    expansion = expand(Term("القواعد الروسية في سوريا"))
    assert [word.spelt for word in expansion.words] == ["القواعد", "الروسية", "في", "سوريا"]
    assert expansion.spellings


@pytest.mark.parametrize(
    ("text", "kind", "taken_for"),
    [
        ("تسليم", Kind.PLAIN, "whole family"),
        ("طرطوس", Kind.NAME, "name, one spelling"),
        ("أردوغان", Kind.NAME, "name, spelling may vary"),
        ("الأسد", Kind.PLAIN, "with ال"),
        ("تسليم", Kind.EXACT, "as written"),
        ("قسد", Kind.PLAIN, "acronym"),
        ("2254", Kind.PLAIN, "number"),
        ("export", Kind.PLAIN, "word and its endings"),
    ],
)
def test_how_a_word_is_read_is_told(text: str, kind: Kind, taken_for: str) -> None:
    assert expand(Term(text, kind)).words[0].taken_for == taken_for


# --- How common ------------------------------------------------------------------------------------------------------


def test_what_articles_hold_is_counted_as_written_and_by_form() -> None:
    counts = count(Term("تسليم"), [article("رفض تسليمه، ثم سلّمته السلطات"), article("لتسليم"), article("تسلح")])
    assert counts.written == {"تسليمه": 1, "سلّمته": 1, "لتسليم": 1}
    assert counts.forms == ({"تسليم": 2, "سلمت": 1},)
    assert (counts.articles, counts.mentions) == (3, 3)


def test_each_word_of_a_phrase_is_counted_by_its_form() -> None:
    counts = count(Term("قاعدة روسية"), [article("قرب القواعد الروسية وقاعدة روسية، وقواعد أخرى")])
    assert counts.forms == ({"قواعد": 1, "قاعدة": 1}, {"روسية": 2})


def lines(term: Term, articles: Iterable[Article] | None) -> str:
    return "\n".join(expanded(expand(term), count(term, articles) if articles is not None else None))


def test_counts_stand_beside_the_forms() -> None:
    shown = lines(Term("تسليم"), [article("جرى تسليم السفينة، وسلمت الميناء، وتسليمها")])
    assert "تسليم ×2" in shown
    assert "سلمت ×1" in shown
    assert "articles: 1, mentions: 3" in shown


def test_where_nothing_can_be_counted_it_says_so() -> None:
    assert "no counts yet" in lines(Term("تسليم"), None)


def test_forms_are_grouped_by_their_rule_in_one_order() -> None:
    word: Reading = expand(Term("قواعد")).words[0]
    order = [form.rule for form in word.forms]
    assert order == sorted(order, key=list(Rule).index)


# --- The command -----------------------------------------------------------------------------------------------------


def test_expand_reads_a_term_as_it_stands_in_a_file_and_counts_in_the_archive(tmp_path: Path) -> None:
    desk = Installation(tmp_path / "desk")
    assert "no counts yet" in desk("expand", "--name", "طرطوس").stdout
    desk.put("one.txt", "وصلت السفينة إلى طرطوس")
    desk("run", "--until-idle")
    for written in ("{name: طرطوس}", "name: طرطوس"):
        done = desk("expand", written)
        assert (done.returncode, "(name)" in done.stdout) == (0, True)
        assert "articles: 1, mentions: 1" in done.stdout
    told = json.loads(desk("expand", "تسليم", "--json").stdout)
    assert (told["kind"], told["words"][0]["forms"][0]["rule"]) == ("plain", "as written")
    assert desk("expand", "،،").returncode == 2
    assert desk("expand", "--name", "--exact", "طرطوس").returncode == 2


def test_expand_counts_in_files(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles/one.txt").write_text("وصلت السفينة إلى ميناء طرطوس", "utf-8")
    done = Installation(tmp_path / "desk")("expand", "ميناء", "--articles", str(tmp_path / "articles"), "--json")
    told = json.loads(done.stdout)
    assert (told["articles"], told["written"]) == (1, {"ميناء": 1})
