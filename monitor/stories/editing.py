"""What an article no longer says: whether an edit took away what was found in an earlier version.

Pure. Words are compared as the matcher compares them, so an edit of marks, signs or spaces takes nothing away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.model import Edition
from monitor.text.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.model import Article, Match

_BETWEEN: Final = "\0"


def edition_of(article: Article, matches: Iterable[Match], at: datetime) -> Edition | None:
    """Describe a later version of an article; None for the first."""
    if article.header.revision == 1:
        return None
    return Edition(article=article, watchlists=tuple(match.watchlist.id for match in matches), at=at)


def is_gone(match: Match, edition: Edition) -> bool:
    """Whether a sentence in which something was found does not stand in the later version."""
    fields = (_words(edition.article.header.title), _words(edition.article.text))
    return not all(any(_words(one.quote) in field for field in fields) for one in match.evidence)


def _words(text: str) -> str:
    return _BETWEEN.join(("", *(token.key for token in tokenize(text)), ""))
