"""Matches of a backtest as lines: for programs in the form that `monitor backtest --json` promises, and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor import codec

if TYPE_CHECKING:
    from monitor.model import Evidence, Match


def match_line(match: Match) -> str:
    """Return one JSON object: watchlist, article (the input's own id), score, evidence."""
    line = {
        "watchlist": match.watchlist.id,
        "article": match.article.id,
        "score": match.score,
        "evidence": [_evidence(one) for one in match.evidence],
    }
    return codec.to_json(line).decode()


def describe_match(match: Match) -> str:
    """Return one line for a person: watchlist, score, what was found, where."""
    found = " + ".join(f"«{item.text}»" for item in match.evidence)
    return f"{match.watchlist.id}  {match.score}  {found}  {match.article.id}"


def _evidence(one: Evidence) -> dict[str, object]:
    return {
        "clause": one.clause,
        "field": one.field,
        "text": one.text,
        "start": one.start,
        "end": one.end,
        "how": one.how,
        "quote": one.quote,
        "mentions": one.mentions,
    }
