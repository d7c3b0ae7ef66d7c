"""Scores on word pairs that another hand labelled; they lie beside the project and are not part of it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from monitor.matching import compile_watchlists
from monitor.matching.expressions import Has, Kind, Term, TermSet, Watchlist
from monitor.model import Article, Header, WatchlistHeader

PAIRS: Final = Path(__file__).parents[2] / "shared" / "eval"
NOW: Final = datetime(2026, 5, 4, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not PAIRS.is_dir(), reason="the labelled pairs are not beside the project (../shared/eval)"
)


def rows(file: str) -> list[dict[str, str]]:
    with (PAIRS / file).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def finds(written: str, text: str) -> bool:
    kind, _, word = written.rpartition(":")
    clause = Has(TermSet("t", (Term(word, Kind(kind or "plain")),)))
    header = Header(id="a", source="s", title="", content_hash="", first_seen=NOW, titled=False)
    matcher = compile_watchlists([Watchlist(WatchlistHeader(id="w", name="w"), clause)])
    return bool(matcher.match(Article(header=header, text=text), NOW))


def share_right(pairs: list[dict[str, str]], kind: str = "") -> float:
    right = [finds(kind + pair["a"], pair["b"]) == (pair["label"] == "1") for pair in pairs]
    return sum(right) / len(right)


def test_forms_are_told_apart() -> None:
    pairs = rows("forms.tsv")
    strata = {pair["kind"] for pair in pairs}
    assert share_right(pairs) >= 0.95
    assert min(share_right([pair for pair in pairs if pair["kind"] == one]) for one in strata) >= 0.80


def test_inflections_are_told_apart() -> None:
    assert share_right([pair for pair in rows("names.tsv") if pair["kind"] == "inflection"]) >= 0.985


def test_spellings_of_names_are_told_apart() -> None:
    assert share_right([pair for pair in rows("names.tsv") if pair["kind"] == "name"], "name:") >= 0.88


def test_unselected_spellings_of_names_are_found() -> None:
    spellings = [pair for pair in rows("names_unselected.tsv") if pair["kind"] == "variant?"]
    assert share_right(spellings, "name:") >= 0.65


def test_unselected_names_are_seldom_taken_for_another() -> None:
    different = [pair for pair in rows("names_unselected.tsv") if pair["kind"] == "different"]
    assert share_right(different, "name:") >= 0.90
