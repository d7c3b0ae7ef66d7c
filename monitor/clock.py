"""The clock of the machine. Everything else is given the time."""

from __future__ import annotations

from datetime import UTC, datetime


def wall_clock() -> datetime:
    """Return the time now, aware and in UTC."""
    return datetime.now(UTC)
