"""`monitor backtest`: what watchlists would have found, and what a change of them gains and loses."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.bus.embedded import EmbeddedBus
from monitor.codec import encode
from monitor.errors import Problems, Unavailable
from monitor.matching import compile_watchlists
from monitor.model import Article, Header
from monitor.showing import comparison_lines, summary_lines
from monitor.watchlists.backtesting import Comparison, Summary
from monitor.watchlists.loading import load_watchlists
from monitor.watchlists.versions import load_earlier
from tests.installation import MONITOR, Installation

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.matching.expressions import Watchlist

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LISTS = """\
watchlists:
  - name: Ports
    terms:
      - ميناء طرطوس
      - name: بوتين
  - name: Rain
    terms:
      - مطر
"""


def article(number: int, text: str, days: float = 0) -> Article:
    at = NOW - timedelta(days=days)
    header = Header(id=str(number), title=text, source="s", content_hash="", first_seen=NOW, published=at)
    return Article(header=header, text=text)


ARTICLES = [
    article(1, "وصلت سفينة إلى ميناء طرطوس", days=4),
    article(2, "وصل بوتن", days=2),
    article(3, "لا شيء"),
]


def watchlists(folder: Path, text: str = LISTS) -> tuple[Watchlist, ...]:
    (folder / "lists.yaml").write_text(text, "utf-8")
    return load_watchlists(folder / "lists.yaml").watchlists


def visible(line: str) -> str:
    return line.replace("\u2068", "").replace("\u2069", "")


def test_a_summary_tells_matches_a_day_how_many_are_likely_only_and_the_newest(tmp_path: Path) -> None:
    lists = watchlists(tmp_path)
    summary, matcher = Summary(), compile_watchlists(lists)
    for one in ARTICLES:
        summary.add(one, matcher.match(one, NOW))
    lines = [visible(line) for line in summary_lines(summary, [one.header.id for one in lists])]
    assert [line.split() for line in (lines[0], lines[1], lines[4])] == [
        ["articles", "stories", "a", "day", "likely", "watchlist"],
        ["2", "2", "0.5", "1", "ports"],
        ["0", "0", "0.0", "0", "rain"],
    ]
    assert lines[2].strip() == "2026-11-22  وصل بوتن  «بوتن»"
    assert lines[3].strip() == "2026-11-20  وصلت سفينة إلى ميناء طرطوس  «ميناء طرطوس»"


def test_a_further_version_of_an_article_counts_once(tmp_path: Path) -> None:
    lists = watchlists(tmp_path)
    summary, matcher = Summary(), compile_watchlists(lists)
    for text in ("وصلت سفينة إلى ميناء طرطوس", "غادرت السفينة ميناء طرطوس"):
        one = article(1, text)
        summary.add(one, matcher.match(one, NOW))
    assert (summary.matches, len(summary.tallies["ports"].articles), len(summary.tallies["ports"].newest)) == (2, 1, 1)


def test_a_story_is_counted_once_whoever_tells_it(tmp_path: Path) -> None:
    lists = watchlists(tmp_path)
    summary, matcher = Summary(), compile_watchlists(lists)
    text = "وصلت سفينة محملة بألفي طن من القمح إلى ميناء طرطوس فجرا وبدأت الرافعات تفريغها"
    for number in (1, 2):
        one = article(number, text, days=3 - number)
        first, *_ = summary.add(one, matcher.match(one, NOW))
    assert summary.tallies["ports"].stories == {first}
    assert len(summary.tallies["ports"].articles) == 2


def test_a_large_change_is_counted_whole_and_shown_by_its_newest(tmp_path: Path) -> None:
    before = watchlists(tmp_path)
    comparison = Comparison(before, watchlists(tmp_path, LISTS.replace("مطر", "سفينة")))
    changes = [
        change
        for number in range(10)
        for change, _ in comparison.add(article(number, f"سفينة {number}", days=number), NOW)
    ]
    assert changes == ["gained"] * 10
    lines = [visible(line) for line in comparison_lines(comparison)]
    assert lines[0] == "rain (changed): 10 gained, 0 lost, 0 as before"
    assert [line.split()[2] for line in lines[1:4]] == ["0", "1", "2"]
    assert lines[4] == "  + … and 7 more (--json has all)"


def test_a_change_is_told_by_what_it_gains_and_loses(tmp_path: Path) -> None:
    before = watchlists(tmp_path)
    after = watchlists(tmp_path, LISTS.replace("ميناء طرطوس", "لا شيء").replace("Rain", "Snow"))
    comparison = Comparison(before, after)
    changes = [(change, match.article.id) for one in ARTICLES for change, match in comparison.add(one, NOW)]
    assert changes == [("lost", "1"), ("gained", "3")]
    assert [visible(line) for line in comparison_lines(comparison)] == [
        "snow (added): 0 gained, 0 lost, 0 as before",
        "rain (removed): 0 gained, 0 lost, 0 as before",
        "ports (changed): 1 gained, 1 lost, 1 as before",
        "  + لا شيء  «لا شيء»",
        "  - وصلت سفينة إلى ميناء طرطوس  «ميناء طرطوس»",
        "watchlists that did not change: 0",
    ]


def test_a_watchlist_with_the_same_wording_is_not_held_against_anything(tmp_path: Path) -> None:
    lists = watchlists(tmp_path)
    comparison = Comparison(lists, watchlists(tmp_path, LISTS + "    severity: high\n"))
    assert comparison.unchanged == ["ports", "rain"]
    assert [change for one in ARTICLES for change in comparison.add(one, NOW)] == []


# --- Earlier commits -------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=desk", "-c", "user.email=desk@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository in whose first commit the watchlists are other than now: a file, and the same in a folder."""
    folder = tmp_path / "desk"
    (folder / "lists").mkdir(parents=True)
    for file in (folder / "lists.yaml", folder / "lists" / "a.yaml"):
        file.write_text(LISTS, "utf-8")
    (folder / "lists" / "notes.txt").write_text("no watchlist", "utf-8")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    for file in (folder / "lists.yaml", folder / "lists" / "a.yaml"):
        file.write_text(LISTS.replace("Rain", "Snow"), "utf-8")
    return folder


@pytest.mark.parametrize("path", ["lists.yaml", "lists"])
def test_the_watchlists_of_an_earlier_commit_are_read_and_the_files_stay(repository: Path, path: str) -> None:
    earlier = load_earlier(repository / path, "HEAD")
    assert [one.header.id for one in earlier.watchlists] == ["ports", "rain"]
    assert [one.header.id for one in load_watchlists(repository / path).watchlists] == ["ports", "snow"]


def test_an_unknown_commit_file_or_repository_is_told(repository: Path, tmp_path: Path) -> None:
    (repository / "new.yaml").write_text(LISTS, "utf-8")
    (tmp_path / "outside.yaml").write_text(LISTS, "utf-8")
    with pytest.raises(Unavailable, match="git knows no 'nonsense'"):
        load_earlier(repository / "lists.yaml", "nonsense")
    with pytest.raises(Unavailable, match=r"new\.yaml was not there at HEAD"):
        load_earlier(repository / "new.yaml", "HEAD")
    with pytest.raises(Unavailable, match="not a git repository"):
        load_earlier(tmp_path / "outside.yaml", "HEAD")
    with pytest.raises(Unavailable, match="git knows no '--output=x'"):
        load_earlier(repository / "lists.yaml", "--output=x")


def test_a_fault_of_that_time_is_told_with_its_place_at_that_time(repository: Path) -> None:
    (repository / "lists.yaml").write_text("watchlists: [{name: x, terms: []}]", "utf-8")
    git(repository, "commit", "-am", "broken")
    with pytest.raises(Problems, match=r"HEAD:.*lists\.yaml:1:31: error"):
        load_earlier(repository / "lists.yaml", "HEAD")


# --- The archive, from outside ---------------------------------------------------------------------------------------


@pytest.fixture
def filled(tmp_path: Path) -> Installation:
    """An installation whose archive holds three articles, two of which match."""
    desk = Installation(tmp_path / "desk", watchlists=LISTS)
    seen = datetime.now(UTC) - timedelta(minutes=5)
    headers = [
        Header(id="1", title="وصلت سفينة", titled=False, source="s", content_hash="1", first_seen=seen, lang="ar"),
        Header(id="2", title="وصل بوتن", source="s", content_hash="2", first_seen=seen, published=NOW, tier=1),
        Header(id="3", title="لا شيء", source="s", content_hash="3", first_seen=seen, url="https://example.org/3"),
    ]
    texts = ("وصلت سفينة إلى ميناء طرطوس\r\n\r\nنص.", "نص  الخبر", "لا شيء")
    bus = EmbeddedBus(desk.folder / "var" / "bus.db")
    bus.publish("articles", [encode(Article(header=one, text=text)) for one, text in zip(headers, texts, strict=True)])
    bus.close()
    return desk


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_the_archive_matches_the_same_when_it_is_written_out_and_read_back(filled: Installation, suffix: str) -> None:
    file = filled.folder / f"week.jsonl{suffix}"
    written = filled("archive", "export", "--since", "1h", "--output", str(file))
    assert (written.returncode, written.stderr) == (0, "articles: 3\n")
    matches = filled.lines("backtest", "--since", "1h")
    assert [match["watchlist"] for match in matches] == ["ports", "ports"]
    assert len({match["story"] for match in matches}) == 2
    assert filled.lines("backtest", "--articles", str(file)) == matches
    assert [path.name for path in filled.folder.glob(".*")] == []


def test_the_archive_is_cut_by_age(filled: Installation) -> None:
    assert len(filled("archive", "export", "--output", "-").stdout.splitlines()) == 3
    assert filled("archive", "export", "--until", "1h").stdout == ""
    assert filled("archive", "export", "--since", "1h", "--until", "2h").returncode == 2
    assert filled("archive", "export", "--output", str(filled.folder / "none" / "x.jsonl")).returncode == 3


def test_articles_of_a_file_are_as_old_as_they_say(filled: Installation) -> None:
    seen = {"id": 1, "text": "مطر", "first_seen": "2020-01-01T00:00:00Z"}
    published = {"id": 2, "text": "مطر", "published": "2020-01-01"}
    lines = "\n".join(map(json.dumps, (seen, published, {"id": 3, "text": "مطر"})))
    done = filled("backtest", "--articles", "-", "--since", "7d", "--json", stdin=lines)
    assert [json.loads(line)["article"] for line in done.stdout.splitlines()] == [3]


def test_what_can_be_read_in_no_line_ends_with_three(filled: Installation) -> None:
    done = filled("backtest", "--articles", "-", stdin="nonsense\n")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines()[-1] == "monitor: <stdin>: no article could be read"


def test_on_a_terminal_a_bar_shows_how_far_it_is_and_results_stay_on_stdout(filled: Installation) -> None:
    file = filled.folder / "all.jsonl"
    file.write_text("\n".join(json.dumps({"id": number, "text": "مطر"}) for number in range(50)), "utf-8")
    terminal, side = os.openpty()
    done = subprocess.run(
        [*MONITOR, "backtest", "--articles", str(file), "--json"],
        env={**filled.environment, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=side,
        check=True,
        timeout=60,
    )
    os.close(side)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert [json.loads(line)["article"] for line in done.stdout.splitlines()] == list(range(50))
    assert "50 articles" in shown
    assert 'watchlist":' not in shown


def test_the_command_compares_the_archive_with_an_earlier_commit(filled: Installation) -> None:
    git(filled.folder, "init")
    git(filled.folder, "add", "watchlists.yaml")
    git(filled.folder, "commit", "-m", "first")
    filled.write("watchlists.yaml", LISTS.replace("      - ميناء طرطوس\n", ""))
    shown = filled("backtest", "--against", "HEAD")
    assert [visible(line) for line in shown.stdout.splitlines()] == [
        "ports (changed): 0 gained, 1 lost, 1 as before",
        "  - وصلت سفينة  «ميناء طرطوس»",
        "watchlists that did not change: 1",
    ]
    assert shown.stderr == "articles: 3, watchlists that changed: 1\n"
    (line,) = filled.lines("backtest", "--against", "HEAD")
    assert (line["change"], line["watchlist"], line["article"]) == ("lost", "ports", "1")
    assert line["evidence"][0]["text"] == "ميناء طرطوس"
    assert filled("backtest", "--against", "nonsense").returncode == 3
