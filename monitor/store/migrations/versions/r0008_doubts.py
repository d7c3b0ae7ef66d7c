"""Attempts whose outcome nobody knows, and sent messages that are kept up to date.

What stands here stays as it is.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from monitor.store.schema import Instant

revision: Final = "0008"
down_revision: Final = "0007"

INSTANT: Final = Instant()


def upgrade() -> None:
    """Add the columns; what is unsent keeps its order by the alerts that it tells."""
    for name in ("failing_since", "doubtful_since", "stale_since", "refresh_at"):
        op.add_column("notifications", sa.Column(name, INSTANT, nullable=True))
    op.create_index(op.f("ix_notifications_refresh_at"), "notifications", ["refresh_at"])
    op.drop_index(op.f("ix_notifications_about_channel_destination_state"), "notifications")
    op.drop_index(op.f("ix_notifications_state_not_before"), "notifications")
    in_order = ["state", "channel", "position", "not_before"]
    op.create_index(op.f("ix_notifications_state_channel_position_not_before"), "notifications", in_order)
