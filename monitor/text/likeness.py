"""How alike two words look, for telling what nearly counted. It never decides a match."""

from __future__ import annotations

from rapidfuzz.distance import DamerauLevenshtein

from monitor.text.lexicon import key


def likeness(one: str, other: str) -> float:
    """Return 0 to 1: the share of folded letters that two words have in common, in order."""
    return DamerauLevenshtein.normalized_similarity(key(one), key(other), processor=None)
