"""The articles that the bus keeps: replayed as they were published, and written out for other programs.

Reads without a group, to an end fixed at the start, so a running service is not disturbed. Matches nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor import codec
from monitor.errors import Undecodable
from monitor.model import Article
from monitor.ports import Published

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from monitor.ports import Bus


def replay(
    bus: Bus, since: datetime | None, tell: Callable[[str], None], until: datetime | None = None
) -> Iterator[Article]:
    """Give every article version first seen in [since, until) (None: no such end), oldest first.

    ``tell`` hears of records that are no articles.

    Raises:
        NewerVersion: a newer monitor wrote one of them.
        Unavailable: the bus is out of reach.
    """
    for record in bus.read("articles", since):
        try:
            article = codec.decode(record, Article)
        except Undecodable as error:
            tell(str(error))
            continue
        seen = article.header.first_seen
        if (since is None or seen >= since) and (until is None or seen < until):
            yield article


def find(
    bus: Bus, articles: Collection[str], since: datetime | None, tell: Callable[[str], None]
) -> Iterator[Published]:
    """Give every version of these articles that was published since then, oldest first.

    Raises:
        NewerVersion: a newer monitor wrote one of them.
        Unavailable: the bus is out of reach.
    """
    for record in bus.read("articles", since):
        if record.key not in articles:
            continue
        try:
            yield Published(at=record.at, article=codec.decode(record, Article))
        except Undecodable as error:
            tell(str(error))


def article_line(article: Article) -> bytes:
    """Write an article as one line of JSON, as `monitor backtest --articles` reads it back."""
    header = article.header
    line = {
        "id": header.id,
        "title": header.title if header.titled else "",
        "text": article.text,
        "url": header.url,
        "source": header.source,
        "lang": header.lang,
        "tier": header.tier,
        "published": header.published,
        "first_seen": header.first_seen,
    }
    return codec.to_json({key: value for key, value in line.items() if value is not None}) + b"\n"
