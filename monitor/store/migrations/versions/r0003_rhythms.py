"""What is known of a source's rhythm and habits, and what its list said of each item.

What stands here stays as it is.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from monitor.store.schema import Instant

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Add columns; sources and sightings of before have nothing in them yet."""
    op.add_column("sources", sa.Column("skipped", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("sources", sa.Column("rate", sa.Float(), nullable=True))
    op.add_column("sources", sa.Column("silent_since", Instant(), nullable=True))
    op.add_column("sources", sa.Column("memory", sa.Text(), nullable=True))
    op.add_column("seen", sa.Column("entry", sa.Text(), nullable=True))
    op.add_column("seen", sa.Column("title", sa.Text(), nullable=True))
