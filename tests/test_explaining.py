"""`monitor explain` and `monitor expand`: what each clause saw, what nearly counted, what a term finds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from monitor.matching import compile_watchlists
from monitor.matching.expanding import count, expand
from monitor.matching.explaining import Explanation, Seen, explain
from monitor.matching.expressions import Kind, Term
from monitor.model import Article, Header
from monitor.showing import page
from monitor.watchlists.loading import load_watchlists
from tests.installation import Installation
from tests.test_meaning import CASES, open_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.matching.expressions import Watchlist

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ASSAD = """\
watchlists:
  - name: Assad extradition
    match:
      near:
        - any:
            - الأسد
            - بشار الأسد
          except:
            - حافظ الأسد
        - تسليم
      within: 3
"""


def article(text: str, title: str = "") -> Article:
    header = Header(id="a", source="s", title=title, titled=bool(title), content_hash="", first_seen=NOW)
    return Article(header=header, text=text)


def watchlist(folder: Path, text: str) -> Watchlist:
    (folder / "lists.yaml").write_text(text, "utf-8")
    (found,) = load_watchlists(folder / "lists.yaml").watchlists
    return found


def explained(folder: Path, lists: str, text: str, title: str = "") -> Explanation:
    return explain(watchlist(folder, lists), article(text, title), NOW)


def nearest(explanation: Explanation) -> list[tuple[str, int]]:
    return [(miss.text, miss.line) for miss in explanation.misses]


@pytest.mark.parametrize("case", CASES, ids=[f"line {case['line']}: {case['why']}" for case in CASES])
def test_the_verdict_is_the_engines_own(case: dict[str, Any], tmp_path: Path) -> None:
    (one,), given, now = open_case(case, tmp_path)
    explanation = explain(one, given, now)
    assert [explanation.match or None] == [*compile_watchlists([one]).match(given, now), None][:1]
    assert (explanation.seen.holds and not explanation.barred) == (explanation.match is not None)
    assert all(part.line in range(1, 11) for part in walk(explanation.seen))


def walk(seen: Seen) -> Iterator[Seen]:
    yield seen
    for part in seen.parts:
        yield from walk(part)


@pytest.mark.parametrize(
    ("text", "line", "miss"),
    [
        ("رفضت موسكو تسليم بشار الأسد", 6, None),
        ("ذكرى حافظ الأسد وقصة تسليم السلطة", 5, ("الأسد", 5)),
        ("ناقش الأسد التسليح", 1, ("التسليح", 1)),
        ("تسليم أسد الحديقة", 2, ("أسد", 2)),
    ],
)
def test_the_line_that_decided_and_the_nearest_miss(
    tmp_path: Path, text: str, line: int, miss: tuple[str, int] | None
) -> None:
    explanation = explained(tmp_path, ASSAD, text)
    assert explanation.line == line
    assert miss is None or miss in nearest(explanation)


def test_words_that_stand_too_far_apart_are_measured(tmp_path: Path) -> None:
    text = "تسليم السفينة ومن فيها من الركاب صباحاً حضره الأسد"
    explanation = explained(tmp_path, ASSAD, text)
    assert explanation.line == 6
    assert explanation.seen.note == "they stand too far apart: 7 words between; asked is at most 3 words between"


def test_words_in_two_paragraphs_are_never_near(tmp_path: Path) -> None:
    assert explained(tmp_path, ASSAD, "حضر الأسد.\n\nبدأ تسليم السفينة.").seen.note == "never in one paragraph"


@pytest.mark.parametrize(
    ("term", "text", "line"),
    [
        ("ميناء طرطوس", "طرطوس لها ميناء", 3),
        ("ميناء طرطوس", "وصلوا إلى الميناء. وفي طرطوس عادوا", 3),
        ("ميناء طرطوس", "افتتح الوزير ميناء", 3),
    ],
)
def test_a_phrase_that_is_not_one_is_told(tmp_path: Path, term: str, text: str, line: int) -> None:
    explanation = explained(tmp_path, f"watchlists: [{{name: x, terms: [{term}]}}]", text)
    assert line in {line for _, line in nearest(explanation)}


def test_what_stands_outside_its_place_is_told(tmp_path: Path) -> None:
    lists = "watchlists:\n  - name: x\n    match:\n      any: [طرطوس]\n      in: title\n"
    explanation = explained(tmp_path, lists, "وصلوا إلى طرطوس", title="خبر")
    assert (explanation.line, nearest(explanation)[0]) == (7, ("طرطوس", 7))


def test_what_holds_an_article_back_is_named(tmp_path: Path) -> None:
    parts = "[طرطوس, {none: [مهرجان], in: text}]"
    lists = f"watchlists: [{{name: x, match: {{all: {parts}}}}}]"
    explanation = explained(tmp_path, lists, "بدأ المهرجان في طرطوس")
    assert explanation.line == 8
    assert [seen.note for seen in walk(explanation.seen) if seen.line == 8 and seen.note] == ["held back by مهرجان"]


def test_a_watchlist_that_does_not_look_says_so(tmp_path: Path) -> None:
    lists = "watchlists: [{name: x, terms: [طرطوس], expires: 2026-01-01, only: {lang: ar}, status: shadow}]"
    explanation = explained(tmp_path, lists, "وصلوا إلى طرطوس")
    assert explanation.match is None
    assert explanation.barred == ("it expired on 2026-01-01", "only: lang ar; this one is unknown")
    assert explanation.remarks


def test_a_page_shows_what_a_publisher_wrote_and_obeys_none_of_it(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> تسليم \u202e <img src=x onerror=y> الأسد"
    found = watchlist(tmp_path, ASSAD)
    given = article(hostile, title="</title><b>")
    written = page(explain(found, given, NOW), given).decode()
    assert "<script" not in written
    assert "<img" not in written
    assert "<b>" not in written
    assert "\u202e" not in written
    assert "<mark>تسليم</mark>" in written
    assert "http" not in written


# --- Expand ----------------------------------------------------------------------------------------------------------


def test_a_term_is_expanded_into_its_family() -> None:
    (word,) = expand(Term("تسليم")).words
    forms = {form.spelt: form.how for form in word.forms}
    assert {"تسليم": "exact", "يسلم": "derived"}.items() <= forms.items()
    assert word.taken_for == "whole family"


def test_a_name_and_an_exact_term_are_read_as_such() -> None:
    assert expand(Term("أردوغان", Kind.NAME)).words[0].varies
    assert [form.spelt for form in expand(Term("تسليم", Kind.EXACT)).words[0].forms] == ["تسليم"]


def test_the_forms_that_articles_have_are_counted() -> None:
    articles = [article("رفض تسليمه، ثم سلّمته السلطات"), article("لتسليم"), article("تسلح")]
    assert count(Term("تسليم"), articles) == ({"تسليمه": 1, "سلّمته": 1, "لتسليم": 1}, 3)


# --- The commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "desk", watchlists=ASSAD)


def test_explain_ends_with_zero_for_a_match_and_one_for_none(desk: Installation, tmp_path: Path) -> None:
    file = tmp_path / "article.txt"
    file.write_text("رفضت موسكو تسليم الأسد", "utf-8")
    found = desk("explain", "assad-extradition", str(file), "--html", str(tmp_path / "page.html"))
    assert (found.returncode, "matches, score 100" in found.stdout) == (0, True)
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    missed = desk("explain", "Assad extradition", "-", stdin="تسليم أسد الحديقة")
    assert (missed.returncode, "(line 2)" in missed.stdout) == (1, True)
    listed = desk("explain", "assad-extradition", "-", "--json", stdin="تسليم أسد الحديقة")
    assert json.loads(listed.stdout)["match"] is False


def test_explain_of_what_is_not_there_is_told(desk: Installation, tmp_path: Path) -> None:
    unknown = desk("explain", "asad-extradition", "-", stdin="x")
    assert (unknown.returncode, "did you mean 'assad-extradition'" in unknown.stderr) == (2, True)
    assert desk("explain", "assad-extradition", str(tmp_path / "none.txt")).returncode == 3
    assert desk("explain", "assad-extradition", "-", stdin=" ").returncode == 3


def test_expand_reads_a_term_as_it_stands_in_a_file_and_counts_in_the_archive(desk: Installation) -> None:
    desk.put("one.txt", "وصلت السفينة إلى طرطوس")
    desk("run", "--until-idle")
    done = desk("expand", "{name: طرطوس}")
    assert (done.returncode, "(name)" in done.stdout) == (0, True)
    assert "written in 1 articles, 1 times:" in done.stdout
    assert json.loads(desk("expand", "تسليم", "--json").stdout)["kind"] == "plain"
    assert desk("expand", "،،").returncode == 2
