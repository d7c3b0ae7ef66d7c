"""The tables of the store, and how their columns keep instants.

Hides the database's own types. A new store has these tables; `migrations` bring an older one to them, and a test holds
the two together. Nothing is deleted here but sightings of what a source no longer lists, and signatures of what is old
news.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect

REVISION: Final = "0009"
"""The newest revision in `migrations`. Revisions are four digits that count up, so that a newer one is recognised."""


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored in UTC with microseconds so that order in the database is order in time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC; SQLite keeps text, so there the zone is left off.

        Raises:
            ValueError: the instant has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the base class's
        """Make aware again, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Counter: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column that is called INTEGER."""


def _position() -> Column[int]:
    """A number that grows with every row: the order in which rows came."""
    return Column("position", Counter, primary_key=True, autoincrement=True)


# --- What the poller remembers -----------------------------------------------------------------------------------

sources = Table(
    "sources",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("next_due", Instant),
    Column("first_polled", Instant),
    Column("last_polled", Instant),
    Column("last_success", Instant),
    Column("last_new", Instant),
    Column("errors", Integer, nullable=False),
    Column("error", Text),
    Column("articles", Integer, nullable=False),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_hash", Text),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("rate", Float),
    Column("silent_since", Instant),
    Column("memory", Text),
)

seen = Table(
    "seen",
    metadata,
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("article", Text, nullable=False, index=True),
    Column("content_hash", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("listed", Instant, nullable=False),
    Column("entry", Text),
    Column("title", Text),
    Index(None, "source", "listed"),
)

# --- Matches, their stories and alerts ---------------------------------------------------------------------------

watchlists = Table("watchlists", metadata, Column("id", Text, primary_key=True))
"""One row a watchlist, for recording to lock: its stories are decided one match at a time."""

stories = Table(
    "stories",
    metadata,
    Column("id", Text, primary_key=True),
    Column("watchlist", Text, ForeignKey("watchlists.id"), nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("articles", Integer, nullable=False),
    Index(None, "watchlist", "last_seen"),
)

story_members = Table(
    "story_members",
    metadata,
    _position(),
    Column("watchlist", Text, nullable=False),
    Column("story", Text, ForeignKey("stories.id"), nullable=False),
    Column("article", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("signature", Text, nullable=False),
    Index(None, "watchlist", "at"),
)
"""Versions that new articles may tell the same as; ``signature`` as the codec writes it, ``at`` when it was news."""

story_keys = Table(
    "story_keys",
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=False),
    Column("member", Counter, ForeignKey("story_members.position"), primary_key=True, autoincrement=False, index=True),
    sqlite_with_rowid=False,
)
"""What each of them is found by: ``key`` is a hash of its watchlist and a key of its signature."""

alerts = Table(
    "alerts",
    metadata,
    _position(),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("watchlist", Text, ForeignKey("watchlists.id")),
    Column("story", Text, ForeignKey("stories.id"), unique=True),
    Column("rule", Text),
    Column("subject", Text),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("score", Integer, nullable=False),
    Column("event", Text),
    Column("cleared", Text),
    Column("begun", Instant),
    Column("created", Instant, nullable=False),
    Column("closed", Instant),
    Column("snoozed_until", Instant),
    Column("acked_at", Instant),
    Column("acked_by", Text),
    Column("acked_comment", Text),
    Index(None, "rule", "subject"),
    Index(None, "watchlist", "state", "begun"),
)
"""``watchlist``, ``story`` and ``begun``, when what opened it was news, are those of kind watchlist; ``rule``,
``subject``, ``event`` and ``cleared``, the events that opened and closed it, those of operations.

Who acked it stays on record when it is closed."""

developments = Table(
    "developments",
    metadata,
    Column("story", Text, ForeignKey("stories.id"), primary_key=True),
    Column("alert", Text, ForeignKey("alerts.id"), nullable=False, index=True),
)
"""Further stories that joined an alert."""

alert_facts = Table(
    "alert_facts",
    metadata,
    Column("alert", Text, ForeignKey("alerts.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    sqlite_with_rowid=False,
)
"""What is known of an alert's reports: each ``source``, one of ``tier1``, and what was ``watched`` for and found."""

matches = Table(
    "matches",
    metadata,
    _position(),
    Column("watchlist", Text, ForeignKey("watchlists.id"), nullable=False),
    Column("article", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("story", Text, ForeignKey("stories.id"), nullable=False, index=True),
    Column("alert", Text, ForeignKey("alerts.id"), index=True),
    Column("reason", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("payload", Text, nullable=False),
    UniqueConstraint("watchlist", "article", "content_hash"),
    Index(None, "article"),
)
"""``payload`` is the match as the codec writes it; ``alert`` the one it opened or joined."""

edits = Table(
    "edits",
    metadata,
    _position(),
    Column("alert", Text, ForeignKey("alerts.id"), nullable=False),
    Column("article", Text, nullable=False),
    Column("gone", Text, nullable=False),
    Column("now", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("alert", "article", "gone"),
)
"""Versions of an alert's articles whose evidence a later version, ``now``, does not have."""

# --- Who is told -------------------------------------------------------------------------------------------------

silences = Table(
    "silences",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("matcher", Text, nullable=False),
    Column("saying", Text),
    Column("author", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Column("expires", Instant, nullable=False, index=True),
    Column("expired_by", Text),
)
"""``matcher`` is what the silence is about, as the codec writes it."""

tellings = Table(
    "tellings",
    metadata,
    _position(),
    Column("alert", Text, ForeignKey("alerts.id"), nullable=False),
    Column("cause", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("opened", Instant, nullable=False),
    Column("closes", Instant),
    Column("look_at", Instant, nullable=False),
    Column("reason", Text),
    Column("until", Instant),
    Column("silence", Counter),
    Column("message", Text),
    Column("ended_at", Instant),
    UniqueConstraint("alert", "cause", "receiver"),
    Index(None, "ended_at", "look_at"),
    Index(None, "receiver", "key", "ended_at"),
)
"""Whom each alert is to be told, and what became of it. It waits until ``ended_at``, and is looked at at ``look_at``.

``reason`` is what was last decided: what it waits for, or how it ended. It gathers with those of its ``key`` until it
``closes``; those that were told as one have one ``message``."""

digests = Table(
    "digests",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)
"""When each receiver's last time for a digest had come."""

notifications = Table(
    "notifications",
    metadata,
    _position(),
    Column("id", Text, nullable=False, unique=True),
    Column("receiver", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("claimed_by", Text),
    Column("lease_until", Instant),
    Column("sent_at", Instant, index=True),
    Column("error", Text),
    Column("created", Instant, nullable=False),
    Column("owed_since", Instant, nullable=False),
    Column("receipt", Text),
    Column("why", Text),
    Column("failing_since", Instant),
    Column("doubtful_since", Instant),
    Column("stale_since", Instant),
    Column("refresh_at", Instant, index=True),
    Index(None, "state", "channel", "position", "not_before"),
)
"""``about`` is the alert, or the group. ``owed_since`` is ``created``, or when a person had it sent again. ``state``:
pending, claimed, sent or failed. ``receipt`` is where a sent one stands, as its channel knows it.

``failing_since`` is when the first attempt failed; ``doubtful_since`` is no later than the first that may have arrived
unheard. A sent one that shows its alert as it was ``stale_since`` then is refreshed at ``refresh_at``, or is being
refreshed until then."""

told = Table(
    "told",
    metadata,
    Column("notification", Text, ForeignKey("notifications.id"), primary_key=True),
    Column("alert", Text, ForeignKey("alerts.id"), primary_key=True, index=True),
)
"""Which alerts a notification tells."""

decisions = Table(
    "decisions",
    metadata,
    _position(),
    Column("match", Counter, ForeignKey("matches.position"), index=True),
    Column("alert", Text, ForeignKey("alerts.id")),
    Column("receiver", Text),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("cause", Text),
    Column("until", Instant),
    Column("silence", Counter, index=True),
    Index(None, "at"),
    Index(None, "alert", "at"),
)
"""Why a match led to an alert or not, and why a receiver was told of an alert or not."""

# --- What could not be processed ---------------------------------------------------------------------------------

dead = Table(
    "dead",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", Counter, nullable=False),
    Column("stage", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("error", Text, nullable=False),
    Column("traceback", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False, index=True),
    UniqueConstraint("topic", "partition", "offset", "stage"),
)
