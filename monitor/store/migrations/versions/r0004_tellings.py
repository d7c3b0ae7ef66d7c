"""Who is to be told of what, for each receiver by itself; silences, snoozes and digests.

What stands here stays as it is.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from monitor.store.schema import Instant

revision: Final = "0004"
down_revision: Final = "0003"

INSTANT: Final = Instant()
COUNTER: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; what gathered or was due before goes on waiting."""
    _silences()
    _tellings()
    _digests()
    op.execute(
        "INSERT INTO tellings (alert, cause, receiver, key, since, opened, closes, look_at)"
        " SELECT m.alert, m.cause, g.receiver, g.key, g.opened, g.opened, CASE WHEN g.gathers THEN g.due_at END,"
        " g.due_at FROM group_members AS m JOIN groups AS g ON g.id = m.group_id WHERE g.decided_at IS NULL"
        " ORDER BY m.position ON CONFLICT DO NOTHING"
    )
    op.drop_table("group_members")
    op.drop_table("groups")
    op.add_column("alerts", sa.Column("snoozed_until", INSTANT, nullable=True))
    op.add_column("notifications", sa.Column("why", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("cause", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("until", INSTANT, nullable=True))
    op.add_column("decisions", sa.Column("silence", COUNTER, nullable=True))
    op.create_index(op.f("ix_decisions_silence"), "decisions", ["silence"])
    op.create_index(op.f("ix_decisions_at"), "decisions", ["at"])


def _silences() -> None:
    op.create_table(
        "silences",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("matcher", sa.Text(), nullable=False),
        sa.Column("saying", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("expires", INSTANT, nullable=False),
        sa.Column("expired_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index(op.f("ix_silences_expires"), "silences", ["expires"])


def _tellings() -> None:
    op.create_table(
        "tellings",
        sa.Column("position", COUNTER, autoincrement=True, nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("opened", INSTANT, nullable=False),
        sa.Column("closes", INSTANT, nullable=True),
        sa.Column("look_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("silence", COUNTER, nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_tellings_alert")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_tellings")),
        sa.UniqueConstraint("alert", "cause", "receiver", name=op.f("uq_tellings_alert_cause_receiver")),
    )
    op.create_index(op.f("ix_tellings_ended_at_look_at"), "tellings", ["ended_at", "look_at"])
    op.create_index(op.f("ix_tellings_receiver_key_ended_at"), "tellings", ["receiver", "key", "ended_at"])


def _digests() -> None:
    op.create_table(
        "digests",
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_digests")),
    )
