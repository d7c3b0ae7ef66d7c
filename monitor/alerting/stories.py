"""Which matches tell the same thing.

Until stories are clustered, a story is one article within one watchlist: its versions are copies of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.model import stable_hash

if TYPE_CHECKING:
    from monitor.model import Match


def story_of(match: Match) -> str:
    """Return the id of the story that this match belongs to; the same for every version of its article."""
    return stable_hash("story", match.watchlist.id, match.article.id)
