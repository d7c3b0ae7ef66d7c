"""What alerts gather besides their story: further stories, sources, watched terms, edits.

What stands here stays as it is.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from monitor.store.schema import Instant

revision: Final = "0006"
down_revision: Final = "0005"

INSTANT: Final = Instant()
COUNTER: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables. Of alerts of before it is not known which sources and terms they have had."""
    op.add_column("alerts", sa.Column("cleared", sa.Text(), nullable=True))
    op.add_column("alerts", sa.Column("begun", INSTANT, nullable=True))
    op.execute("UPDATE alerts SET begun = created WHERE kind = 'watchlist'")
    op.create_index(op.f("ix_alerts_watchlist_state_begun"), "alerts", ["watchlist", "state", "begun"])
    op.create_index(op.f("ix_matches_article"), "matches", ["article"])
    op.create_table(
        "developments",
        sa.Column("story", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["story"], ["stories.id"], name=op.f("fk_developments_story")),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_developments_alert")),
        sa.PrimaryKeyConstraint("story", name=op.f("pk_developments")),
    )
    op.create_index(op.f("ix_developments_alert"), "developments", ["alert"])
    op.create_table(
        "alert_facts",
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_alert_facts_alert")),
        sa.PrimaryKeyConstraint("alert", "kind", "value", name=op.f("pk_alert_facts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "edits",
        sa.Column("position", COUNTER, autoincrement=True, nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("gone", sa.Text(), nullable=False),
        sa.Column("now", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_edits_alert")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_edits")),
        sa.UniqueConstraint("alert", "article", "gone", name=op.f("uq_edits_alert_article_gone")),
    )
