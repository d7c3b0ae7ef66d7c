"""Which articles tell the same story.

What stands here stays as it is.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from monitor.store.schema import Instant

revision: Final = "0005"
down_revision: Final = "0004"

INSTANT: Final = Instant()
COUNTER: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; what was recorded before stays a story of its own."""
    op.create_table(
        "story_members",
        sa.Column("position", COUNTER, autoincrement=True, nullable=False),
        sa.Column("watchlist", sa.Text(), nullable=False),
        sa.Column("story", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["story"], ["stories.id"], name=op.f("fk_story_members_story")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_story_members")),
    )
    op.create_index(op.f("ix_story_members_watchlist_at"), "story_members", ["watchlist", "at"])
    op.create_table(
        "story_keys",
        sa.Column("key", COUNTER, autoincrement=False, nullable=False),
        sa.Column("member", COUNTER, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["member"], ["story_members.position"], name=op.f("fk_story_keys_member")),
        sa.PrimaryKeyConstraint("key", "member", name=op.f("pk_story_keys")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_story_keys_member"), "story_keys", ["member"])
    op.drop_column("stories", "signature")
