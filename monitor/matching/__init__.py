"""What articles are held against: expressions, and the engines that evaluate them."""

from __future__ import annotations

from typing import Final

from monitor.matching.engine import Matcher, compile_watchlists
from monitor.matching.phrases import FILLERS, matches_itself
from monitor.matching.terms import describe, spellings

__all__ = ["ENGINE_VERSION", "FILLERS", "Matcher", "compile_watchlists", "describe", "matches_itself", "spellings"]

ENGINE_VERSION: Final = "4"
"""Part of every watchlist's revision: raised whenever the same watchlist may match otherwise than before."""
