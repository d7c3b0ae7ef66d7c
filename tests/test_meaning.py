"""The meaning of a watchlist, line by line (docs/watchlists.md): each case names the line that decides it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

import pytest
from ruamel.yaml import YAML

from monitor.matching import compile_watchlists
from monitor.model import Article, Header, Match, Status
from monitor.watchlists.loading import load_watchlists

if TYPE_CHECKING:
    from monitor.matching.expressions import Watchlist

FILES: Final = sorted((Path(__file__).parent / "data/meaning").glob("*.yaml"))
CASES: Final[list[dict[str, Any]]] = [case for file in FILES for case in YAML(typ="safe").load(file)]
NOW: Final = datetime(2026, 5, 4, 12, tzinfo=UTC)


def open_case(case: dict[str, Any], tmp_path: Path) -> tuple[tuple[Watchlist, ...], Article, datetime]:
    """Load the case's watchlist from a file, as a service does; also its article, and the day."""
    file = tmp_path / "watchlists.yaml"
    concepts = "concepts:\n" + indent(case["concepts"], "  ") if "concepts" in case else ""
    watchlist = "watchlists:\n  - name: case\n" + indent(case["watchlist"], "    ")
    file.write_text(f"version: 1\n{concepts}{watchlist}", "utf-8")
    now = datetime.combine(case["day"], time(12), UTC) if "day" in case else NOW
    header = Header(
        id="a",
        title=case.get("title", ""),
        titled="title" in case,
        content_hash="h",
        first_seen=now,
        **{"source": "agency", **case.get("article", {})},
    )
    return load_watchlists(file).watchlists, Article(header=header, text=case["text"].strip()), now


def run(case: dict[str, Any], tmp_path: Path) -> list[Match]:
    """Hold the case's article against its watchlist."""
    watchlists, article, now = open_case(case, tmp_path)
    return compile_watchlists(watchlists).match(article, now)


@pytest.mark.parametrize("case", CASES, ids=[f"line {case['line']}: {case['why']}" for case in CASES])
def test_a_watchlist_means_what_its_line_says(case: dict[str, Any], tmp_path: Path) -> None:
    matches = run(case, tmp_path)
    assert [one.text for match in matches for one in match.evidence] == case.get("found", [])
    if "how" in case:
        assert [one.how.value for match in matches for one in match.evidence] == case["how"]
    if "status" in case:
        assert [match.watchlist.status for match in matches] == [Status(case["status"])]


def test_every_line_is_held_by_cases_that_match_and_cases_that_do_not() -> None:
    alert = Counter(case["line"] for case in CASES if case.get("found"))
    quiet = Counter(case["line"] for case in CASES if not case.get("found"))
    assert min(alert[line] for line in range(1, 11)) >= 5
    assert min(quiet[line] for line in range(1, 11)) >= 5
    assert len({(case["line"], case["why"]) for case in CASES}) == len(CASES)
