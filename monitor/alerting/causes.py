"""Why somebody is told of an alert: the causes, as they are stored and as people read them.

A cause is told once for each alert and receiver. Does not decide who is told.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

FIRST: Final = "first"
RESOLVED: Final = "resolved"
STEPS: Final = (5, 10, 20, 50, 100, 200, 500, 1_000)
"""Sources whose reports of a story are worth another message."""

TOGETHER: Final = timedelta(hours=2)
"""How long a further story that says the same words joins an alert, before and after the news of that."""

DEVELOPMENT: Final = "development"
_GROWTH, _TERM, _TIER1 = "growth", "term", "tier1"
_CHANGED, _WITHDRAWN, _RETURNED = "changed", "withdrawn", "returned"
_WORDS: Final = {
    FIRST: "first report",
    RESOLVED: "recovered",
    DEVELOPMENT: "developments",
    _CHANGED: "changed since it was told",
    _WITHDRAWN: "withdrawn",
    _RETURNED: "found again after it was withdrawn",
}


def growth(before: int, now: int) -> str | None:
    """Return the cause for the highest step that so many sources have reached, and fewer had not."""
    reached = [step for step in STEPS if before < step <= now]
    return f"{_GROWTH}:{reached[-1]}" if reached else None


def new_term(term: str) -> str:
    """Return the cause for a watched term, or a concept (``$name``), that is new to an alert."""
    return f"{_TERM}:{term}"


def first_tier(source: str) -> str:
    """Return the cause for the first source of tier 1."""
    return f"{_TIER1}:{source}"


def development(story: str) -> str:
    """Return the cause for a further story that joined an alert."""
    return f"{DEVELOPMENT}:{story}"


def changed(content_hash: str) -> str:
    """Return the cause for a version that says otherwise what was told."""
    return f"{_CHANGED}:{content_hash}"


def withdrawn(content_hash: str) -> str:
    """Return the cause for a version that says no more what was told."""
    return f"{_WITHDRAWN}:{content_hash}"


def returned(content_hash: str) -> str:
    """Return the cause for a version that is found again, behind one that said no more what was told."""
    return f"{_RETURNED}:{content_hash}"


def parted(cause: str) -> tuple[str, str]:
    """Part a cause into its kind and what it is about: ``("growth", "5")``, ``("first", "")``."""
    kind, _, about = cause.partition(":")
    return kind, about


def words(cause: str) -> str:
    """Say a cause to its reader."""
    match parted(cause):
        case (kind, about) if kind == _GROWTH:
            step = int(about)
            before = max((one for one in STEPS if one < step), default=1)
            return f"+{step - before} sources"
        case (kind, about) if kind == _TERM:
            return f"new term: {about.removeprefix('$')}"
        case (kind, about) if kind == _TIER1:
            return f"first tier-1 source: {about}"
        case (kind, _):
            return _WORDS.get(kind, cause)
