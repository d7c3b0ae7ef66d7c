"""Which articles tell which story, and the keys under which they are found again.

Part of recording a match, in its transaction. Does not know what makes a story: `stories` says, given what is found.
What is too old for any article that still comes is forgotten as new ones are added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select

from monitor.codec import from_json, to_json
from monitor.model import Signature, stable_hash
from monitor.ports import Member, Signed
from monitor.store.schema import matches, story_keys, story_members
from monitor.stories.clustering import MOST
from monitor.stories.relating import WINDOW, keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from monitor.model import Match

_KEPT: Final = 2 * WINDOW
"""Age, when an article is seen, of what is forgotten: one that is seen within a window of being news finds all."""

_FORGOTTEN: Final = 4
"""Articles that are forgotten for each new one, at most."""

_member = story_members.c


def known_story(connection: Connection, match: Match) -> str | None:
    """Read which story an earlier version of the match's article belongs to."""
    same = (matches.c.watchlist == match.watchlist.id, matches.c.article == match.article.id)
    return connection.scalar(select(matches.c.story).where(*same).order_by(matches.c.position).limit(1))


def candidates(connection: Connection, watchlist: str, new: Signed | None) -> list[Member]:
    """Read the articles that share a key with a new one and are near enough, each by its first version that does."""
    if new is None:
        return []
    filed = select(story_keys.c.member).where(story_keys.c.key.in_(_numbers(watchlist, new)))
    near = _member.at.between(new.at - WINDOW, new.at + WINDOW)
    in_order = (_member.position + 0).desc()  # the column itself would be walked from end to end in this order
    newest = select(story_members).where(_member.position.in_(filed), near).order_by(in_order)
    rows = connection.execute(newest.limit(MOST)).all()
    found: dict[str, Member] = {}
    for row in reversed(rows):
        if row.article not in found:
            signed = Signed(article=row.article, at=row.at, signature=from_json(row.signature, Signature))
            found[row.article] = Member(row.story, signed)
    return list(found.values())


def add_member(connection: Connection, match: Match, story: str, new: Signed) -> None:
    """Add a version to its story, and forget some of what is too old."""
    row = {
        "watchlist": match.watchlist.id,
        "story": story,
        "article": new.article,
        "content_hash": match.article.content_hash,
        "at": new.at,
        "signature": to_json(new.signature).decode(),
    }
    member = connection.execute(insert(story_members).values(row).returning(_member.position)).scalar_one()
    filed = [{"key": number, "member": member} for number in _numbers(match.watchlist.id, new)]
    connection.execute(insert(story_keys), filed)
    _forget(connection, match)


def _forget(connection: Connection, match: Match) -> None:
    old = (_member.watchlist == match.watchlist.id, _member.at < match.article.first_seen - _KEPT)
    oldest = connection.scalars(select(_member.position).where(*old).order_by(_member.at).limit(_FORGOTTEN)).all()
    if oldest:
        connection.execute(delete(story_keys).where(story_keys.c.member.in_(oldest)))
        connection.execute(delete(story_members).where(_member.position.in_(oldest)))


def _numbers(watchlist: str, new: Signed) -> Sequence[int]:
    """Return the keys of an article in its watchlist, as numbers that a column holds."""
    return sorted({int(stable_hash(watchlist, key), 16) - (1 << 63) for key in keys(new.signature)})
