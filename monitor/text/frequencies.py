"""How common a word is in written Arabic: what tells rare words from common ones, and names from words with an article.

Hides the table, a frozen file made by ``docs/words.py`` from wordfreq's list (licence: NOTICE), read when it is first
asked. What depends on it decides differently when it changes, so its version is part of every watchlist's revision.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Final

TABLE_VERSION: Final = "ar-1"
TABLE: Final = Path(__file__).parent / "data" / f"frequencies-{TABLE_VERSION}.txt.gz"


def uses(plain: str) -> float:
    """Return how often a folded word comes in a billion words, as it stands; 0 where that is fewer than 300 times."""
    tenths = _table().get(plain)
    return 10.0 ** (tenths / 10) if tenths else 0.0


def article_share(plain: str) -> float:
    """Return which share of a folded word's uses has the article, of those with it and those without anything."""
    bare, articled = uses(plain), uses("ال" + plain)
    return articled / (bare + articled) if articled else 0.0


@cache
def _table() -> dict[str, int]:
    """Read the table: a line a tenth of the Zipf scale, the logarithm of the uses in a billion words."""
    lines = (line.split() for line in gzip.decompress(TABLE.read_bytes()).decode().splitlines())
    return {word: int(tenth) for tenth, *words in lines for word in words}
