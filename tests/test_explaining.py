"""`monitor explain` and `monitor expand`: what each clause saw, what nearly counted, what a term finds."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from monitor.matching import compile_watchlists
from monitor.matching.explaining import MOST_MISSES, Explanation, Seen, explain
from monitor.matching.expressions import AtLeast, Has, Kind, Near, Term, TermSet, Watchlist, Where, Without
from monitor.model import Article, Header, WatchlistHeader
from monitor.notify.terminal import STYLES
from monitor.showing import explained as shown
from monitor.showing import page, record
from monitor.watchlists.loading import load_watchlists
from tests import browser
from tests.installation import MONITOR, Installation
from tests.test_meaning import CASES, open_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.matching.expressions import Clause

NEAREST: Final[list[dict[str, Any]]] = YAML(typ="safe").load(Path(__file__).parent / "data/explaining/nearest.yaml")
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


WORDS: Final = (
    "الأسد أسد حافظ بشار ماهر تسليم سلم سلّمته تسلم ترحيل التسليح ميناء طرطوس وطرطوس طرابلس القواعد الروسية في من لا، . "
    "إردوغان Assad US us ثم"
)
TERMS: Final = "الأسد|بشار الأسد|تسليم|ترحيل|ميناء طرطوس|طرطوس|US|القواعد الروسية في"
term = st.builds(Term, st.sampled_from(TERMS.split("|")), st.sampled_from(Kind))
flat = st.builds(
    TermSet,
    st.just("set"),
    st.lists(term, min_size=1, max_size=3).map(tuple),
    st.just(()),
    st.lists(st.builds(Term, st.sampled_from(["حافظ الأسد", "ماهر الأسد", "تسليم ميناء"])), max_size=2).map(tuple),
)
termset = flat | st.builds(TermSet, st.just("nested"), st.just(()), st.lists(flat, min_size=1, max_size=2).map(tuple))
within = st.sampled_from([0, 1, 3, "sentence", "paragraph"])
place = st.sampled_from(Where)
leaf = st.builds(Has, termset, place) | st.builds(
    Near, st.just("near"), st.lists(termset, min_size=2, max_size=3).map(tuple), within, st.booleans(), place
)
unscoped = st.builds(Without, st.just("none"), st.lists(leaf, min_size=1, max_size=2).map(tuple))
scoped = st.builds(
    Without, st.just("none"), st.lists(st.builds(Has, termset), min_size=1, max_size=2).map(tuple), within
)
together = st.builds(
    lambda wanted, held: AtLeast("all", len(wanted) + len(held), (*wanted, *held)),
    st.lists(leaf, min_size=1, max_size=3),
    st.lists(unscoped | scoped, max_size=2),
)
some = st.lists(leaf | together, min_size=2, max_size=3).flatmap(
    lambda clauses: st.builds(AtLeast, st.just("some"), st.integers(1, len(clauses)), st.just(tuple(clauses)))
)
paragraph = st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)
text = st.lists(paragraph, max_size=3).map("\n\n".join)


@given(clause=leaf | together | some, text=text, title=st.just("") | paragraph)
@settings(deadline=None, max_examples=400)
def test_for_any_watchlist_and_text_verdict_and_evidence_are_the_engines_own(
    clause: Clause, text: str, title: str
) -> None:
    one, given_article = Watchlist(WatchlistHeader(id="w", name="w"), clause), article(text, title)
    explanation = explain(one, given_article, NOW)
    matches = compile_watchlists([one]).match(given_article, NOW)
    assert [explanation.match] == [*matches, None][:1]
    assert explanation.seen.holds == bool(matches)
    fields = {"title": title, "text": text}
    seen = [each for part in walk(explanation.seen) for each in part.saw]
    for each in matches[0].evidence if matches else ():
        assert each in seen
    for miss in explanation.misses:
        assert fields[miss.field][miss.start : miss.end] == miss.text
    assert bool(explanation.misses) <= (not matches)
    assert len(explanation.misses) <= MOST_MISSES
    assert page(explanation, given_article)
    assert record(explanation)


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


@pytest.mark.parametrize("case", NEAREST, ids=[case["why"] for case in NEAREST])
def test_what_came_nearest_is_told_with_the_rule_that_refused_it(case: dict[str, Any]) -> None:
    wanted = TermSet(
        "set", (Term(case["term"], Kind(case.get("kind", "plain"))),), (), tuple(map(Term, case.get("except", ())))
    )
    one = Watchlist(WatchlistHeader(id="w", name="w"), Has(wanted))
    explanation = explain(one, article(case["text"]), NOW)
    assert explanation.match is None
    nearest_one = explanation.misses[0]
    assert (nearest_one.text, nearest_one.line, nearest_one.why) == (case["near"], case["line"], case["why"])
    assert explanation.line == case["line"]


def test_what_looks_like_nothing_is_no_miss(tmp_path: Path) -> None:
    explanation = explained(tmp_path, "watchlists: [{name: x, terms: [تصدير القمح]}]", "وصل الوزير إلى المطار")
    assert (explanation.misses, explanation.line) == ((), 1)


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


def test_a_mention_that_an_exception_took_is_shown_where_another_counts(tmp_path: Path) -> None:
    explanation = explained(tmp_path, ASSAD, "تسليم الأسد ممكن. وكان حافظ الأسد رئيساً")
    assert explanation.match is not None
    (removed,) = (one for seen in walk(explanation.seen) for one in seen.removed)
    assert (removed.mention.text, removed.term, removed.by) == ("الأسد", "حافظ الأسد", "حافظ الأسد")
    assert explanation.place("text", removed.mention.start).sentence == 2


def test_what_stands_too_close_to_what_none_forbids_is_told(tmp_path: Path) -> None:
    lists = """\
watchlists:
  - name: x
    match:
      all:
        - طرطوس
        - none:
            - مهرجان
          within: sentence
"""
    explanation = explained(tmp_path, lists, "بدأ المهرجان في طرطوس")
    assert (explanation.line, nearest(explanation)) == (8, [("طرطوس", 8)])


def test_too_few_of_several_are_counted(tmp_path: Path) -> None:
    lists = "watchlists: [{name: x, match: {at_least: 2, of: [طرطوس, حمص, دمشق]}}]"
    explanation = explained(tmp_path, lists, "وصلوا إلى طرطوس")
    assert (explanation.line, explanation.seen.tally) == (7, "1 of 3 hold, 2 must")


def test_the_tightest_window_is_shown_where_none_is_tight_enough(tmp_path: Path) -> None:
    text = "تسليم كل ما جاء في السفينة إلى الأسد.\n\nقال إن تسليم أربعة من رجال الحرس حضره الأسد"
    closest = explained(tmp_path, ASSAD, text).seen.closest
    assert closest is not None
    assert closest.text == "تسليم أربعة من رجال الحرس حضره الأسد"


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
    assert '<mark class="h2"><bdi>تسليم</bdi><sup>2</sup></mark>' in written
    assert "http" not in written.replace("http-equiv", "")
    assert "default-src 'none'" in written


PLAIN = dict.fromkeys(STYLES, "") | {"mark": "*", "unmark": "*", "missed": "~", "unmissed": "~"}


def test_a_terminal_shows_the_paragraphs_that_matter_with_a_mark_per_clause(tmp_path: Path) -> None:
    found = watchlist(tmp_path, ASSAD)
    given_article = article("رفضوا تسليم الأسد.\n\nلا شيء هنا.\n\nوحافظ الأسد", title="خبر")
    lines = list(shown(explain(found, given_article, NOW), given_article, PLAIN))
    assert lines[0] == "Assad extradition: matches, score 100"
    assert lines[1].startswith("decided by line 6:")
    assert lines[-2:] == [
        "paragraph 1: \u2068رفضوا *تسليم*② *الأسد*①.\u2069",
        "paragraph 3: \u2068وحافظ ~الأسد~✗\u2069",
    ]
    assert any(
        "taken away by the exception «\u2068حافظ الأسد\u2069», paragraph 3, sentence 1" in line for line in lines
    )


def test_a_terminal_obeys_nothing_that_a_publisher_wrote(tmp_path: Path) -> None:
    hostile = article("\x1b[31m تسليم \u202e الأسد\x07")
    lines = shown(explain(watchlist(tmp_path, ASSAD), hostile, NOW), hostile, PLAIN)
    assert not {"\x1b", "\x07", "\u202e"} & set("".join(lines))


def test_a_page_fits_a_phone(tmp_path: Path) -> None:
    if not browser.find():
        assert not os.environ.get("CI"), "chromium is missing"
        pytest.skip("needs Chromium")
    given_article = article(f"تسليم {'طويل' * 60} الأسد https://example.org/{'x' * 300}", title="ع" * 200)
    written = page(explain(watchlist(tmp_path, ASSAD), given_article, NOW), given_article).decode()
    fits = "const root = page.documentElement; return [root.scrollWidth <= root.clientWidth,"
    script = f"{fits} page.querySelectorAll('article mark').length]"
    assert browser.ask([written], script, width=360) == [[True, 2]]


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
    told = json.loads(listed.stdout)
    assert (told["match"], told["line"], told["nearest"][0]["text"]) == (False, 2, "أسد")
    assert told["nearest"][0]["paragraph"] == 1


def test_explain_of_what_is_not_there_is_told(desk: Installation, tmp_path: Path) -> None:
    unknown = desk("explain", "asad-extradition", "-", stdin="x")
    assert (unknown.returncode, "did you mean 'assad-extradition'" in unknown.stderr) == (2, True)
    assert desk("explain", "assad-extradition", str(tmp_path / "none.txt")).returncode == 3
    assert desk("explain", "assad-extradition", "-", stdin=" ").returncode == 3


def test_colour_is_for_a_terminal_whose_user_wants_it(desk: Installation) -> None:
    desk.write("article.txt", "رفضت موسكو تسليم الأسد")
    arguments = ["explain", "assad-extradition", str(desk.folder / "article.txt")]
    assert "\x1b[1;33mتسليم" in on_a_terminal(desk, *arguments)
    assert "*تسليم*" in on_a_terminal(desk, *arguments, NO_COLOR="1")


def on_a_terminal(desk: Installation, *arguments: str, **variables: str) -> str:
    """Run a command whose output is a terminal, and return what it wrote there."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in desk.environment.items() if name != "NO_COLOR"}
    environment = {**kept, "TERM": "xterm", **variables}
    with subprocess.Popen([*MONITOR, *arguments], env=environment, stdout=theirs) as process:
        os.close(theirs)
        written = bytearray()
        with suppress(OSError):  # Linux ends a terminal that nobody has open any more so
            while chunk := os.read(ours, 65536):
                written += chunk
    os.close(ours)
    assert process.returncode == 0
    return written.decode()


def test_a_text_is_asked_for_where_nobody_gives_one(desk: Installation) -> None:
    ours, theirs = pty.openpty()
    asked = subprocess.run(
        [*MONITOR, "explain", "assad-extradition"], env=desk.environment, stdin=theirs, capture_output=True, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert (asked.returncode, "| monitor explain ID -" in asked.stderr.decode()) == (2, True)


def test_articles_are_read_as_a_folder_source_reads_them(desk: Installation, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps({"title": "تسليم الأسد", "text": "خبر"}), "utf-8")
    (tmp_path / "one.html").write_text(
        f"<title>خبر</title><article><p>{'تسليم الأسد إلى بلاده. ' * 9}</p></article>", "utf-8"
    )
    for name in ("one.json", "one.html"):
        assert desk("explain", "ASSAD extradition", str(tmp_path / name)).returncode == 0
    (tmp_path / "other.yaml").write_text("watchlists: [{name: Tartus, terms: [طرطوس]}]", "utf-8")
    other = desk("explain", "tartus", "-", "--watchlists", str(tmp_path / "other.yaml"), stdin="في طرطوس")
    assert other.returncode == 0
