"""Who has taken an alert on.

What stands here stays as it is.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from monitor.store.schema import Instant

revision: Final = "0007"
down_revision: Final = "0006"


def upgrade() -> None:
    """Give alerts who acked them; nobody did so far."""
    op.add_column("alerts", sa.Column("acked_at", Instant(), nullable=True))
    op.add_column("alerts", sa.Column("acked_by", sa.Text(), nullable=True))
    op.add_column("alerts", sa.Column("acked_comment", sa.Text(), nullable=True))
