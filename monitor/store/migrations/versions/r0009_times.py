"""What was sent or decided lately is found without reading what was long ago.

What stands here stays as it is.
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0009"
down_revision: Final = "0008"


def upgrade() -> None:
    """Index notifications by when they were sent, decisions by their alert and when they were made."""
    op.create_index(op.f("ix_notifications_sent_at"), "notifications", ["sent_at"])
    op.create_index(op.f("ix_decisions_alert_at"), "decisions", ["alert", "at"])
    op.drop_index(op.f("ix_decisions_alert"), "decisions")
