"""The first tables.

What stands here stays as it is: the tables of today are in ``schema``, and further revisions lead there.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

INSTANT: Final = sa.DateTime(timezone=True)
COUNTER: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table of the first release."""
    _what_the_poller_remembers()
    _stories_and_alerts()
    _matches()
    _groups()
    _notifications()
    _decisions_and_dead_letters()


def _what_the_poller_remembers() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_due", INSTANT, nullable=True),
        sa.Column("first_polled", INSTANT, nullable=True),
        sa.Column("last_polled", INSTANT, nullable=True),
        sa.Column("last_success", INSTANT, nullable=True),
        sa.Column("last_new", INSTANT, nullable=True),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
    )
    op.create_table(
        "seen",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("listed", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_seen")),
    )
    op.create_index(op.f("ix_seen_article"), "seen", ["article"])
    op.create_index(op.f("ix_seen_source_listed"), "seen", ["source", "listed"])


def _stories_and_alerts() -> None:
    op.create_table(
        "watchlists",
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watchlists")),
    )
    op.create_table(
        "stories",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("watchlist", sa.Text(), nullable=False),
        sa.Column("signature", sa.JSON(), nullable=True),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["watchlist"], ["watchlists.id"], name=op.f("fk_stories_watchlist")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stories")),
    )
    op.create_index(op.f("ix_stories_watchlist_last_seen"), "stories", ["watchlist", "last_seen"])
    op.create_table(
        "alerts",
        sa.Column("position", COUNTER, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("watchlist", sa.Text(), nullable=True),
        sa.Column("story", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("closed", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["story"], ["stories.id"], name=op.f("fk_alerts_story")),
        sa.ForeignKeyConstraint(["watchlist"], ["watchlists.id"], name=op.f("fk_alerts_watchlist")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_alerts")),
        sa.UniqueConstraint("id", name=op.f("uq_alerts_id")),
        sa.UniqueConstraint("story", name=op.f("uq_alerts_story")),
    )
    op.create_index(op.f("ix_alerts_rule_subject"), "alerts", ["rule", "subject"])
    op.create_index(op.f("ix_alerts_state"), "alerts", ["state"])


def _matches() -> None:
    op.create_table(
        "matches",
        sa.Column("position", COUNTER, autoincrement=True, nullable=False),
        sa.Column("watchlist", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("story", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_matches_alert")),
        sa.ForeignKeyConstraint(["story"], ["stories.id"], name=op.f("fk_matches_story")),
        sa.ForeignKeyConstraint(["watchlist"], ["watchlists.id"], name=op.f("fk_matches_watchlist")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_matches")),
        sa.UniqueConstraint(
            "watchlist", "article", "content_hash", name=op.f("uq_matches_watchlist_article_content_hash")
        ),
    )
    op.create_index(op.f("ix_matches_alert"), "matches", ["alert"])
    op.create_index(op.f("ix_matches_story"), "matches", ["story"])


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gathers", sa.Boolean(), nullable=False),
        sa.Column("opened", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
    )
    op.create_index(op.f("ix_groups_decided_at_due_at"), "groups", ["decided_at", "due_at"])
    op.create_index(op.f("ix_groups_receiver_key_decided_at"), "groups", ["receiver", "key", "decided_at"])
    op.create_table(
        "group_members",
        sa.Column("position", COUNTER, autoincrement=True, nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_group_members_alert")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_group_members")),
        sa.UniqueConstraint("group_id", "alert", "cause", name=op.f("uq_group_members_group_id_alert_cause")),
    )


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("position", COUNTER, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("owed_since", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_notifications")),
        sa.UniqueConstraint("id", name=op.f("uq_notifications_id")),
    )
    op.create_index(
        op.f("ix_notifications_about_channel_destination_state"),
        "notifications",
        ["about", "channel", "destination", "state"],
    )
    op.create_index(op.f("ix_notifications_state_not_before"), "notifications", ["state", "not_before"])
    op.create_table(
        "told",
        sa.Column("notification", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_told_alert")),
        sa.ForeignKeyConstraint(["notification"], ["notifications.id"], name=op.f("fk_told_notification")),
        sa.PrimaryKeyConstraint("notification", "alert", name=op.f("pk_told")),
    )
    op.create_index(op.f("ix_told_alert"), "told", ["alert"])


def _decisions_and_dead_letters() -> None:
    op.create_table(
        "decisions",
        sa.Column("position", COUNTER, autoincrement=True, nullable=False),
        sa.Column("match", COUNTER, nullable=True),
        sa.Column("alert", sa.Text(), nullable=True),
        sa.Column("receiver", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_decisions_alert")),
        sa.ForeignKeyConstraint(["match"], ["matches.position"], name=op.f("fk_decisions_match")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_alert"), "decisions", ["alert"])
    op.create_index(op.f("ix_decisions_match"), "decisions", ["match"])
    op.create_table(
        "dead",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", COUNTER, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("traceback", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead")),
        sa.UniqueConstraint("topic", "partition", "offset", "stage", name=op.f("uq_dead_topic_partition_offset_stage")),
    )
    op.create_index(op.f("ix_dead_state"), "dead", ["state"])
