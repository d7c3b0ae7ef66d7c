"""`monitor backtest`: what watchlists would have found, and what a change of them gains and loses."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.errors import Problems, Unavailable
from monitor.listing import comparison_lines, summary_lines
from monitor.matching import compile_watchlists
from monitor.model import Article, Header
from monitor.watchlists.backtesting import Comparison, Summary
from monitor.watchlists.loading import load_watchlists
from monitor.watchlists.versions import load_earlier
from tests.installation import Installation

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
        ["matches", "a", "day", "likely", "watchlist"],
        ["2", "0.5", "1", "ports"],
        ["0", "0.0", "0", "rain"],
    ]
    assert lines[2].strip() == "2026-11-22  وصل بوتن  «بوتن»"
    assert lines[3].strip() == "2026-11-20  وصلت سفينة إلى ميناء طرطوس  «ميناء طرطوس»"


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


def test_the_command_compares_the_archive_with_an_earlier_commit(tmp_path: Path) -> None:
    desk = Installation(tmp_path / "desk", watchlists=LISTS)
    desk.put("one.txt", "وصلت سفينة إلى ميناء طرطوس")
    assert desk("run", "--until-idle").returncode == 0
    git(desk.folder, "init")
    git(desk.folder, "add", "watchlists.yaml")
    git(desk.folder, "commit", "-m", "first")
    desk.write("watchlists.yaml", LISTS.replace("      - ميناء طرطوس\n", ""))
    shown = desk("backtest", "--against", "HEAD")
    assert shown.stdout.splitlines()[0] == "ports (changed): 0 gained, 1 lost, 0 as before"
    (line,) = desk("backtest", "--against", "HEAD", "--json").stdout.splitlines()
    assert (json.loads(line)["change"], json.loads(line)["watchlist"]) == ("lost", "ports")
    exported = desk("archive", "export", "--since", "1h").stdout
    assert json.loads(exported)["text"] == "وصلت سفينة إلى ميناء طرطوس"
    assert desk("archive", "export", "--output", str(tmp_path / "week.jsonl.xz")).returncode == 0
    again = desk("backtest", "--articles", str(tmp_path / "week.jsonl.xz"), "--json")
    assert (again.returncode, again.stderr.splitlines()[-1]) == (0, "articles: 1, watchlists: 2, matches: 0")
