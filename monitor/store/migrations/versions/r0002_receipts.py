"""Where sent messages stand, as their channels know it.

What stands here stays as it is.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Give notifications their receipt; those that were sent before have none."""
    op.add_column("notifications", sa.Column("receipt", sa.Text(), nullable=True))
