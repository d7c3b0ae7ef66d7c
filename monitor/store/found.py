"""Alerts and notifications found by how their ids begin. Part of `ports.AlertStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from monitor.store.owed import read_notification
from monitor.store.reported import read_alerts
from monitor.store.schema import alerts, notifications
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from monitor.model import Alert, Notification


class FoundTables(Tables):
    """Alerts and notifications, found."""

    def find(self, beginning: str, most: int) -> tuple[Alert | Notification, ...]:
        """Alerts, then notifications, whose ids begin so; at most so many of each."""
        with self.database.reading() as connection:
            begun = select(alerts).where(alerts.c.id.startswith(beginning, autoescape=True))
            found = read_alerts(connection, begun.order_by(alerts.c.position).limit(most))
            owed = select(notifications).where(notifications.c.id.startswith(beginning, autoescape=True))
            rows = connection.execute(owed.order_by(notifications.c.position).limit(most)).all()
            return (*found, *(read_notification(connection, row) for row in rows))
